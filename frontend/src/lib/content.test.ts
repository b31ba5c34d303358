import { expect, it } from "vitest";
import { contentUrl, isElsewhere } from "./content";

it.each([
  [contentUrl("a"), false],
  ["https://files.test/api/v1/file/signed", false],
  ["https://store.test/bucket/a", true],
  ["http://files.test/api/v1/file/signed", true],
  ["https://files.test:9000/bucket/a", true],
])("knows whether %s leads elsewhere", (url, isOther) => {
  expect(isElsewhere(url, "https://files.test/appointment/?id=1")).toBe(isOther);
});
