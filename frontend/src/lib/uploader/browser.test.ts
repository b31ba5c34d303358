import "fake-indexeddb/auto";
import { expect, it } from "vitest";
import { BrowserMemory } from "./browser";
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
