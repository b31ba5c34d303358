/** What the uploader needs from outside, so that tests can give it a clock, a network and a server of their own. */
import type { Credential } from "../api/client";

/** An upload that the server has opened. */
export interface Opened {
  upload_id: string;
  /** In bytes; each chunk but the last has exactly so many. */
  chunk_size: number;
}

/** What the server has of an upload. */
export interface Received {
  state: string;
  chunk_size: number;
  received: readonly { index: number; size: number }[];
}

/** What a file is. */
export interface FileFacts {
  filename: string;
  total_size: number;
  content_type: string;
  file_extension: string;
}

/** And whose it is, as far as is known: that counts when it is completed, and until then it can find another place. */
export interface OwnedFacts extends FileFacts {
  user_id: string | null;
  appointment_id: string | null;
}

/** A file that the server has been told to make. */
export interface Made {
  id: string;
  credential?: Credential | null;
}

/** How the making of a file ended. */
export interface Outcome {
  status: "SUCCESS" | "FAILURE";
  error?: string | undefined;
}

/** The service. Calls throw `ApiError`, or an `AbortError` for their own signal. */
export interface Server {
  init(facts: OwnedFacts, credential: Credential | null, signal: AbortSignal): Promise<Opened>;
  received(uploadId: string, signal: AbortSignal): Promise<Received>;
  /** `onProgress` is told how many bytes of this chunk are on the wire so far. */
  putChunk(
    uploadId: string,
    index: number,
    bytes: Blob,
    onProgress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  complete(uploadId: string, chunks: number, facts: OwnedFacts, signal: AbortSignal): Promise<Made>;
  /** Waits until the file is made or is known not to be. */
  outcome(fileId: string, credential: Credential | null, signal: AbortSignal): Promise<Outcome>;
  retry(fileId: string, credential: Credential | null, signal: AbortSignal): Promise<void>;
  giveUp(uploadId: string): Promise<void>;
  deleteFile(fileId: string, credential: Credential | null): Promise<void>;
}

export interface Clock {
  /** In milliseconds since the epoch. */
  now(): number;
  /** Throws an `AbortError` when the signal ends it. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>;
  /** Calls once, later. */
  later(milliseconds: number, call: () => void): void;
  /** From 0 to 1. */
  random(): number;
}

export interface Network {
  isOnline(): boolean;
  /** Ends when the browser says that it is online, or the signal ends it. */
  backOnline(signal: AbortSignal): Promise<void>;
}

/** What is remembered of an upload over reloads. There is no credential in it: the server was told. */
export interface Remembered {
  id: string;
  uploadId: string;
  name: string;
  size: number;
  lastModified: number;
  type: string;
  chunkSize: number;
  userId: string | null;
  appointmentId: string | null;
  isPrivate: boolean;
  addedAt: number;
  /** Whose it is; nothing where that was not known. It is then whoever's is there. */
  tenant?: string | null;
  handle?: FileSystemFileHandle;
}

export interface Memory {
  all(): Promise<Remembered[]>;
  save(upload: Remembered): Promise<void>;
  forget(id: string): Promise<void>;
}

export interface Locks {
  /**
   * Takes the lock of an upload; what gives it back, or `null` when another tab has it. `lost` is called when another
   * tab has taken it since, because this one was asleep.
   */
  take(id: string, lost: () => void): Promise<(() => void) | null>;
}

export interface Ports {
  server: Server;
  clock: Clock;
  network: Network;
  memory: Memory;
  locks: Locks;
}
