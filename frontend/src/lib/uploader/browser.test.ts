import "fake-indexeddb/auto";
import { afterEach, expect, it, vi } from "vitest";
import { BrowserMemory, browserPorts } from "./browser";
import type { Remembered } from "./ports";
import { storage } from "./testing/storage";

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

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

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

it("lets go of uploads where there are no Web Locks while the page is gone, and takes them back", async () => {
  vi.useFakeTimers();
  const [events, seen] = [new EventTarget(), new Map<string, string>()];
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("localStorage", storage(seen));
  vi.stubGlobal("sessionStorage", storage());
  const { locks } = browserPorts();
  expect(await locks.take("a", () => undefined)).not.toBeNull();
  const claimed = () => seen.has("filemanager.upload.a");
  expect(claimed()).toBe(true);
  events.dispatchEvent(new Event("pagehide"));
  expect(claimed()).toBe(false);
  events.dispatchEvent(new Event("pageshow"));
  expect(claimed()).toBe(true);
});
