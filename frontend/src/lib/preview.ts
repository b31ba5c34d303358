/** How a file can be shown in the page. */
export type Preview = "image" | "video" | "audio" | "pdf" | "text" | "none";

/** What browsers draw. SVG is not among them: it can run scripts once it is opened by itself. */
const IMAGES = new Set(["jpeg", "jpg", "pjpeg", "png", "gif", "bmp", "webp", "avif", "x-icon", "vnd.microsoft.icon"]);
const VIDEOS = new Set(["mp4", "webm", "ogg", "quicktime", "x-m4v"]);
/** Shown as they are written; nothing in them runs. */
const TEXTS = new Set(["json", "xml", "javascript", "xhtml+xml", "x-ndjson"]);

const BY_EXTENSION = new Map<string, Preview>([
  ["txt", "text"],
  ["csv", "text"],
  ["json", "text"],
  ["xml", "text"],
  ["html", "text"],
  ["svg", "text"],
  ["jpg", "image"],
  ["png", "image"],
  ["gif", "image"],
  ["bmp", "image"],
  ["mp4", "video"],
  ["webm", "video"],
  ["mov", "video"],
  ["mp3", "audio"],
  ["wav", "audio"],
  ["flac", "audio"],
  ["ogg", "audio"],
  ["pdf", "pdf"],
]);

/** By the type, or by the name's ending where the type says nothing. */
export function previewOf(contentType: string, name: string): Preview {
  const essence = contentType.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (essence === "" || essence === "application/octet-stream") return BY_EXTENSION.get(extensionOf(name)) ?? "none";
  const [kind = "", subtype = ""] = essence.split("/");
  if (essence === "application/pdf") return "pdf";
  if (subtype === "svg+xml" || kind === "text") return "text";
  if (kind === "image") return IMAGES.has(subtype) ? "image" : "none";
  if (kind === "video") return VIDEOS.has(subtype) ? "video" : "none";
  if (kind === "audio") return "audio";
  return kind === "application" && TEXTS.has(subtype) ? "text" : "none";
}

/** In lower case, without its dot; empty where there is none. */
export function extensionOf(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot < 0 ? "" : name.slice(dot + 1).toLowerCase();
}
