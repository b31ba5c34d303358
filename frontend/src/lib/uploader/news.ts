/** What has happened to uploads since they were looked at last. */
import type { UploadPhase, UploadView } from "./types";

const TROUBLED = ["refused", "failed", "signedOut"];

export interface News {
  added: UploadView[];
  ready: UploadView[];
  troubled: UploadView[];
}

/** `known` are the phases in which they were. What is new may have got ready, or into trouble, already. */
export function newsOf(known: ReadonlyMap<string, UploadPhase>, uploads: readonly UploadView[]): News {
  const changed = uploads.filter(({ id, phase }) => (known.get(id) ?? "waiting") !== phase);
  return {
    added: uploads.filter(({ id }) => !known.has(id)),
    ready: changed.filter(({ phase }) => phase === "ready"),
    troubled: changed.filter(({ phase }) => TROUBLED.includes(phase)),
  };
}
