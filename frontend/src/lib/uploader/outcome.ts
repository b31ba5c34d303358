/** Waits for the server's last word on a file: by events where they come, by asking where they do not. */
import type { StatusAnswer } from "../api/client";
import { dataOfEvents } from "./events";
import type { Clock, Outcome } from "./ports";

const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 2000;

/** How a file's status is come by. Calls throw `ApiError`. */
export interface Sources {
  /** The stream of events; `null` when there is none now. */
  events(signal: AbortSignal): Promise<ReadableStream<Uint8Array> | null>;
  status(signal: AbortSignal): Promise<StatusAnswer>;
}

export class Waiter {
  private streaming = false;

  constructor(private readonly clock: Clock) {}

  async outcome(sources: Sources, signal: AbortSignal): Promise<Outcome> {
    // One at a time: browsers open six connections to a server, and a stream holds one.
    if (!this.streaming) {
      this.streaming = true;
      try {
        const told = await lastEvent(sources, signal);
        if (told) return told;
      } finally {
        this.streaming = false;
      }
    }
    return this.ask(sources, signal);
  }

  private async ask(sources: Sources, signal: AbortSignal): Promise<Outcome> {
    for (let pause = FIRST_PAUSE; ; pause = Math.min(LONGEST_PAUSE, pause * 2)) {
      const outcome = outcomeOf(await sources.status(signal));
      if (outcome) return outcome;
      await this.clock.sleep(pause, signal);
    }
  }
}

/** Whatever is wrong with the events, asking finds out. */
async function lastEvent(sources: Sources, signal: AbortSignal): Promise<Outcome | null> {
  try {
    const events = await sources.events(signal);
    if (!events) return null;
    for await (const data of dataOfEvents(events)) {
      const outcome = outcomeOf(JSON.parse(data) as Partial<StatusAnswer>);
      if (outcome) return outcome;
    }
  } catch (cause) {
    if (signal.aborted) throw cause;
  }
  return null;
}

function outcomeOf({ status, error }: Partial<StatusAnswer>): Outcome | null {
  if (status !== "SUCCESS" && status !== "FAILURE") return null;
  return { status, error: error ?? undefined };
}
