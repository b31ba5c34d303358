import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { dropKey, forgetKeys, heldKey, keepKey, watchKey } from "./key";

class FakeStorage {
  private readonly values = new Map<string, string>();
  getItem = (name: string) => this.values.get(name) ?? null;
  setItem = (name: string, value: string) => void this.values.set(name, value);
  removeItem = (name: string) => void this.values.delete(name);
}

beforeEach(() => {
  vi.stubGlobal("localStorage", new FakeStorage());
  vi.stubGlobal("sessionStorage", new FakeStorage());
});

afterEach(() => vi.useRealTimers());

/** Another tab has changed this. */
function heard(key: string | null): Event {
  return Object.assign(new Event("storage"), { key });
}

/** The page is before the person's eyes, from the browser's cache or not. */
function shown(persisted: boolean): Event {
  return Object.assign(new Event("pageshow"), { persisted });
}

it("a key is kept by the tab or by the browser, and the tab's own goes before", () => {
  expect(heldKey()).toBeNull();
  keepKey("shared", true);
  expect(localStorage.getItem("filemanager.key")).toBe("shared");
  keepKey("own", false);
  expect([heldKey(), localStorage.getItem("filemanager.key")]).toEqual(["own", "shared"]);
  keepKey("next", true);
  expect([heldKey(), sessionStorage.getItem("filemanager.key")]).toEqual(["next", null]);
});

it("only the key that was refused is dropped", () => {
  keepKey("good", true);
  keepKey("bad", false);
  dropKey("bad");
  expect(heldKey()).toBe("good");
  dropKey("bad");
  expect(heldKey()).toBe("good");
});

it("who signs out elsewhere signs out here, whatever keeps the key", () => {
  const events = new EventTarget();
  vi.stubGlobal("addEventListener", events.addEventListener.bind(events));
  vi.stubGlobal("removeEventListener", events.removeEventListener.bind(events));
  const changed = vi.fn();
  const end = watchKey(changed);
  keepKey("own", false);
  for (const key of ["filemanager.user", "filemanager.key", null]) events.dispatchEvent(heard(key));
  expect([changed.mock.calls.length, heldKey()]).toEqual([2, "own"]);
  localStorage.setItem("filemanager.signed-out", "now");
  events.dispatchEvent(heard("filemanager.signed-out"));
  expect([changed.mock.calls.length, heldKey()]).toEqual([3, null]);
  events.dispatchEvent(shown(false));
  expect(changed).toHaveBeenCalledTimes(3);
  events.dispatchEvent(shown(true));
  expect(changed).toHaveBeenCalledTimes(4);
  end();
  events.dispatchEvent(heard("filemanager.key"));
  events.dispatchEvent(shown(true));
  expect(changed).toHaveBeenCalledTimes(4);
});

it("a tab that was elsewhere when somebody signed out is signed out too, until one signs in again", () => {
  const there = sessionStorage;
  for (const key of ["first", "second"]) {
    keepKey(key, false);
    expect(heldKey()).toBe(key);
    vi.stubGlobal("sessionStorage", new FakeStorage());
    keepKey("shared", true);
    vi.setSystemTime(Date.now() + 1000);
    forgetKeys();
    vi.stubGlobal("sessionStorage", there);
    expect([heldKey(), there.getItem("filemanager.key")]).toEqual([null, null]);
  }
});

it("signing out forgets every key and lets other tabs know", () => {
  keepKey("shared", true);
  keepKey("own", false);
  forgetKeys();
  expect(heldKey()).toBeNull();
  expect(localStorage.getItem("filemanager.signed-out")).not.toBeNull();
});
