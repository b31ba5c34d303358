/** The bytes of files, for previews. They come from the service itself, wherever its store is. */
import { credentialHeaders, type Credential } from "./api/client";
import { errorOf, errorOfFetch } from "./api/error";
import { BASE_URL, send } from "./api/transport";

/** How much of a text is shown, in bytes. */
export const TEXT_SHOWN = 256 * 1024;

/** Opens a public file; it is good as long as the file is there. */
export function contentUrl(id: string): string {
  return `${BASE_URL}/api/v1/file/download/${encodeURIComponent(id)}`;
}

/** Whether the address leads from this page to another origin. */
export function isElsewhere(url: string, page: string): boolean {
  return new URL(url, page).origin !== new URL(page).origin;
}

/** The whole file, as something of this type whatever it says it is. Throws `ApiError`. */
export async function loadBlob(
  id: string,
  credential: Credential | null,
  type: string,
  signal: AbortSignal,
): Promise<Blob> {
  const response = await load(id, credential, {}, signal);
  return (await response.blob()).slice(0, undefined, type);
}

/** The beginning of a text. Throws `ApiError`. */
export async function loadText(id: string, credential: Credential | null, signal: AbortSignal): Promise<string> {
  const response = await load(id, credential, { range: `bytes=0-${TEXT_SHOWN - 1}` }, signal);
  return response.text();
}

async function load(
  id: string,
  credential: Credential | null,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  const request = new Request(contentUrl(id), { headers: { ...credentialHeaders(credential), ...headers }, signal });
  // What is public is there for everybody, and needs no key.
  const response = await (credential ? send(request) : fetch(request)).catch((cause: unknown) => {
    throw errorOfFetch(cause);
  });
  if (!response.ok) throw errorOf(response.status, null, response.headers);
  return response;
}
