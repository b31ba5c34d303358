import { describe, expect, it } from "vitest";
import { ApiError } from "../api/error";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";

const CONTENT = "0123456789abcdefghijklmnopqrstuvwxyz and some more bytes";

describe("a file on the disk", () => {
  it("that changed is told of, and is begun anew when it is chosen again", async () => {
    const file = textFile("notes.txt", CONTENT);
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(file)]);
    browser.server.fate = (call) => (call === "putChunk" ? "lostBefore" : "done");
    // What a browser does when it reads a file that is not as it was when it was chosen.
    file.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("changed", "NotReadableError")) }) as Blob;
    browser.server.putChunk = () => Promise.reject(new ApiError("network", 0));
    await until(browser, tab, "refused");
    expect(only(tab).problem?.kind).toBe("changed");
    const again = browser.tab();
    again.add([publicFile(textFile("other.txt", CONTENT))]);
    tab.retry(only(tab).id);
    await until(browser, tab, "interrupted");
    expect(only(tab).needs).toBe("file");
    browser.server.fate = () => "done";
    Reflect.deleteProperty(browser.server, "putChunk");
    const changed = textFile("notes.txt", "quite other bytes", 9);
    await Promise.all([tab.goOn(only(tab).id, changed), browser.clock.pass(100)]);
    await until(browser, tab, "ready");
    expect(browser.server.content(only(tab).fileId ?? "")).toBe("quite other bytes");
  });

  it("that could not be read for a moment goes on where it was", async () => {
    const file = textFile("notes.txt", CONTENT);
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(file)]);
    await browser.clock.until(() => (browser.server.uploads.get("upload-0")?.chunks.size ?? 0) > 1);
    file.slice = () =>
      ({
        arrayBuffer: () => Promise.reject(new DOMException("away", "NotReadableError")),
        text: () => Promise.resolve(""),
      }) as Blob;
    browser.server.fate = () => "lostBefore";
    await until(browser, tab, "refused");
    browser.server.fate = () => "done";
    tab.retry(only(tab).id);
    await until(browser, tab, "interrupted");
    await tab.goOn(only(tab).id, textFile("notes.txt", CONTENT));
    await until(browser, tab, "ready");
    expect(browser.server.calls.filter((call) => call === "init" || call === "giveUp")).toEqual(["init"]);
  });

  it("that is looked at while the person pauses stays paused", async () => {
    const file = textFile("notes.txt", CONTENT);
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(file)]);
    let looked: (() => void) | null = null;
    browser.server.fate = (call) => (call === "putChunk" ? "lostBefore" : "done");
    file.slice = () =>
      ({
        arrayBuffer: () => new Promise<ArrayBuffer>((resolve) => (looked = () => resolve(new ArrayBuffer(1)))),
        text: () => Promise.resolve("0123456789"),
      }) as Blob;
    await browser.clock.until(() => looked !== null);
    tab.pause(only(tab).id);
    (looked as (() => void) | null)?.();
    await browser.clock.pass(1000);
    expect(only(tab).phase).toBe("paused");
  });

  it("of which the server has other bytes is sent from the beginning, however much it looks the same", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(textFile("notes.txt", CONTENT))]);
    browser.server.putChunk = () => Promise.reject(new ApiError("conflict", 409));
    await until(browser, tab, "refused");
    expect(only(tab).problem).toEqual({ kind: "otherBytes" });
    Reflect.deleteProperty(browser.server, "putChunk");
    tab.retry(only(tab).id);
    await until(browser, tab, "interrupted");
    await Promise.all([tab.goOn(only(tab).id, textFile("notes.txt", CONTENT)), browser.clock.pass(100)]);
    await until(browser, tab, "ready");
    expect(browser.server.calls.filter((call) => call === "init" || call === "giveUp")).toEqual([
      "init",
      "giveUp",
      "init",
    ]);
  });

  it("that was moved goes on once it is chosen again", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    const gone = () => Promise.reject(new DOMException("moved", "NotFoundError"));
    const handle = { getFile: gone } as unknown as FileSystemFileHandle;
    tab.add([{ ...publicFile(textFile("notes.txt", CONTENT)), handle }]);
    await until(browser, tab, "refused");
    expect(only(tab).problem).toEqual({ kind: "unreadable" });
    tab.retry(only(tab).id);
    await until(browser, tab, "interrupted");
    await tab.goOn(only(tab).id, textFile("notes.txt", CONTENT));
    await until(browser, tab, "ready");
    expect(browser.server.calls.filter((call) => call === "init")).toHaveLength(1);
  });

  it("that is chosen twice at once is taken once", async () => {
    const browser = new FakeBrowser();
    const tab = browser.tab();
    tab.add([publicFile(textFile("notes.txt", CONTENT))]);
    browser.server.putChunk = () => Promise.reject(new ApiError("conflict", 409));
    await until(browser, tab, "refused");
    Reflect.deleteProperty(browser.server, "putChunk");
    tab.retry(only(tab).id);
    await until(browser, tab, "interrupted");
    const { id } = only(tab);
    const [one, other] = [textFile("one.txt", "1".repeat(CONTENT.length)), textFile("two.txt", CONTENT)];
    const begun: string[] = [];
    const { init } = browser.server;
    browser.server.init = (facts, ...more) => {
      begun.push(facts.filename);
      return init.call(browser.server, facts, ...more);
    };
    await Promise.all([tab.goOn(id, one), tab.goOn(id, other), browser.clock.pass(100)]);
    await until(browser, tab, "ready");
    expect(begun).toEqual(["one.txt"]);
    expect(only(tab).name).toBe("one.txt");
    expect(browser.server.content(only(tab).fileId ?? "")).toBe("1".repeat(CONTENT.length));
  });
});
