import type { Clock, Network } from "../ports";

/** Time that passes when a test says so. */
export class FakeClock implements Clock {
  private time = 1_000_000;
  private timers: { at: number; call: () => void }[] = [];

  constructor(readonly random: () => number = () => 0) {}

  now(): number {
    return this.time;
  }

  later(milliseconds: number, call: () => void): void {
    this.timers.push({ at: this.time + milliseconds, call });
  }

  sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      this.later(milliseconds, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
    });
  }

  /** Lets everything happen until the condition holds; fails when nothing is left that could happen. */
  async until(condition: () => boolean, what = "the condition"): Promise<void> {
    for (let idle = 0; !condition();) {
      await new Promise((resolve) => setImmediate(resolve));
      if (condition()) return;
      idle = this.tick() ? 0 : idle + 1;
      if (idle > 200) throw new Error(`nothing happens any more, and ${what} does not hold`);
    }
  }

  /** Lets so much time pass, and everything that happens in it. */
  async pass(milliseconds: number): Promise<void> {
    let over = false;
    this.later(milliseconds, () => (over = true));
    await this.until(() => over);
  }

  private tick(): boolean {
    this.timers.sort((one, other) => one.at - other.at);
    const next = this.timers.shift();
    if (!next) return false;
    this.time = Math.max(this.time, next.at);
    next.call();
    return true;
  }
}

export class FakeNetwork implements Network {
  online = true;
  private waiting: (() => void)[] = [];

  isOnline(): boolean {
    return this.online;
  }

  backOnline(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      this.waiting.push(resolve);
    });
  }

  comeBack(): void {
    this.online = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

/** Numbers that the seed brings again (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
