import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { followsAnother } from "./session";
import { storage } from "./uploader/testing/storage";

beforeEach(() => void vi.stubGlobal("sessionStorage", storage()));
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

it("tells once that somebody else is there than before, and not of the first one", () => {
  const told = ["ada", "ada", "grace", "grace", "ada"].map(followsAnother);
  expect(told).toEqual([false, false, true, false, true]);
});

it("tells it over reloads", async () => {
  followsAnother("ada");
  vi.resetModules();
  const reloaded = await import("./session");
  expect(reloaded.followsAnother("grace")).toBe(true);
});

it("knows of another tab nothing", () => {
  followsAnother("ada");
  vi.stubGlobal("sessionStorage", storage());
  expect(followsAnother("grace")).toBe(false);
});
