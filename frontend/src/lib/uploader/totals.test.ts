import { expect, it } from "vitest";
import { ApiError } from "../api/error";
import { FakeBrowser, only, publicFile, textFile, until } from "./testing/browser";

function start() {
  const browser = new FakeBrowser();
  const tab = browser.tab();
  tab.add([publicFile(textFile("notes.txt", "in some more chunks than one"))]);
  return { browser, tab, unfinished: () => tab.snapshot().totals.unfinished };
}

it("counts as unfinished whatever is in line or under way, paused or signed out, until it is ready", async () => {
  const { browser, tab, unfinished } = start();
  expect(unfinished()).toBe(1);
  tab.pause(only(tab).id);
  expect([only(tab).phase, unfinished()]).toEqual(["paused", 1]);
  tab.resume(only(tab).id);
  tab.hold();
  expect([only(tab).phase, unfinished()]).toEqual(["signedOut", 1]);
  tab.letGo(null);
  await until(browser, tab, "finishing");
  expect(unfinished()).toBe(1);
  await until(browser, tab, "ready");
  expect(unfinished()).toBe(0);
});

it("counts as unfinished nothing that is refused", async () => {
  const { browser, tab, unfinished } = start();
  browser.server.refusal = () => new ApiError("notAllowed", 403);
  await until(browser, tab, "refused");
  expect(unfinished()).toBe(0);
});
