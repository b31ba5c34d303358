import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Claims } from "./claims";
import { FakeClock } from "./testing/clock";
import { storage } from "./testing/storage";

const MINUTES = 60_000;
const nothing = () => undefined;

let clock: FakeClock;
/** What all tabs see. */
let seen: Map<string, string>;

beforeEach(() => {
  clock = new FakeClock();
  seen = new Map();
  vi.stubGlobal("localStorage", storage(seen));
});
afterEach(() => vi.unstubAllGlobals());

/** A tab that is at these uploads, with what it keeps under names. A tab that has crashed has a clock that stands. */
async function tab(ids: string[], own = storage(), time: ConstructorParameters<typeof Claims>[0] = clock) {
  vi.stubGlobal("sessionStorage", own);
  const claims = new Claims(time);
  const lost: string[] = [];
  const releases = await Promise.all(ids.map((id) => claims.take(id, () => lost.push(id))));
  expect(releases).not.toContain(null);
  return { claims, own, releases, lost };
}

it("leaves an upload to the tab that began it, over reloads too, until that gives it back", async () => {
  const one = await tab(["a"]);
  const other = await tab(["b"]);
  expect(await other.claims.take("a", nothing)).toBeNull();
  const reloaded = await tab(["a"], one.own);
  expect(await other.claims.take("a", nothing)).toBeNull();
  reloaded.releases[0]?.();
  expect(await other.claims.take("a", nothing)).not.toBeNull();
});

it("leaves it to that tab for as long as it is there", async () => {
  await tab(["a"]);
  const other = await tab([]);
  await clock.pass(30 * MINUTES);
  expect(await other.claims.take("a", nothing)).toBeNull();
});

it("takes an upload whose tab has crashed, after a while", async () => {
  await tab(["a"], storage(), { now: () => clock.now(), later: () => undefined });
  const other = await tab([]);
  await clock.pass(2 * MINUTES);
  expect(await other.claims.take("a", nothing)).toBeNull();
  await clock.pass(2 * MINUTES);
  expect(await other.claims.take("a", nothing)).not.toBeNull();
});

it("takes at once an upload whose tab was closed, of which nothing stays", async () => {
  const one = await tab(["a", "b"]);
  one.claims.leave();
  expect([...seen.keys()]).toEqual([]);
  await tab(["a", "b"]);
});

it("leaves to a tab that comes back what nobody has taken meanwhile", async () => {
  const one = await tab(["a", "b"]);
  one.claims.leave();
  const other = await tab(["a"]);
  one.claims.comeBack();
  expect(one.lost).toEqual(["a"]);
  expect(await other.claims.take("b", nothing)).toBeNull();
  // Nor does it give back what is another tab's.
  one.releases[0]?.();
  expect(await (await tab([])).claims.take("a", nothing)).toBeNull();
});

it("is told what another tab has taken while it was asleep, once", async () => {
  let asleep = false;
  const wake: (() => void)[] = [];
  const later = (milliseconds: number, call: () => void) =>
    clock.later(milliseconds, () => (asleep ? void wake.push(call) : call()));
  const one = await tab(["a", "b"], storage(), { now: () => clock.now(), later });
  asleep = true;
  await clock.pass(4 * MINUTES);
  const other = await tab(["a"]);
  asleep = false;
  for (const call of wake) call();
  await clock.pass(MINUTES);
  expect([one.lost, other.lost]).toEqual([["a"], []]);
  expect(await other.claims.take("b", nothing)).toBeNull();
});

it("is taken for one that is there though the browser once had no room to say so", async () => {
  await tab(["a"]);
  const other = await tab([]);
  vi.stubGlobal("localStorage", {
    ...storage(seen),
    setItem: () => {
      throw new Error("no more room");
    },
  });
  await expect(clock.pass(15_000)).rejects.toThrow("no more room");
  vi.stubGlobal("localStorage", storage(seen));
  await clock.pass(10 * MINUTES);
  expect(await other.claims.take("a", nothing)).toBeNull();
});

it("takes what an older page has left claimed for ever", async () => {
  localStorage.setItem("filemanager.upload.a", "tab that is gone");
  await tab(["a"]);
});

it("holds nobody up where the browser keeps nothing", async () => {
  vi.stubGlobal("localStorage", undefined);
  const one = await tab(["a"]);
  one.releases[0]?.();
  one.claims.leave();
  one.claims.comeBack();
});
