/** Whether the service can be reached, as far as requests have told. */
import { Store } from "./store";

export type Connection = "up" | "away" | "offline";

/** Between two looks whether it is back, in milliseconds. */
const PAUSE = 2000;

export const connection = new Store<Connection>("up");

/** A request was answered, whatever the answer. */
export function noteAnswer(): void {
  connection.set("up");
}

/** A request got no answer. It is looked again and again whether the service is back: `ping` throws while it is not. */
export function noteSilence(ping: () => Promise<unknown>): void {
  const known = connection.get();
  connection.set(navigator.onLine ? "away" : "offline");
  if (known === "up") void untilBack(ping);
}

async function untilBack(ping: () => Promise<unknown>): Promise<void> {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    try {
      await ping();
      return noteAnswer();
    } catch {
      connection.set(navigator.onLine ? "away" : "offline");
    }
  }
}
