import { ApiError, limitOf } from "@/lib/api/error";
import { texts } from "@/texts";

const TOLD = ["network", "busy", "server", "full", "signedOut", "notAllowed", "notFound", "forbidden"] as const;

/** What went wrong, for a person. */
export function sentence(problem: unknown): string {
  const kind = TOLD.find((told) => problem instanceof ApiError && problem.kind === told);
  return limitOf(problem) ?? texts.errors[kind ?? "other"];
}
