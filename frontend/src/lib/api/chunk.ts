/** Sends a chunk. By `XMLHttpRequest`, because `fetch` does not tell how far a body is on its way. */
import { BASE_URL, noteNoAnswer } from "./client";
import { ApiError, errorOf } from "./error";

/**
 * Throws `ApiError`. The bytes are read first: browsers send what is in memory faster than what they have to fetch piece by
 * piece from the disk.
 */
export async function putChunk(
  uploadId: string,
  index: number,
  bytes: Blob,
  onProgress: (sent: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const read = await bytes.arrayBuffer().catch(() => {
    // Whether the file has changed or gone is found out as with a request that got no answer.
    throw new ApiError("network", 0);
  });
  await send(`${BASE_URL}/api/v1/file/upload/${uploadId}/chunk/${index}`, read, onProgress, signal);
}

function send(url: string, bytes: ArrayBuffer, onProgress: (sent: number) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    signal.addEventListener("abort", stop, { once: true });
    request.upload.onprogress = ({ loaded }) => onProgress(loaded);
    request.onload = () => {
      if (request.status === 200) return resolve();
      reject(errorOf(request.status, parsed(request.responseText), request.getResponseHeader("retry-after")));
    };
    request.onerror = () => {
      noteNoAnswer();
      reject(new ApiError("network", 0));
    };
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    request.open("PUT", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
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
