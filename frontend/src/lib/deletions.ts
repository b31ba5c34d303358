/** Deleting with a way back: nothing is asked of the server until the time to undo is over. */
import { ApiError } from "./api/error";
import { Store } from "./store";

/** How long one can take it back, in milliseconds. */
export const GRACE = 6000;

/** Deletes it on the server; with `keepalive`, the request outlives the page. */
export type Deletion = (keepalive: boolean) => Promise<void>;

interface Pending {
  run: Deletion;
  onFail: (cause: unknown) => void;
  timer: unknown;
}

/** The part of timers that is needed, so that tests have their own. */
export interface Timers {
  set(call: () => void, milliseconds: number): unknown;
  clear(timer: unknown): void;
}

const browserTimers: Timers = {
  set: (call, milliseconds) => setTimeout(call, milliseconds),
  clear: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

export class Deletions {
  /** What lists must not show: the keys of all that is deleted, or is about to be. */
  readonly hidden = new Store<ReadonlySet<string>>(new Set());
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly timers: Timers = browserTimers) {}

  /** Deletes it in a while, unless {@link undo} comes first. */
  schedule(key: string, run: Deletion, onFail: (cause: unknown) => void): void {
    if (this.pending.has(key)) return;
    const timer = this.timers.set(() => this.finish(key, false), GRACE);
    this.pending.set(key, { run, onFail, timer });
    this.hidden.set(new Set(this.hidden.get()).add(key));
  }

  /** Whether it was in time. */
  undo(key: string): boolean {
    const found = this.pending.get(key);
    if (!found) return false;
    this.timers.clear(found.timer);
    this.show(key);
    return this.pending.delete(key);
  }

  /** Deletes at once what still waits: the page is about to go. */
  flush(): void {
    for (const key of [...this.pending.keys()]) this.finish(key, true);
  }

  private finish(key: string, keepalive: boolean): void {
    const found = this.pending.get(key);
    if (!found) return;
    this.timers.clear(found.timer);
    this.pending.delete(key);
    found.run(keepalive).catch((cause: unknown) => {
      // Somebody else was quicker.
      if (cause instanceof ApiError && cause.kind === "notFound") return;
      this.show(key);
      found.onFail(cause);
    });
  }

  private show(key: string): void {
    this.hidden.set(new Set([...this.hidden.get()].filter((other) => other !== key)));
  }
}
