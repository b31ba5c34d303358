/** How calls reach the service: with the person's key, and noting what that tells of the connection and of the key. */
import { noteAnswer, noteSilence } from "../connection";
import { heldKey, noteVerdict } from "../key";
import { isAbort } from "./error";

const DEVELOPMENT_URL = process.env.NODE_ENV === "development" ? "http://localhost:8000" : "";
/** Where the service is: where the page came from, but in development. */
export const BASE_URL = process.env.NEXT_PUBLIC_API_URL ?? DEVELOPMENT_URL;

const UNAUTHORIZED = 401;
/**
 * So long an answer may take to begin, in milliseconds. The service itself gives up long before, but a browser opens few
 * connections to a server, and a request may wait until a chunk of a slow upload has gone.
 */
const SILENCE = 300_000;

export function noteNoAnswer(): void {
  noteSilence(() => fetch(`${BASE_URL}/health/live`));
}

/** The header that shows a key or a token. */
export function bearerHeader(bearer: string | null | undefined): Record<string, string> {
  return bearer ? { authorization: `Bearer ${bearer}` } : {};
}

/** What an answer tells of the key that was shown, or that none was needed. */
export function noteStatus(key: string | null, status: number): void {
  if (status === UNAUTHORIZED) noteVerdict(key, false);
  else if (status >= 200 && status < 300) noteVerdict(key, true);
}

/** For requests to {@link BASE_URL} only. One that shows something itself is left as it is. */
export async function send(request: Request): Promise<Response> {
  const showsItself = request.headers.has("authorization");
  const key = showsItself ? null : heldKey();
  for (const [name, value] of Object.entries(bearerHeader(key))) request.headers.set(name, value);
  const silence = new AbortController();
  const alarm = setTimeout(() => silence.abort(new TypeError("no answer")), SILENCE);
  try {
    const response = await fetch(request, { signal: AbortSignal.any([request.signal, silence.signal]) });
    noteAnswer();
    if (!showsItself) noteStatus(key, response.status);
    return response;
  } catch (cause) {
    if (!isAbort(cause)) noteNoAnswer();
    throw cause;
  } finally {
    clearTimeout(alarm);
  }
}
