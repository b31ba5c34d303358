/** Tries again what fails for a while only, however often. */
import { ApiError } from "../api/error";
import type { Clock, Network } from "./ports";
import { passes } from "./troubles";

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 30_000;

/** What the patient one tells of itself. */
export interface Waiting {
  /** It failed; it is tried again at this time, or once the network is back. */
  held(cause: ApiError, retryAt: number): void;
  /** It is being tried again. */
  goesOn(): void;
  /** Throws when there is no sense in trying again. */
  check(): Promise<void>;
}

/** One for everything that an upload does at a time: its chunks wait together, and ask the server together. */
export class Patience {
  private failures = 0;
  private recovery: Promise<void> | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly network: Network,
    private readonly waiting: Waiting,
  ) {}

  async insist<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    for (;;) {
      if (this.recovery) await this.recovery;
      signal.throwIfAborted();
      try {
        const result = await work();
        this.failures = 0;
        return result;
      } catch (cause) {
        if (!passes(cause)) throw cause;
        this.recovery ??= this.recover(cause, signal).finally(() => (this.recovery = null));
        await this.recovery;
      }
    }
  }

  /** Tries again at once. */
  hurry(): void {
    this.wake?.();
  }

  private async recover(cause: ApiError, signal: AbortSignal): Promise<void> {
    await this.waiting.check();
    signal.throwIfAborted();
    const pause = Math.max(cause.retryAfter ?? 0, this.pause());
    this.failures += 1;
    this.waiting.held(cause, this.clock.now() + pause);
    const hurry = new AbortController();
    const either = AbortSignal.any([signal, hurry.signal]);
    this.wake = () => hurry.abort();
    const back = this.network.backOnline(either);
    await Promise.race([this.clock.sleep(pause, either), back]).catch(() => undefined);
    this.wake = null;
    hurry.abort();
    signal.throwIfAborted();
    this.waiting.goesOn();
  }

  /** Doubles with each failure; up to a quarter shorter at random, so that many do not come back together. */
  private pause(): number {
    return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures) * (1 - this.clock.random() / 4);
  }
}
