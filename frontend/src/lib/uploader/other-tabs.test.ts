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
