import { expect, it } from "vitest";
import { bytes, date, duration } from "./format";

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1 kB"],
  [1550, "1.6 kB"],
  [123_456, "123 kB"],
  [5_000_000_000, "5 GB"],
  [7e18, "7,000 PB"],
])("shows %d bytes as %s", (amount, text) => {
  expect(bytes(amount, "en")).toBe(text);
});

it.each([
  [0.2, "1 sec"],
  [59.5, "60 sec"],
  [61, "2 min"],
  [3700, "1 hr 1 min"],
])("shows %d seconds as %s", (seconds, text) => {
  expect(duration(seconds, "en")).toBe(text);
});

it("shows dates in the reader's way", () => {
  expect(date("2026-11-23T17:00:00Z", "de")).toContain("23.11.2026");
});
