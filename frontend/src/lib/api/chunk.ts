/** Sends a chunk. By `XMLHttpRequest`, because `fetch` does not tell how far a body is on its way. */
import { heldKey } from "../key";
import { ApiError, errorOf } from "./error";
import { BASE_URL, bearerHeader, noteNoAnswer, noteStatus } from "./transport";

/**
 * So long may pass without any progress, in milliseconds: a connection that is lost is not always told of. It counts from the
 * first bytes on, as a browser opens few connections to a server, and a chunk may wait for one.
 */
const SILENCE = 180_000;

/**
 * The bytes go from the disk to the network without passing through the page. `bearer` is shown instead of the person's
 * key. Throws `ApiError`.
 */
export function putChunk(
  uploadId: string,
  index: number,
  bytes: Blob,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
  bearer?: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const key = heldKey();
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    signal.addEventListener("abort", stop, { once: true });
    const failed = () => {
      noteNoAnswer();
      reject(new ApiError("network", 0));
    };
    const silent = () => {
      failed();
      stop();
    };
    let alarm: ReturnType<typeof setTimeout> | undefined;
    request.upload.onprogress = ({ loaded }) => {
      clearTimeout(alarm);
      alarm = setTimeout(silent, SILENCE);
      onProgress(loaded);
    };
    request.onload = () => {
      if (!bearer) noteStatus(key, request.status);
      if (request.status === 200) return resolve();
      const headers = { get: (name: string) => request.getResponseHeader(name) };
      reject(errorOf(request.status, parsed(request.responseText), headers));
    };
    request.onerror = failed;
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => {
      clearTimeout(alarm);
      signal.removeEventListener("abort", stop);
    };
    request.open("PUT", `${BASE_URL}/api/v1/file/upload/${uploadId}/chunk/${index}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    for (const header of Object.entries(bearerHeader(bearer ?? key))) request.setRequestHeader(...header);
    request.send(bytes);
  });
}

/** A proxy may answer with anything. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
