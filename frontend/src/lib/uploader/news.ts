/** What has happened to uploads since they were looked at last. */
import type { UploadPhase, UploadView } from "./types";

const TROUBLED = ["refused", "failed", "signedOut"];

export interface News {
  added: UploadView[];
  /** Of an earlier visit; they wait for the person. */
  left: UploadView[];
  ready: UploadView[];
  troubled: UploadView[];
}

/** `known` are the phases in which they were. What is new may have got ready, or into trouble, already. */
export function newsOf(known: ReadonlyMap<string, UploadPhase>, uploads: readonly UploadView[]): News {
  const first = uploads.filter(({ id }) => !known.has(id));
  const changed = uploads.filter(({ id, phase }) => (known.get(id) ?? "waiting") !== phase);
  return {
    added: first.filter(({ phase }) => phase !== "interrupted"),
    left: first.filter(({ phase }) => phase === "interrupted"),
    ready: changed.filter(({ phase }) => phase === "ready"),
    troubled: changed.filter(({ phase, problem }) => TROUBLED.includes(phase) || (phase === "interrupted" && problem)),
  };
}

/** Whether all that was told of is there to be seen still. */
export function isCurrent(told: readonly string[], uploads: readonly Pick<UploadView, "id">[]): boolean {
  const here = new Set(uploads.map(({ id }) => id));
  return told.every((id) => here.has(id));
}
