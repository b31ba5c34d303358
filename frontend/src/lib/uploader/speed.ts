const WINDOW = 5000;
const STEP = 250;

/** How fast bytes go, over the last five seconds. */
export class Speed {
  private samples: { at: number; bytes: number }[] = [];

  /** Notes how many bytes have gone in all at this time, in milliseconds. */
  note(at: number, bytes: number): void {
    const last = this.samples.at(-1);
    if (last && at - last.at < STEP) return;
    this.samples.push({ at, bytes });
    while (this.samples[0] && at - this.samples[0].at > WINDOW) this.samples.shift();
  }

  /** Forgets what was, after a pause. */
  restart(): void {
    this.samples = [];
  }

  /** In bytes per second; `null` while nothing is known. */
  at(now: number, bytes: number): number | null {
    const first = this.samples[0];
    if (!first || now - first.at < STEP) return null;
    return Math.max(0, ((bytes - first.bytes) * 1000) / (now - first.at));
  }
}

/** How long it takes at this speed, in seconds. */
export function secondsLeft(bytes: number, speed: number | null): number | null {
  return speed ? bytes / speed : null;
}
