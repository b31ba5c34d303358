import { secondsLeft } from "./speed";
import type { Totals, UploadView } from "./types";

const ACTIVE = new Set(["waiting", "sending", "retrying", "finishing"]);
/** What does not go on once the page is left. */
const UNFINISHED = new Set([...ACTIVE, "paused", "signedOut"]);
const TROUBLED = new Set(["failed", "refused", "signedOut"]);

/** What all uploads are together. */
export function totalsOf(uploads: readonly UploadView[]): Totals {
  const totals: Totals = {
    files: uploads.length,
    ready: 0,
    active: 0,
    unfinished: 0,
    troubled: 0,
    size: 0,
    sent: 0,
    speed: null,
    secondsLeft: null,
  };
  let left = 0;
  for (const { phase, size, sent, speed } of uploads) {
    totals.size += size;
    totals.sent += sent;
    if (phase === "ready") totals.ready += 1;
    if (UNFINISHED.has(phase)) totals.unfinished += 1;
    if (TROUBLED.has(phase)) totals.troubled += 1;
    if (speed !== null) totals.speed = (totals.speed ?? 0) + speed;
    if (!ACTIVE.has(phase)) continue;
    totals.active += 1;
    left += size - sent;
  }
  totals.secondsLeft = secondsLeft(left, totals.speed);
  return totals;
}
