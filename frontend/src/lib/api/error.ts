/** What went wrong with a request, by what can be done about it. */
export type ApiErrorKind =
  /** No answer: the server or the network is away. */
  | "network"
  | "notFound"
  /** Nothing was shown by which the service knows the person, or nothing that is valid. */
  | "signedOut"
  /** The person's key is good, but not for this. */
  | "notAllowed"
  /** The credential of a private file is missing or wrong. */
  | "forbidden"
  /** The request itself is wrong; `errors` names the fields. */
  | "invalid"
  | "conflict"
  /** The server is there but cannot do it now. */
  | "busy"
  /** The server has no space left. */
  | "full"
  /** Something is broken on the server's side. */
  | "server";

/** The one error that calls of the API throw; besides it there is only the `AbortError` of the caller's own signal. */
export class ApiError extends Error {
  override readonly name = "ApiError";

  constructor(
    readonly kind: ApiErrorKind,
    /** HTTP's status; 0 without an answer. */
    readonly status: number,
    /** The fields that are wrong, each as `[where->field] what is wrong`. */
    readonly errors: readonly string[] = [],
    /** The server's sentence, or nothing. */
    message = "",
    /** How long the server wants to be left alone, in milliseconds. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** The error for a status and a body that may be the service's envelope, or anything a proxy says. */
export function errorOf(status: number, body: unknown, headers: Pick<Headers, "get">): ApiError {
  const { errors, message } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  return new ApiError(
    kindOf(status, headers.get("www-authenticate")),
    status,
    Array.isArray(errors) ? errors.filter((error) => typeof error === "string") : [],
    typeof message === "string" ? message : "",
    milliseconds(headers.get("retry-after")),
  );
}

/** Whatever `fetch` threw. Who aborted the request gets told just that. */
export function errorOfFetch(cause: unknown): unknown {
  if (cause instanceof ApiError || isAbort(cause)) return cause;
  // An answer that cannot be read is one of something else than the service.
  return new ApiError(cause instanceof SyntaxError ? "server" : "network", 0);
}

/** What the service said of a limit: how much there may be, only it knows. Nothing for other problems. */
export function limitOf(problem: unknown): string | undefined {
  const isLimit = problem instanceof ApiError && (problem.status === 413 || problem.status === 429);
  return isLimit && problem.message ? problem.message : undefined;
}

/** Whether somebody gave the request up. */
export function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "AbortError";
}

function kindOf(status: number, challenge: string | null): ApiErrorKind {
  switch (status) {
    case 401:
      return "signedOut";
    case 403:
      // RFC 6750, 3.1: a key with another scope would do.
      return challenge?.includes("insufficient_scope") ? "notAllowed" : "forbidden";
    case 404:
      return "notFound";
    case 409:
      return "conflict";
    case 408:
    case 425:
    case 429:
    case 502:
    case 503:
    case 504:
      return "busy";
    case 507:
      return "full";
    default:
      return status >= 400 && status < 500 ? "invalid" : "server";
  }
}

/** `Retry-After` is a number of seconds or a date. */
function milliseconds(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(wait) && wait >= 0 ? wait : undefined;
}
