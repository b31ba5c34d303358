import { describe, expect, it } from "vitest";
import { ApiError } from "../api/error";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";
import type { Call } from "./testing/server";

const CONTENT = "0123456789abcdefghijklmnopqrstuvwxyz and some more bytes";

/** A private upload that has come to this call, which is never answered, and the tab after a reload. */
async function reloaded(call: Call) {
  const browser = new FakeBrowser();
  const tab = browser.tab();
  tab.add([{ ...publicFile(textFile("notes.txt", CONTENT)), credential: { page: "7" } }]);
  browser.server.fate = (asked) => (asked === call ? "lostBefore" : "done");
  await until(browser, tab, "retrying");
  tab.pauseAll();
  browser.locks.freeAll();
  browser.server.fate = () => "done";
  const later = browser.tab();
  return { browser, later };
}

describe("a private upload of an earlier visit, whose credential nobody knows any more", () => {
  it("goes on, and is private", async () => {
    const { browser, later } = await reloaded("putChunk");
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    await later.goOn(only(later).id, textFile("notes.txt", CONTENT));
    await until(browser, later, "ready");
    expect(browser.server.files.get("file-0")?.upload.credential).toEqual({ page: "7" });
  });

  it("does not begin anew as a public one", async () => {
    const { browser, later } = await reloaded("putChunk");
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    browser.server.uploads.clear();
    await later.goOn(only(later).id, textFile("notes.txt", CONTENT));
    await until(browser, later, "refused");
    expect(only(later).problem).toEqual({ kind: "credentialGone" });
    expect(browser.server.uploads.size).toBe(0);
  });

  it.each<Call>(["complete", "outcome"])("is ready once it is stored, when the page went at %s", async (call) => {
    const { browser, later } = await reloaded(call);
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    const { id, needs } = only(later);
    if (needs === "file") await later.goOn(id, textFile("notes.txt", CONTENT));
    await until(browser, later, "ready");
    expect(browser.memory.rows.size).toBe(0);
  });

  it("that is not stored for long is told to be on the server", async () => {
    const { browser, later } = await reloaded("outcome");
    const { received } = browser.server;
    browser.server.received = async (...asked) => ({
      ...(await received.apply(browser.server, asked)),
      state: "completing",
    });
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    await until(browser, later, "refused");
    expect(only(later).problem).toEqual({ kind: "unseen" });
  });
});

describe("a person who cancels what is a file already", () => {
  it("is told when it could not be deleted, and takes it off the list then", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(textFile("notes.txt", CONTENT))]);
    await until(browser, tab, "finishing");
    await browser.clock.until(() => browser.server.calls.includes("outcome"));
    browser.server.refusal = (call) => (call === "deleteFile" ? new ApiError("notAllowed", 403) : null);
    await Promise.all([tab.cancel(only(tab).id), browser.clock.pass(100)]);
    expect(only(tab)).toMatchObject({ phase: "refused", problem: { kind: "notDeleted" } });
    expect(browser.server.files.size).toBe(1);
    await tab.cancel(only(tab).id);
    expect(tab.snapshot().uploads).toEqual([]);
  });

  it.each<Call>(["complete", "outcome"])("tries again to delete what may be one, cut off after %s", async (call) => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(textFile("notes.txt", CONTENT))]);
    browser.server.fate = (asked) => (asked === call ? "lostAfter" : "done");
    await browser.clock.until(() => browser.server.calls.includes(call) && browser.server.files.size === 1);
    browser.server.fate = () => "lostBefore";
    await Promise.all([tab.cancel(only(tab).id), browser.clock.pass(100)]);
    expect(only(tab).problem).toEqual({ kind: "notDeleted" });
    browser.server.fate = () => "done";
    tab.retry(only(tab).id);
    await browser.clock.pass(100);
    expect([tab.snapshot().uploads, browser.server.files.size]).toEqual([[], 0]);
  });

  it("hears nothing of it when somebody else was quicker", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(textFile("notes.txt", CONTENT))]);
    await browser.clock.until(() => browser.server.calls.includes("outcome"));
    browser.server.files.clear();
    await Promise.all([tab.cancel(only(tab).id), browser.clock.pass(100)]);
    expect(tab.snapshot().uploads).toEqual([]);
  });
});
