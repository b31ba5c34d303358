import { describe, expect, it } from "vitest";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";
import type { Uploader } from "./uploader";

const CONTENT = "what a person of acme uploads, in some more chunks than one";
const file = () => textFile("notes.txt", CONTENT);

/** Somebody of this tenant signs in, and the page has looked at what earlier visits left. */
async function signIn(browser: FakeBrowser, tab: Uploader, tenant: string): Promise<void> {
  browser.server.caller = tenant;
  tab.letGo(tenant);
  await Promise.all([tab.restore(), browser.clock.pass(100)]);
}

/** A tab where `tenant` is known, or is not, with an upload of which the server has some chunks. */
async function start(tenant: string | null = "acme") {
  const browser = new FakeBrowser();
  const tab = browser.tab();
  tab.letGo(tenant);
  tab.add([publicFile(file())]);
  await browser.clock.until(() => (browser.server.uploads.get("upload-0")?.chunks.size ?? 0) > 1);
  return { browser, tab };
}

/** The same, after the browser has crashed and was opened again. */
async function crashed(tenant?: string | null) {
  const { browser, tab } = await start(tenant);
  tab.hold();
  browser.locks.freeAll();
  return { browser, tab: browser.tab() };
}

/** Goes on with the upload of an earlier visit; the server has not begun another one. */
async function finish(browser: FakeBrowser, tab: Uploader): Promise<void> {
  expect(only(tab)).toMatchObject({ phase: "interrupted", name: "notes.txt" });
  await tab.goOn(only(tab).id, file());
  await until(browser, tab, "ready");
  expect([browser.server.content("file-0"), browser.server.uploads.size]).toEqual([CONTENT, 1]);
}

const tenants = ({ memory }: FakeBrowser) => Array.from(memory.rows.values(), ({ tenant }) => tenant);

describe("an upload under way", () => {
  it("waits out of sight while another tenant is there, and goes on when its own is back", async () => {
    for (let moment = 0; moment < 60; moment += 3) {
      const browser = new FakeBrowser();
      const tab = browser.tab();
      await signIn(browser, tab, "acme");
      tab.add([publicFile(file())]);
      await browser.clock.pass(moment);
      tab.hold();
      if (only(tab).phase === "ready") continue;
      const calls = browser.server.calls.length;
      await signIn(browser, tab, "other");
      expect(tab.snapshot()).toMatchObject({ uploads: [], totals: { files: 0, troubled: 0 } });
      tab.pauseAll();
      tab.resumeAll();
      await browser.clock.pass(60_000);
      tab.hold();
      expect([tab.snapshot().uploads, browser.server.calls.length]).toEqual([[], calls]);
      await signIn(browser, tab, "acme");
      await until(browser, tab, "ready");
      expect(browser.server.content(only(tab).fileId ?? "")).toBe(CONTENT);
      expect([browser.server.files.size, browser.memory.rows.size]).toEqual([1, 0]);
    }
  });

  it("is not begun anew after that", async () => {
    const { browser, tab } = await start();
    tab.hold();
    await signIn(browser, tab, "other");
    tab.add([publicFile(textFile("theirs.txt", "of the other tenant"))]);
    await until(browser, tab, "ready");
    tab.hold();
    await signIn(browser, tab, "acme");
    await until(browser, tab, "ready");
    expect(only(tab).name).toBe("notes.txt");
    expect(browser.server.calls.filter((call) => call === "init")).toHaveLength(2);
  });

  it("waits too if what its own tenant did takes effect late", async () => {
    const { browser, tab } = await crashed();
    await signIn(browser, tab, "acme");
    const calls = browser.server.calls.length;
    const late = tab.goOn(only(tab).id, file());
    tab.hold();
    tab.letGo("other");
    await late;
    await browser.clock.pass(60_000);
    expect(browser.server.calls).toHaveLength(calls);
    tab.hold();
    await signIn(browser, tab, "acme");
    await until(browser, tab, "ready");
    expect(browser.server.uploads.size).toBe(1);
  });

  it("is its tenant's as soon as that is told", async () => {
    const { browser, tab } = await start(null);
    expect(tenants(browser)).toEqual([null]);
    tab.letGo("acme");
    expect(tenants(browser)).toEqual(["acme"]);
    tab.hold();
    await signIn(browser, tab, "other");
    expect(tab.snapshot().uploads).toEqual([]);
  });

  it("that is over is not remembered again for that", async () => {
    const { browser, tab } = await start(null);
    await until(browser, tab, "ready");
    tab.letGo("acme");
    expect(browser.memory.rows.size).toBe(0);
  });
});

describe("an upload of an earlier visit", () => {
  it("is neither asked about nor forgotten by another tenant, and goes on when its own is back", async () => {
    const { browser, tab } = await crashed();
    const calls = browser.server.calls.length;
    await signIn(browser, tab, "other");
    expect([tab.snapshot().uploads, browser.server.calls.length]).toEqual([[], calls]);
    expect(tenants(browser)).toEqual(["acme"]);
    tab.hold();
    await signIn(browser, tab, "acme");
    await finish(browser, tab);
  });

  it("waits until it is told who is there", async () => {
    const { browser, tab } = await crashed();
    const calls = browser.server.calls.length;
    tab.letGo(null);
    await Promise.all([tab.restore(), browser.clock.pass(100)]);
    expect([tab.snapshot().uploads, browser.server.calls.length]).toEqual([[], calls]);
    await signIn(browser, tab, "acme");
    await finish(browser, tab);
  });

  it("of which it is not known whose it is, is whoever's is there, and theirs from then on", async () => {
    const { browser, tab } = await crashed(null);
    // So were those that an older page remembered.
    for (const row of browser.memory.rows.values()) delete row.tenant;
    await signIn(browser, tab, "acme");
    expect(tenants(browser)).toEqual(["acme"]);
    tab.hold();
    await signIn(browser, tab, "other");
    expect([tab.snapshot().uploads, browser.memory.rows.size]).toEqual([[], 1]);
    tab.hold();
    await signIn(browser, tab, "acme");
    await finish(browser, tab);
  });

  it("is not brought back to those who come while it is asked about", async () => {
    const { browser, tab } = await crashed();
    tab.letGo("acme");
    const restored = tab.restore();
    await browser.clock.until(() => browser.server.calls.at(-1) === "received");
    tab.hold();
    await signIn(browser, tab, "other");
    await restored;
    expect([tab.snapshot().uploads, tenants(browser)]).toEqual([[], ["acme"]]);
    tab.hold();
    await signIn(browser, tab, "acme");
    await finish(browser, tab);
  });
});
