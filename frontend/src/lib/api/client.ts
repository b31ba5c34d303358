/** The service's routes as functions. Types come from its description; each throws {@link ApiError}. */
import createClient from "openapi-fetch";
import { ApiError, errorOf, errorOfFetch } from "./error";
import type { components, paths } from "./schema";
import { BASE_URL, bearerHeader, send } from "./transport";

export { ApiError, isAbort, type ApiErrorKind } from "./error";

export type User = components["schemas"]["UserAnswer"];
/** An appointment with its newest files, a thousand at the most. */
export type Appointment = components["schemas"]["AppointmentAnswer"];
/** A file in a list. `download_url` is `null` for a private one: {@link getFile} with the credential gives a signed one. */
export type FileRow = components["schemas"]["ListedFileAnswer"];
export type FileStatus = components["schemas"]["FileStatus"];
/** The pairs that must be known to see a private file. */
export type Credential = Readonly<Record<string, string>>;
export type FileDetails = Omit<components["schemas"]["FileAnswer"], "credential"> & { credential?: Credential | null };
export type StatusAnswer = components["schemas"]["StatusAnswer"];
export type UploadState = components["schemas"]["UploadAnswer"];
export type InitForm = components["schemas"]["InitForm"];
export type CompleteForm = components["schemas"]["CompleteForm"];
export type TokenForm = components["schemas"]["TokenForm"];
export type UploadToken = components["schemas"]["TokenAnswer"];
export type Usage = components["schemas"]["UsageAnswer"];

export interface CallOptions {
  signal?: AbortSignal | undefined;
  /** Lets the request outlive the page. */
  keepalive?: boolean | undefined;
  /** A key or an upload token that is shown instead of the person's key. */
  bearer?: string | undefined;
}

export interface PageOptions extends CallOptions {
  /** From the page before; nothing for the first one. */
  cursor?: string | undefined;
  limit?: number | undefined;
}

/** Some of a list, newest first. */
export interface Page<Item> {
  items: Item[];
  /** Where the next page begins; `null` on the last one. */
  nextCursor: string | null;
}

const PAGE_SIZE = 100;
const client = createClient<paths>({ baseUrl: BASE_URL, fetch: send });

/** What this key allows, or what is allowed without one. */
export function getUsage(key: string | null): Promise<Usage> {
  return dataOf(client.GET("/api/v1/usage", given({ bearer: key ?? undefined })));
}

export function listUsers({ cursor, limit, ...options }: PageOptions = {}): Promise<Page<User>> {
  return pageOf(client.GET("/api/v1/users", { params: { query: pageQuery(cursor, limit) }, ...given(options) }));
}

export function createUser(name: string, options: CallOptions = {}): Promise<User> {
  return dataOf(client.POST("/api/v1/users", { body: { name }, ...given(options) }));
}

/** Deletes a user with all appointments and files. */
export async function deleteUser(id: string, options: CallOptions = {}): Promise<void> {
  await dataOf(client.DELETE("/api/v1/users/{user_id}", { params: { path: { user_id: id } }, ...given(options) }));
}

export function listAppointments(
  userId: string,
  { cursor, limit, ...options }: PageOptions = {},
): Promise<Page<Appointment>> {
  const query = { user_id: userId, ...pageQuery(cursor, limit) };
  return pageOf(client.GET("/api/v1/appointments", { params: { query }, ...given(options) }));
}

export function createAppointment(name: string, userId: string, options: CallOptions = {}): Promise<Appointment> {
  return dataOf(client.POST("/api/v1/appointments", { body: { name, user_id: userId }, ...given(options) }));
}

/** Deletes an appointment with its files. */
export async function deleteAppointment(id: string, options: CallOptions = {}): Promise<void> {
  await dataOf(
    client.DELETE("/api/v1/appointments/{appointment_id}", {
      params: { path: { appointment_id: id } },
      ...given(options),
    }),
  );
}

export function listFiles(userId: string, { cursor, limit, ...options }: PageOptions = {}): Promise<Page<FileRow>> {
  const query = { user_id: userId, ...pageQuery(cursor, limit) };
  return pageOf(client.GET("/api/v1/file/all", { params: { query }, ...given(options) }));
}

export function listAppointmentFiles(
  id: string,
  { cursor, limit, ...options }: PageOptions = {},
): Promise<Page<FileRow>> {
  const params = { path: { appointment_id: id }, query: pageQuery(cursor, limit) };
  return pageOf(client.GET("/api/v1/file/appointment/{appointment_id}", { params, ...given(options) }));
}

export function getFile(id: string, credential?: Credential | null, options: CallOptions = {}): Promise<FileDetails> {
  const params = { path: { file_id: id } };
  return detailsOf(client.GET("/api/v1/file/get/{file_id}", { params, ...given(options, credential) }));
}

export function fileStatus(
  id: string,
  credential?: Credential | null,
  options: CallOptions = {},
): Promise<StatusAnswer> {
  const params = { path: { file_id: id } };
  return dataOf(client.GET("/api/v1/file/status/{file_id}", { params, ...given(options, credential) }));
}

export async function deleteFile(id: string, credential?: Credential | null, options: CallOptions = {}): Promise<void> {
  const params = { path: { file_id: id } };
  await dataOf(client.DELETE("/api/v1/file/{file_id}", { params, ...given(options, credential) }));
}

/** The changes of a file's status as they happen; `null` when there are none to come. */
export async function fileEvents(
  id: string,
  credential?: Credential | null,
  options: CallOptions = {},
): Promise<ReadableStream<Uint8Array> | null> {
  const url = `${BASE_URL}/api/v1/file/events/${encodeURIComponent(id)}`;
  const response = await send(new Request(url, given(options, credential))).catch((cause: unknown) => {
    throw errorOfFetch(cause);
  });
  if (!response.ok) throw errorOf(response.status, null, response.headers);
  return response.status === 200 ? response.body : null;
}

/** Queues a file again that is in FAILURE. */
export function retryFile(id: string, credential?: Credential | null, options: CallOptions = {}): Promise<FileDetails> {
  const body = { file_id: id, credential: credential ? JSON.stringify(credential) : null };
  return detailsOf(client.POST("/api/v1/file/upload/retry", { body, ...given(options) }));
}

export function initUpload(body: InitForm, options: CallOptions = {}) {
  return dataOf(client.POST("/api/v1/file/upload/init", { body, ...given(options) }));
}

/** For uploads of one kind, for a while. */
export function issueToken(body: TokenForm, options: CallOptions = {}): Promise<UploadToken> {
  return dataOf(client.POST("/api/v1/file/upload/token", { body, ...given(options) }));
}

/** What the server has of an upload. */
export function uploadState(uploadId: string, options: CallOptions = {}): Promise<UploadState> {
  const params = { path: { upload_id: uploadId } };
  return dataOf(client.GET("/api/v1/file/upload/{upload_id}", { params, ...given(options) }));
}

/** Gives an upload up. */
export async function abortUpload(uploadId: string, options: CallOptions = {}): Promise<void> {
  const params = { path: { upload_id: uploadId } };
  await dataOf(client.DELETE("/api/v1/file/upload/{upload_id}", { params, ...given(options) }));
}

export function completeUpload(body: CompleteForm, options: CallOptions = {}): Promise<FileDetails> {
  return detailsOf(client.POST("/api/v1/file/upload/complete", { body, ...given(options) }));
}

/** The header that opens a private file. A header is ASCII; JSON can say anything in it. */
export function credentialHeaders(credential: Credential | null | undefined): Record<string, string> {
  if (!credential) return {};
  const ascii = JSON.stringify(credential).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return { "x-file-credential": ascii };
}

/** Whether the server said that there is no such thing. */
export function isNotFound(problem: unknown): boolean {
  return problem instanceof ApiError && problem.kind === "notFound";
}

interface Answer<Envelope> {
  data?: Envelope | undefined;
  error?: unknown;
  response: Response;
}

async function envelopeOf<Envelope>(request: Promise<Answer<Envelope>>): Promise<Envelope> {
  const answer = await request.catch((cause: unknown) => {
    throw errorOfFetch(cause);
  });
  const { data, error, response } = answer;
  if (!response.ok) throw errorOf(response.status, error, response.headers);
  // A success that says nothing does not come from the service.
  if (data === undefined) throw new ApiError("server", response.status);
  return data;
}

async function dataOf<Data>(request: Promise<Answer<{ data: Data }>>): Promise<Data> {
  return (await envelopeOf(request)).data;
}

async function pageOf<Item>(
  request: Promise<Answer<{ data: Item[]; next_cursor?: string | null }>>,
): Promise<Page<Item>> {
  const { data, next_cursor: nextCursor } = await envelopeOf(request);
  return { items: data, nextCursor: nextCursor ?? null };
}

/** The description says of a credential only that it is an object; its values are strings. */
async function detailsOf(
  request: Promise<Answer<{ data: components["schemas"]["FileAnswer"] }>>,
): Promise<FileDetails> {
  return (await dataOf(request)) as FileDetails;
}

function pageQuery(cursor: string | undefined, limit = PAGE_SIZE): { limit: number; cursor?: string } {
  return cursor === undefined ? { limit } : { limit, cursor };
}

function given({ signal, keepalive, bearer }: CallOptions, credential?: Credential | null) {
  const headers = { ...credentialHeaders(credential), ...bearerHeader(bearer) };
  return { ...(signal && { signal }), ...(keepalive && { keepalive }), headers };
}
