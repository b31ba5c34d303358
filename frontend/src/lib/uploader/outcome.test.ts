import { describe, expect, it } from "vitest";
import { ApiError } from "../api/error";
import { Waiter, type Sources } from "./outcome";
import { FakeClock } from "./testing/clock";

const never = new AbortController().signal;

/** A stream that carries a text in pieces of this length. */
function stream(text: string, length: number): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.slice(i * length, (i + 1) * length),
  );
  return new ReadableStream({
    pull: (controller) => {
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
  });
}

function sources(text: string | null, length: number, statuses: ("PENDING" | "SUCCESS")[]): Sources {
  return {
    events: () => Promise.resolve(text === null ? null : stream(text, length)),
    status: () => Promise.resolve({ status: statuses.shift() ?? "PENDING" }),
  };
}

const EVENTS =
  ': hello\n\nevent: status\ndata: {"status":"PENDING"}\n\nid: 7\ndata: {"status":"FAILURE","error":"Zu groß."}\r\n\r\n';

describe("the outcome of a file", () => {
  it("is found in the events however they are cut", async () => {
    for (let length = 1; length <= EVENTS.length; length += 1) {
      const outcome = new Waiter(new FakeClock()).outcome(sources(EVENTS, length, []), never);
      expect(await outcome).toEqual({ status: "FAILURE", error: "Zu groß." });
    }
  });

  it.each([
    ["are not to be had", null],
    ["end too early", 'data: {"status":"STARTED"}\n\n'],
    ["make no sense", "data: <html>\n\n"],
  ])("is asked for when events %s", async (_, text) => {
    const clock = new FakeClock();
    let outcome: unknown = null;
    void new Waiter(clock)
      .outcome(sources(text, 5, ["PENDING", "PENDING", "SUCCESS"]), never)
      .then((told) => (outcome = told));
    await clock.until(() => outcome !== null);
    expect(outcome).toEqual({ status: "SUCCESS", error: undefined });
    expect(clock.now()).toBe(1_000_000 + 100 + 200);
  });

  it("is waited for with one stream at a time", async () => {
    const waiter = new Waiter(new FakeClock());
    const stuck: Sources = { events: () => new Promise(() => undefined), status: () => Promise.reject(new Error()) };
    void waiter.outcome(stuck, never);
    const second = sources(EVENTS, 5, ["SUCCESS"]);
    expect(await waiter.outcome(second, never)).toEqual({ status: "SUCCESS", error: undefined });
  });

  it("is what the server says when it refuses", async () => {
    const gone = new ApiError("notFound", 404);
    const refusing: Sources = { events: () => Promise.reject(gone), status: () => Promise.reject(gone) };
    await expect(new Waiter(new FakeClock()).outcome(refusing, never)).rejects.toBe(gone);
  });
});
