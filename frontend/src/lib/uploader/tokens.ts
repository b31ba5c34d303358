/** Upload tokens: what uploads show instead of the person's key, which then is on its way as seldom as can be. */
import { ApiError, type TokenForm } from "../api/client";
import type { OwnedFacts } from "./ports";
import type { Owner } from "./types";

/** For how long a token is asked, in seconds. */
const LIFETIME = 6 * 3600;
/** None is given to an upload that has no more time left than this, in milliseconds. */
const MARGIN = 5 * 60_000;
/** The smallest size that is asked for, in bytes: the files of a drop share a token, but for large ones. */
const SIZE = 2 ** 30;

/** What is needed from outside. */
export interface Issuer {
  /** The person's key; without one there are no tokens. */
  key(): string | null;
  /** Has the service make a token. Throws `ApiError`. */
  issue(form: TokenForm): Promise<string>;
  now(): number;
}

/** A call of the service that shows this token, or, without one, what the person has. */
type Call<T> = (bearer?: string) => Promise<T>;

/** The token by which an upload was begun. No other one sees it; the person's key does. */
interface Bound extends Owner {
  token: string;
}

export class Tokens {
  private key: string | null = null;
  private readonly known = new Map<string, { token: Promise<string>; renewAt: number }>();
  /** By the identifiers of uploads, and of the files that were made of them. */
  private readonly bound = new Map<string, Bound>();

  constructor(private readonly issuer: Issuer) {}

  /** Begins an upload, with a token if the person has a key. */
  async begin<T extends { upload_id: string }>(
    facts: OwnedFacts,
    isPrivate: boolean,
    signal: AbortSignal,
    call: Call<T>,
  ): Promise<T> {
    this.forgetOthers();
    if (this.key === null) return call();
    const form = formFor(facts, isPrivate);
    const token = await unlessAborted(signal, this.tokenFor(form));
    try {
      const opened = await call(token);
      this.bound.set(opened.upload_id, { token, userId: facts.user_id, appointmentId: facts.appointment_id });
      return opened;
    } catch (cause) {
      if (!isRefused(cause)) throw cause;
      this.known.delete(JSON.stringify(form));
      return call();
    }
  }

  /**
   * Does something with an upload or a file. Where `owner` says that it is to be somebody else's than its token laid
   * down, that takes the key.
   */
  async use<T>(id: string, call: Call<T>, owner?: Owner): Promise<T> {
    this.forgetOthers();
    const bound = this.bound.get(id);
    if (!bound || (owner && !isSame(bound, owner))) return call();
    try {
      return await call(bound.token);
    } catch (cause) {
      if (!isRefused(cause)) throw cause;
      this.bound.delete(id);
      return call();
    }
  }

  /** This file was made of this upload. */
  handOn(uploadId: string, fileId: string): void {
    const bound = this.bound.get(uploadId);
    if (bound) this.bound.set(fileId, bound);
  }

  private tokenFor(form: TokenForm): Promise<string> {
    const name = JSON.stringify(form);
    const found = this.known.get(name);
    if (found && this.issuer.now() < found.renewAt) return found.token;
    // By this clock alone: the service's may go differently.
    const renewAt = this.issuer.now() + LIFETIME * 1000 - MARGIN;
    const token = this.issuer.issue(form);
    const entry = { token, renewAt };
    this.known.set(name, entry);
    token.catch(() => this.known.get(name) === entry && this.known.delete(name));
    return token;
  }

  /** What another key got is not for whoever is signed in now. */
  private forgetOthers(): void {
    const key = this.issuer.key();
    if (key === this.key) return;
    this.key = key;
    this.known.clear();
    this.bound.clear();
  }
}

/** The same for many files of a drop. */
function formFor({ total_size, file_extension, user_id, appointment_id }: OwnedFacts, isPrivate: boolean): TokenForm {
  return {
    max_size: Math.max(SIZE, total_size),
    extensions: file_extension,
    user_id,
    appointment_id,
    visibility: isPrivate ? "private" : "public",
    expires_in: LIFETIME,
  };
}

function isSame(one: Owner, other: Owner): boolean {
  return one.userId === other.userId && one.appointmentId === other.appointmentId;
}

/** Its time is over, or the service no longer knows its own signature. */
function isRefused(cause: unknown): boolean {
  return cause instanceof ApiError && cause.kind === "signedOut";
}

/** One who waits may leave; what others wait for too goes on. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let leave = () => {};
  const left = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
  });
  try {
    return await Promise.race([work, left]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
