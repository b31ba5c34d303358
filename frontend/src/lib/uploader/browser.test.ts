import "fake-indexeddb/auto";
import { expect, it, vi } from "vitest";
import { BrowserMemory, browserPorts } from "./browser";
import type { Remembered } from "./ports";

const upload: Remembered = {
  id: "a",
  uploadId: "b",
  name: "notes.txt",
  size: 7,
  lastModified: 1,
  type: "text/plain",
  chunkSize: 5,
  userId: null,
  appointmentId: null,
  isPrivate: false,
  addedAt: 2,
};

it("remembers uploads over reloads until they are forgotten", async () => {
  await new BrowserMemory().save(upload);
  await new BrowserMemory().save({ ...upload, id: "c" });
  await new BrowserMemory().save({ ...upload, name: "other.txt" });
  expect(await new BrowserMemory().all()).toEqual([
    { ...upload, name: "other.txt" },
    { ...upload, id: "c" },
  ]);
  await new BrowserMemory().forget("a");
  expect(await new BrowserMemory().all()).toEqual([{ ...upload, id: "c" }]);
});

/** What a browser keeps under names. */
function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  };
}

it("without locks, leaves an upload to the tab that began it", async () => {
  const [one, other] = [storage(), storage()];
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("localStorage", storage());
  const { locks } = browserPorts();
  vi.stubGlobal("sessionStorage", one);
  expect(await locks.take("a")).not.toBeNull();
  vi.stubGlobal("sessionStorage", other);
  expect(await locks.take("a")).toBeNull();
  expect(await locks.take("b")).not.toBeNull();
  vi.stubGlobal("sessionStorage", one);
  const release = await locks.take("a");
  expect(release).not.toBeNull();
  release?.();
  vi.stubGlobal("sessionStorage", other);
  expect(await locks.take("a")).not.toBeNull();
  vi.unstubAllGlobals();
});
