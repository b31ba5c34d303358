import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "./api/error";
import { Deletions, GRACE, type Timers } from "./deletions";

let waiting: Map<number, { call: () => void; milliseconds: number }>;
let deletions: Deletions;

beforeEach(() => {
  waiting = new Map();
  let last = 0;
  const timers: Timers = {
    set: (call, milliseconds) => {
      waiting.set(++last, { call, milliseconds });
      return last;
    },
    clear: (timer) => waiting.delete(timer as number),
  };
  deletions = new Deletions(timers);
});

const neverFails = () => expect.unreachable();

function ring(): void {
  for (const { call } of [...waiting.values()]) call();
}

describe("deletions", () => {
  it("wait for as long as one can undo, and then delete once", () => {
    const run = vi.fn(() => Promise.resolve());
    deletions.schedule("a", run, neverFails);
    deletions.schedule("a", run, neverFails);
    expect([...waiting.values()].map(({ milliseconds }) => milliseconds)).toEqual([GRACE]);
    expect(run).not.toHaveBeenCalled();
    expect([...deletions.hidden.get()]).toEqual(["a"]);
    ring();
    expect(run.mock.calls).toEqual([[false]]);
    expect([...deletions.hidden.get()]).toEqual(["a"]);
    expect(deletions.undo("a")).toBe(false);
  });

  it("delete nothing that was undone", () => {
    const run = vi.fn(() => Promise.resolve());
    deletions.schedule("a", run, neverFails);
    expect(deletions.undo("a")).toBe(true);
    expect([...deletions.hidden.get()]).toEqual([]);
    ring();
    deletions.flush();
    expect(run).not.toHaveBeenCalled();
  });

  it("delete at once when the page goes", () => {
    const run = vi.fn(() => Promise.resolve());
    deletions.schedule("a", run, neverFails);
    deletions.flush();
    ring();
    expect(run.mock.calls).toEqual([[true]]);
  });

  it("are done where somebody else was quicker", async () => {
    const gone = Promise.reject(new ApiError("notFound", 404));
    deletions.schedule("a", () => gone, neverFails);
    ring();
    await expect(gone).rejects.toThrow();
    expect([...deletions.hidden.get()]).toEqual(["a"]);
  });

  it("tell when the server did not delete it", async () => {
    const cause = new Error("away");
    const told = new Promise((resolve) => deletions.schedule("a", () => Promise.reject(cause), resolve));
    ring();
    expect(await told).toBe(cause);
    expect([...deletions.hidden.get()]).toEqual([]);
  });
});
