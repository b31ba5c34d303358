/** From what went wrong to what is to be done about it. */
import { ApiError, limitOf } from "../api/error";
import type { Problem } from "./types";

/** An upload cannot go on as it is. */
export class Refusal extends Error {
  constructor(readonly problem: Problem) {
    super(problem.kind);
  }
}

/** The server no longer knows the upload: its time was over, or somebody gave it up. */
export class Unknown extends Error {}

const NO_UPLOAD = "File directory not found. Please initialize first!";

/** Whether the same may work later, without anybody's help. */
export function passes(cause: unknown): cause is ApiError {
  return cause instanceof ApiError && isPassing(cause);
}

function isPassing({ kind }: ApiError): boolean {
  return kind === "network" || kind === "busy" || kind === "full" || kind === "server";
}

/** What is shown while it is tried again. */
export function passing(cause: ApiError, isOnline: boolean): Problem {
  if (cause.kind === "network") return { kind: isOnline ? "network" : "offline" };
  const limit = limitOf(cause);
  if (limit) return { kind: "limit", detail: limit };
  return { kind: cause.kind === "full" ? "full" : "busy" };
}

/** The server's own words for why it does not take something. */
function words(cause: ApiError): string {
  return [...cause.errors.map((error) => error.replace(/^\[[^\]]*\] ?/, "")), cause.message].filter(Boolean).join(", ");
}

function about(cause: ApiError, field: string): string | undefined {
  const found = cause.errors.find((error) => error.startsWith(`[body->${field}]`));
  return found?.slice(found.indexOf("]") + 2);
}

/** Why something was refused, for a person. Everything that is not a refusal is thrown on. */
export function refusalOf(cause: unknown): unknown {
  if (!(cause instanceof ApiError) || isPassing(cause)) return cause;
  if (cause.message === NO_UPLOAD) return new Unknown();
  if (cause.kind === "signedOut" || cause.kind === "notAllowed") return new Refusal({ kind: cause.kind });
  // A token has a list of them.
  const extension = about(cause, "file_extension") ?? about(cause, "extensions");
  if (extension) {
    const accepted = extension.match(/'[^']+'/g)?.map((name) => name.slice(1, -1)) ?? [];
    return new Refusal({ kind: "extension", ...(accepted.length > 0 && { detail: accepted.join(", ") }) });
  }
  if (about(cause, "filename")) return new Refusal({ kind: "nameTooLong" });
  if (about(cause, "user_id")) return new Refusal({ kind: "userGone" });
  if (about(cause, "appointment_id")) return new Refusal({ kind: "appointmentGone" });
  if (cause.kind === "notFound") return new Refusal({ kind: "deleted" });
  return new Refusal({ kind: "rejected", detail: words(cause) });
}

/** Whether complete says that chunks are missing. */
export function isMissingChunks(cause: unknown): boolean {
  return cause instanceof ApiError && (about(cause, "total_chunks")?.startsWith("missing chunks") ?? false);
}
