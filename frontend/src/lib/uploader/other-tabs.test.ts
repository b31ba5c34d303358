import { describe, expect, it } from "vitest";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";

const CONTENT = "what one tab uploads and another one would like to, in some chunks";
const file = () => textFile("notes.txt", CONTENT);

/** A tab with an upload of which the server has some chunks, and another tab. */
async function start() {
  const browser = new FakeBrowser();
  const tab = browser.tab();
  tab.add([publicFile(file())]);
  await browser.clock.until(() => (browser.server.uploads.get("upload-0")?.chunks.size ?? 0) > 1);
  return { browser, tab, other: browser.tab() };
}

describe("what another tab has", () => {
  it("is shown once that has crashed, though this is known only after a while", async () => {
    const { browser, tab, other } = await start();
    tab.pauseAll();
    await Promise.all([other.restore(), browser.clock.pass(100)]);
    browser.locks.freeAll();
    await browser.clock.pass(170_000);
    expect(other.snapshot().uploads).toEqual([]);
    await browser.clock.pass(20_000);
    expect(only(other).phase).toBe("interrupted");
  });

  it("is not asked for again and again", async () => {
    const { browser, tab, other } = await start();
    tab.pauseAll();
    await Promise.all([other.restore(), browser.clock.pass(200_000)]);
    browser.locks.freeAll();
    await browser.clock.pass(1_000_000);
    expect(other.snapshot().uploads).toEqual([]);
  });
});

describe("a tab that was asleep while another one took its upload", () => {
  async function woken() {
    const { browser, tab, other } = await start();
    browser.server.fate = () => "lostBefore";
    await until(browser, tab, "retrying");
    const wake = browser.locks.freeAll();
    browser.server.fate = () => "done";
    await Promise.all([other.restore(), browser.clock.until(() => other.snapshot().uploads.length === 1)]);
    wake();
    return { browser, tab, other };
  }

  it("leaves it to that tab, and can go on once that is done", async () => {
    const { browser, tab, other } = await woken();
    const calls = browser.server.calls.length;
    await browser.clock.pass(60_000);
    expect(only(tab)).toMatchObject({ phase: "interrupted", problem: { kind: "otherTab" } });
    expect(browser.server.calls).toHaveLength(calls);
    await tab.goOn(only(tab).id, file());
    expect(only(tab)).toMatchObject({ phase: "interrupted", problem: { kind: "otherTab" } });
    await other.goOn(only(other).id, file());
    await until(browser, other, "ready");
    await tab.goOn(only(tab).id, file());
    await until(browser, tab, "ready");
    expect([browser.server.content("file-0"), browser.server.uploads.size]).toEqual([CONTENT, 1]);
  });

  it("takes it off the list only, when it is cancelled there", async () => {
    const { browser, tab, other } = await woken();
    await Promise.all([tab.cancel(only(tab).id), browser.clock.pass(1000)]);
    expect([tab.snapshot().uploads, browser.server.uploads.size, browser.memory.rows.size]).toEqual([[], 1, 1]);
    await other.goOn(only(other).id, file());
    await until(browser, other, "ready");
  });

  it("does not bring back what it was just asking about", async () => {
    const { browser, tab, other } = await start();
    tab.pauseAll();
    browser.locks.freeAll();
    browser.server.fate = () => "busy";
    const restored = other.restore();
    await browser.clock.pass(1000);
    const wake = browser.locks.freeAll();
    browser.server.fate = () => "done";
    const third = browser.tab();
    await Promise.all([third.restore(), browser.clock.pass(100)]);
    wake();
    await Promise.all([restored, browser.clock.pass(10_000)]);
    expect([other.snapshot().uploads.length, only(third).phase]).toEqual([0, "interrupted"]);
  });
});
