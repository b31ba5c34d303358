import { expect, it } from "vitest";
import { isCurrent, newsOf } from "./news";
import type { UploadPhase, UploadView } from "./types";

const uploads = (phases: Record<string, UploadPhase>) =>
  Object.entries(phases).map(([id, phase]) => ({ id, phase }) as UploadView);

/** The ids of what is told of these, when those phases are known. */
function told(known: Record<string, UploadPhase>, now: Record<string, UploadPhase>) {
  const news = newsOf(new Map(Object.entries(known)), uploads(now));
  return Object.values(news)
    .map((some: UploadView[]) => some.map(({ id }) => id).join(""))
    .join("|");
}

it("tells what was added, though nothing was known before", () => {
  expect(told({}, { a: "waiting", b: "sending" })).toBe("ab|||");
});

it("tells what is ready or in trouble as soon as it is added", () => {
  expect(told({ a: "sending" }, { a: "sending", b: "ready", c: "refused", d: "signedOut" })).toBe("bcd||b|cd");
});

it("tells of those of an earlier visit as such, and not once more when they go on", () => {
  expect(told({}, { a: "interrupted", b: "waiting" })).toBe("b|a||");
  expect(told({ a: "interrupted" }, { a: "waiting" })).toBe("|||");
});

it("tells of one that another tab has taken as of a trouble", () => {
  const taken = { id: "a", phase: "interrupted", problem: { kind: "otherTab" } } as UploadView;
  expect(newsOf(new Map([["a", "sending"]]), [taken]).troubled).toEqual([taken]);
  expect(told({ a: "refused" }, { a: "interrupted" })).toBe("|||");
});

it("tells once what has got ready or into trouble since", () => {
  const now: Record<string, UploadPhase> = { a: "ready", b: "ready", c: "failed", d: "finishing", e: "refused" };
  expect(told({ a: "finishing", b: "ready", c: "finishing", d: "sending", e: "refused" }, now)).toBe("||a|c");
});

it("is over once one of those that were told of is gone", () => {
  const here = uploads({ a: "ready", b: "paused" });
  expect([isCurrent(["a"], here), isCurrent(["a", "c"], here), isCurrent(["a"], [])]).toEqual([true, false, false]);
});
