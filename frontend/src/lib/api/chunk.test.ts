import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { putChunk } from "./chunk";

/** A request of which nothing is heard. */
class SilentRequest {
  static last: SilentRequest;
  upload: { onprogress: (event: { loaded: number }) => void } = { onprogress: () => undefined };
  onabort = () => undefined;
  onloadend = () => undefined;
  open = vi.fn();
  setRequestHeader = vi.fn();
  send = vi.fn();

  constructor() {
    SilentRequest.last = this;
  }

  abort() {
    this.onabort();
    this.onloadend();
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("XMLHttpRequest", SilentRequest);
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  vi.stubGlobal("localStorage", { getItem: () => null });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("fetch", () => new Promise(() => undefined));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("a chunk on its way", () => {
  it("has no network once nothing was heard of it for long", async () => {
    const sent = putChunk("upload", 0, new Blob(["abc"]), () => undefined, new AbortController().signal);
    const failed = vi.fn();
    sent.catch(failed);
    // It may wait for one of the few connections.
    await vi.advanceTimersByTimeAsync(600_000);
    for (const loaded of [1, 2]) {
      SilentRequest.last.upload.onprogress({ loaded });
      await vi.advanceTimersByTimeAsync(170_000);
    }
    expect(failed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(failed.mock.calls).toMatchObject([[{ kind: "network" }]]);
  });

  it("is given up with the reason of whoever gave it up", async () => {
    const work = new AbortController();
    const sent = putChunk("upload", 0, new Blob(["abc"]), () => undefined, work.signal);
    work.abort(new DOMException("stopped", "AbortError"));
    await expect(sent).rejects.toMatchObject({ name: "AbortError" });
    expect(vi.getTimerCount()).toBe(0);
  });
});
