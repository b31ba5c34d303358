import { describe, expect, it } from "vitest";
import { ApiError } from "../api/error";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";
import { seeded } from "./testing/clock";
import type { Call, Fate } from "./testing/server";
import type { ProblemKind } from "./types";

const CONTENT = "0123456789abcdefghijklmnopqrstuvwxyz and some more bytes";

function start(content = CONTENT, name = "notes.txt") {
  const browser = new FakeBrowser();
  const tab = browser.tab();
  tab.add([publicFile(textFile(name, content))]);
  return { browser, tab };
}

describe("an upload", () => {
  it("sends every byte and is ready only when the server says so", async () => {
    const { browser, tab } = start();
    const phases = new Set<string>();
    tab.subscribe(() => phases.add(only(tab).phase));
    await until(browser, tab, "ready");
    const { fileId, sent, size } = only(tab);
    expect(browser.server.content(fileId ?? "")).toBe(CONTENT);
    expect([sent, size]).toEqual([CONTENT.length, CONTENT.length]);
    expect(browser.memory.rows.size).toBe(0);
    expect(tab.snapshot().totals).toMatchObject({ files: 1, ready: 1, active: 0 });
    expect(phases).not.toContain("refused");
  });

  it("of an empty file has no chunks", async () => {
    const { browser, tab } = start("");
    await until(browser, tab, "ready");
    expect(browser.server.calls).toEqual(["init", "complete", "outcome"]);
  });

  it("of a private file shows the credential when it waits", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([{ ...publicFile(textFile("a.txt", CONTENT)), credential: { page: "7" } }]);
    await until(browser, tab, "ready");
    expect(only(tab).isPrivate).toBe(true);
  });

  it.each<[string, ProblemKind]>([
    ["", "noName"],
    ["noextension", "noExtension"],
    [`${"語".repeat(252)}.txt`, "nameTooLong"],
  ])("of a file called %s is refused before anything is sent", async (name, kind) => {
    const { browser, tab } = start(CONTENT, name);
    await until(browser, tab, "refused");
    expect(only(tab).problem?.kind).toBe(kind);
    expect(browser.server.calls).toEqual([]);
  });

  it("takes names of 255 characters in any script, with markup in them", async () => {
    const { browser, tab } = start(CONTENT, `${"語".repeat(240)}<b>&amp;.tXT`);
    await until(browser, tab, "ready");
    expect([...browser.server.uploads.values()][0]?.facts.file_extension).toBe("txt");
  });

  it("tells the server's sentence of a failure, and tries again when asked", async () => {
    const { browser, tab } = start();
    browser.server.next = { status: "FAILURE", error: "The store did not take it." };
    await until(browser, tab, "failed");
    expect(only(tab).problem).toEqual({ kind: "failure", detail: "The store did not take it." });
    tab.retry(only(tab).id);
    await until(browser, tab, "ready");
    expect(browser.server.calls.filter((call) => call === "putChunk")).toHaveLength(6);
  });

  it("goes elsewhere when its user is gone, and sends nothing twice", async () => {
    const { browser, tab } = start();
    const gone = new ApiError("invalid", 422, ["[body->user_id] there is no such user"]);
    browser.server.refusal = (call) => (call === "complete" ? gone : null);
    await until(browser, tab, "refused");
    expect(only(tab).problem?.kind).toBe("userGone");
    browser.server.refusal = () => null;
    tab.retry(only(tab).id, { userId: "another", appointmentId: null });
    await until(browser, tab, "ready");
    expect(browser.server.files.get("file-0")?.upload.facts.user_id).toBe("another");
    expect(browser.server.calls.filter((call) => call === "putChunk")).toHaveLength(6);
  });

  it("begins anew when the server has given it up", async () => {
    const { browser, tab } = start();
    await browser.clock.until(() => browser.server.calls.includes("putChunk"));
    browser.server.uploads.clear();
    await until(browser, tab, "ready");
    expect(browser.server.content("file-0")).toBe(CONTENT);
  });
});

describe("a person", () => {
  it("pauses and goes on at any moment", async () => {
    for (let moment = 0; moment < 60; moment += 3) {
      const { browser, tab } = start();
      await browser.clock.pass(moment);
      const { id, phase } = only(tab);
      tab.pause(id);
      if (phase === "finishing" || phase === "ready") continue;
      expect(only(tab).phase).toBe("paused");
      const calls = browser.server.calls.length;
      await browser.clock.pass(60_000);
      expect(browser.server.calls).toHaveLength(calls);
      tab.resume(id);
      await until(browser, tab, "ready");
      expect(browser.server.content(only(tab).fileId ?? "")).toBe(CONTENT);
      expect(browser.server.files.size).toBe(1);
    }
  });

  it("pauses while the disk is asked whether all that was sent is the file still", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    const file = textFile("notes.txt", CONTENT);
    const asked: (() => void)[] = [];
    const getFile = () => new Promise<File>((resolve) => asked.push(() => resolve(file)));
    tab.add([{ ...publicFile(file), handle: { getFile } as FileSystemFileHandle }]);
    await browser.clock.until(() => asked.length === 1);
    tab.pause(only(tab).id);
    asked[0]?.();
    await browser.clock.pass(1000);
    expect(only(tab).phase).toBe("paused");
    expect(browser.server.calls).not.toContain("complete");
    tab.resume(only(tab).id);
    await browser.clock.until(() => asked.length === 2);
    asked[1]?.();
    await until(browser, tab, "ready");
  });

  it("cancels at any moment, and nothing stays", async () => {
    for (let moment = 0; moment < 60; moment += 3) {
      const { browser, tab } = start();
      await browser.clock.pass(moment);
      await Promise.all([tab.cancel(only(tab).id), browser.clock.pass(1000)]);
      expect(tab.snapshot().uploads).toEqual([]);
      expect(browser.server.files.size).toBe(0);
      expect(browser.memory.rows.size).toBe(0);
    }
  });
});

describe("a bad network", () => {
  it.each(Array.from({ length: 40 }, (_, seed) => seed))("loses nothing, seed %i", async (seed) => {
    const random = seeded(seed);
    const browser = new FakeBrowser(random);
    const fates: Fate[] = ["lostBefore", "lostAfter", "busy"];
    browser.server.fate = () => (random() < 0.4 ? (fates[Math.floor(random() * 3)] ?? "done") : "done");
    const tab = browser.tab();
    const contents = Array.from({ length: 6 }, (_, number) => `${number}`.repeat(number * 17));
    tab.add(contents.map((content, number) => publicFile(textFile(`${number}.txt`, content))));
    await browser.clock.until(() => tab.snapshot().totals.ready === contents.length, "all are ready");
    expect(browser.server.files.size).toBe(contents.length);
    const found = tab.snapshot().uploads.map(({ fileId }) => browser.server.content(fileId ?? ""));
    expect(found).toEqual(contents);
  });

  it("that is away for a minute is told, is not hammered, and is noticed when it is back", async () => {
    const { browser, tab } = start();
    await browser.clock.until(() => browser.server.calls.includes("putChunk"));
    browser.server.fate = () => "lostBefore";
    await until(browser, tab, "retrying");
    const before = browser.server.calls.length;
    await browser.clock.pass(40_000);
    expect(only(tab)).toMatchObject({ phase: "retrying", problem: { kind: "network" } });
    expect(browser.server.calls.length - before).toBeLessThan(30);
    expect((only(tab).retryAt ?? 0) - browser.clock.now()).toBeGreaterThan(10_000);
    browser.server.fate = () => "done";
    browser.network.comeBack();
    const now = browser.clock.now();
    await until(browser, tab, "ready");
    expect(browser.clock.now() - now).toBeLessThan(2000);
  });

  it("waits as long as the server asks for", async () => {
    const { browser, tab } = start();
    browser.server.fate = () => "busy";
    await until(browser, tab, "retrying");
    const { retryAt, problem } = only(tab);
    expect(problem?.kind).toBe("busy");
    expect((retryAt ?? 0) - browser.clock.now()).toBeGreaterThan(1900);
  });
});

describe("a limit", () => {
  it("is told in the server's words, and is not hammered at", async () => {
    const { browser, tab } = start();
    const limit = new ApiError("busy", 429, [], "There may be at most 2 uploads at a time.", 60_000);
    browser.server.refusal = (call) => (call === "init" ? limit : null);
    await until(browser, tab, "retrying");
    expect(only(tab).problem).toEqual({ kind: "limit", detail: limit.message });
    await browser.clock.pass(59_000);
    expect(browser.server.calls).toEqual(["init"]);
    await browser.clock.pass(120_000);
    expect(browser.server.calls).toEqual(["init", "init", "init"]);
    browser.server.refusal = () => null;
    await until(browser, tab, "ready");
  });

  it("that is no matter of time refuses the file", async () => {
    const { browser, tab } = start();
    browser.server.refusal = () => new ApiError("invalid", 413, [], "A file may have at most 3 bytes.");
    await until(browser, tab, "refused");
    expect(only(tab).problem).toEqual({ kind: "rejected", detail: "A file may have at most 3 bytes." });
  });
});

describe("a person who is signed out", () => {
  const signedOut = new ApiError("signedOut", 401);

  it("finds uploads waiting, which go on after signing in, whenever it happens", async () => {
    for (let moment = 0; moment < 60; moment += 3) {
      const { browser, tab } = start();
      await browser.clock.pass(moment);
      tab.hold();
      if (only(tab).phase === "ready") continue;
      expect(only(tab)).toMatchObject({ phase: "signedOut", problem: { kind: "signedOut" } });
      expect(tab.snapshot().totals).toMatchObject({ active: 0, troubled: 1 });
      const calls = browser.server.calls.length;
      await browser.clock.pass(60_000);
      expect(browser.server.calls).toHaveLength(calls);
      tab.letGo(null);
      await until(browser, tab, "ready");
      expect(browser.server.content(only(tab).fileId ?? "")).toBe(CONTENT);
      expect(browser.server.files.size).toBe(1);
    }
  });

  it.each(["init", "putChunk", "complete", "outcome"] as const)("is noticed by %s too", async (call) => {
    const { browser, tab } = start();
    browser.server.refusal = (asked) => (asked === call ? signedOut : null);
    await until(browser, tab, "signedOut");
    browser.server.refusal = () => null;
    tab.letGo(null);
    await until(browser, tab, "ready");
  });

  it("keeps paused what was paused, and what an earlier visit left until somebody signs in", async () => {
    const { browser, tab } = start();
    await browser.clock.until(() => browser.memory.rows.size === 1);
    tab.pauseAll();
    tab.hold();
    tab.letGo(null);
    expect(only(tab).phase).toBe("paused");
    browser.locks.freeAll();
    const later = browser.tab();
    browser.server.refusal = () => signedOut;
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    expect(later.snapshot().uploads).toEqual([]);
    browser.server.refusal = () => null;
    const calls = browser.server.calls.length;
    const restored = later.restore();
    await browser.clock.until(() => browser.server.calls.length > calls);
    await Promise.all([restored, later.restore(), browser.clock.pass(100)]);
    expect(only(later).phase).toBe("interrupted");
    expect(browser.server.calls.slice(calls)).toEqual(["received"]);
  });

  it("keeps waiting what somebody adds or touches meanwhile", async () => {
    const { browser, tab } = start();
    await browser.clock.until(() => browser.server.calls.includes("putChunk"));
    tab.pause(only(tab).id);
    tab.hold();
    const calls = browser.server.calls.length;
    tab.resume(only(tab).id);
    tab.add([publicFile(textFile("other.txt", CONTENT))]);
    await browser.clock.pass(1000);
    expect(tab.snapshot().uploads.map(({ phase }) => phase)).toEqual(["signedOut", "signedOut"]);
    expect(browser.server.calls).toHaveLength(calls);
    tab.letGo(null);
    await browser.clock.until(() => tab.snapshot().totals.ready === 2, "both are ready");
  });

  it("is told when the key allows no uploads", async () => {
    const { browser, tab } = start();
    browser.server.refusal = () => new ApiError("notAllowed", 403);
    await until(browser, tab, "refused");
    expect(only(tab).problem).toEqual({ kind: "notAllowed" });
  });
});

describe("a thousand files at once", () => {
  it("go a few at a time and are told of seldom", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    let told = 0;
    tab.subscribe(() => (told += 1));
    tab.add(Array.from({ length: 1000 }, (_, number) => publicFile(textFile(`${number}.txt`, "ab"))));
    const begun = browser.clock.now();
    await browser.clock.until(() => tab.snapshot().totals.ready === 1000, "all are ready");
    expect(browser.server.mostUnderWay).toBeLessThanOrEqual(16);
    expect(told).toBeLessThanOrEqual((browser.clock.now() - begun) / 100 + 1);
    expect(browser.server.files.size).toBe(1000);
  });
});

describe("another visit", () => {
  async function interrupted() {
    const { browser, tab } = start();
    await browser.clock.until(() => (browser.server.uploads.get("upload-0")?.chunks.size ?? 0) > 1);
    const stuck: (call: Call) => Fate = () => "lostBefore";
    browser.server.fate = stuck;
    await until(browser, tab, "retrying");
    browser.server.fate = () => "done";
    const later = browser.tab();
    return { browser, tab, later };
  }

  it("goes on with the same file and sends only the rest", async () => {
    const { browser, tab, later } = await interrupted();
    tab.pauseAll();
    browser.locks.freeAll();
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    expect(only(later)).toMatchObject({ phase: "interrupted", needs: "file", name: "notes.txt" });
    expect(only(later).sent).toBeGreaterThan(0);
    const before = browser.server.calls.filter((call) => call === "putChunk").length;
    const present = browser.server.uploads.get("upload-0")?.chunks.size ?? 0;
    await later.goOn(only(later).id, textFile("notes.txt", CONTENT));
    await until(browser, later, "ready");
    expect(browser.server.calls.filter((call) => call === "putChunk").length - before).toBe(6 - present);
    expect(browser.server.content("file-0")).toBe(CONTENT);
  });

  it("refuses another file", async () => {
    const { browser, tab, later } = await interrupted();
    tab.pauseAll();
    browser.locks.freeAll();
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    await later.goOn(only(later).id, textFile("notes.txt", CONTENT, 2));
    expect(only(later)).toMatchObject({ phase: "interrupted", problem: { kind: "otherFile" } });
  });

  it("leaves alone what another tab is at", async () => {
    const { browser, later } = await interrupted();
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    expect(later.snapshot().uploads).toEqual([]);
  });

  it("needs nothing of the person once all bytes are there", async () => {
    const { browser, tab } = start();
    browser.server.fate = (call) => (call === "outcome" ? "lostBefore" : "done");
    await browser.clock.until(() => browser.server.files.size === 1);
    await until(browser, tab, "retrying");
    tab.pauseAll();
    browser.server.fate = () => "done";
    browser.locks.freeAll();
    const later = browser.tab();
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    await until(browser, later, "ready");
    expect(browser.server.files.size).toBe(1);
  });

  it("is shown what it left once a server that is busy can tell", async () => {
    const { browser, tab, later } = await interrupted();
    tab.pauseAll();
    browser.locks.freeAll();
    browser.server.fate = () => "busy";
    const restored = later.restore();
    await browser.clock.pass(1000);
    expect(later.snapshot().uploads).toEqual([]);
    browser.server.fate = () => "done";
    await Promise.all([restored, browser.clock.pass(10_000)]);
    expect(only(later).phase).toBe("interrupted");
  });

  it("forgets what the server has forgotten", async () => {
    const { browser, tab, later } = await interrupted();
    tab.pauseAll();
    browser.locks.freeAll();
    browser.server.uploads.clear();
    await Promise.all([later.restore(), browser.clock.pass(100)]);
    expect(later.snapshot().uploads).toEqual([]);
    expect(browser.memory.rows.size).toBe(0);
  });
});
