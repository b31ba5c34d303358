import { describe, expect, it } from "vitest";
import { extensionOf, previewOf } from "./preview";

describe("the preview of a file", () => {
  it.each([
    ["image/jpeg", "a.jpg", "image"],
    ["IMAGE/PNG", "a.png", "image"],
    ["image/tiff", "a.tif", "none"],
    ["image/heic", "a.heic", "none"],
    ["video/mp4", "a.mp4", "video"],
    ["video/x-msvideo", "a.avi", "none"],
    ["audio/mpeg", "a.mp3", "audio"],
    ["application/pdf", "a.pdf", "pdf"],
    ["text/plain; charset=utf-8", "a.txt", "text"],
    ["application/json", "a.json", "text"],
    ["application/zip", "a.zip", "none"],
    ["application/octet-stream", "a.PNG", "image"],
    ["application/octet-stream", "a", "none"],
  ])("of %s called %s is %s", (type, name, preview) => {
    expect(previewOf(type, name)).toBe(preview);
  });

  it("never runs what could be a program", () => {
    expect(previewOf("text/html", "a.html")).toBe("text");
    expect(previewOf("image/svg+xml", "a.svg")).toBe("text");
    expect(previewOf("application/octet-stream", "constructor")).toBe("none");
    expect(previewOf("application/octet-stream", "a.constructor")).toBe("none");
  });
});

it("the extension is what follows the last dot", () => {
  expect([extensionOf("a.b.TXT"), extensionOf("none"), extensionOf("ends.")]).toEqual(["txt", "", ""]);
});
