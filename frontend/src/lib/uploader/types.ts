/**
 * What the uploader shows of itself and what it can be told. It knows nothing of React, of the page, or of words:
 * problems are kinds, whose sentences are in `texts.ts`.
 */

/** How far an upload is. */
export type UploadPhase =
  /** In line behind others. */
  | "waiting"
  /** Chunks are on their way. */
  | "sending"
  /** Stopped by the person, until told to go on. */
  | "paused"
  /** Held up by the network or the server; it goes on by itself at `retryAt`, or once the network is back. */
  | "retrying"
  /** All bytes are safe; the server makes the file of them. */
  | "finishing"
  /** The server said SUCCESS. The only phase in which the file can be downloaded. */
  | "ready"
  /** The server said FAILURE; `problem.detail` is its sentence. It can be tried again. */
  | "failed"
  /** It cannot go on as it is; `problem` says why. */
  | "refused"
  /** Nobody of its tenant is signed in. It goes on by itself once somebody is. */
  | "signedOut"
  /** Left from an earlier visit; `needs` says what it takes to go on. */
  | "interrupted";

/** Why an upload is where it is. */
export type ProblemKind =
  /** The server cannot be reached. */
  | "network"
  /** The browser says that there is no network at all. */
  | "offline"
  /** The server is there but cannot do it now. */
  | "busy"
  /** The server has no space left. */
  | "full"
  /** There may be no more of something now; the server's sentence is in `detail`. */
  | "limit"
  /** Nobody is signed in. */
  | "signedOut"
  /** The person's key does not allow it. */
  | "notAllowed"
  /** The server refused it with a reason of its own, in `detail`. */
  | "rejected"
  /** The server made no file of the bytes; its sentence is in `detail`. */
  | "failure"
  /** The file's kind is not accepted; `detail` lists those that are. */
  | "extension"
  /** The name has no extension. */
  | "noExtension"
  /** The name is longer than 255 characters. */
  | "nameTooLong"
  /** The name is empty. */
  | "noName"
  /** The file was changed on the disk since it was chosen. */
  | "changed"
  /** The server has other bytes of it than the file has. */
  | "otherBytes"
  /** The file cannot be read: moved, deleted, or not allowed. */
  | "unreadable"
  /** The file that was chosen to go on with is another one. */
  | "otherFile"
  /** The user was deleted meanwhile. */
  | "userGone"
  /** The appointment was deleted meanwhile. */
  | "appointmentGone"
  /** The upload runs in another tab of this browser. */
  | "otherTab"
  /** The file was deleted on the server while it was being stored. */
  | "deleted"
  /** It has to begin anew, and the credential of the private file went with an earlier visit. */
  | "credentialGone"
  /** All bytes are safe, but how far the private file is, only who gives its credential is told. */
  | "unseen"
  /** It was cancelled, but is a file already, or may be, that could not be deleted. */
  | "notDeleted";

export interface Problem {
  kind: ProblemKind;
  /** What the server said, where its words help. */
  detail?: string;
}

/** Whose a file is. */
export interface Owner {
  userId: string | null;
  appointmentId: string | null;
}

/** A file that is to be uploaded. */
export interface NewUpload extends Owner {
  file: File;
  /** Where the browser gives one: lets the upload go on after a reload without the file being chosen again. */
  handle?: FileSystemFileHandle;
  /** The credential's pairs; `null` makes a public file. */
  credential: Readonly<Record<string, string>> | null;
}

/** One upload, as it is shown. A new object whenever anything changed, else the same one. */
export interface UploadView extends Owner {
  /** This browser's name for it; stays the same over reloads. */
  id: string;
  name: string;
  /** In bytes. */
  size: number;
  /** Bytes that are safe or on the wire. */
  sent: number;
  phase: UploadPhase;
  /** In bytes per second over the last seconds; `null` while nothing is known. */
  speed: number | null;
  secondsLeft: number | null;
  problem: Problem | null;
  /** When it is tried again, in milliseconds since the epoch; `null` when that waits for the network. */
  retryAt: number | null;
  /** Known once all bytes are safe. */
  fileId: string | null;
  isPrivate: boolean;
  /** For `interrupted`: a click is enough (`permission`), or the file must be chosen again (`file`). */
  needs: "nothing" | "permission" | "file";
}

export interface Totals {
  /** Of all uploads that are shown, by number. */
  files: number;
  ready: number;
  /** Under way or in line. */
  active: number;
  /** The same, with those that go on once the person says so or signs in. */
  unfinished: number;
  /** Refused or failed, or waiting for somebody to sign in. */
  troubled: number;
  size: number;
  sent: number;
  speed: number | null;
  secondsLeft: number | null;
}

/** All uploads, in the order in which they were added. The same object until something changed. */
export interface UploaderSnapshot {
  uploads: readonly UploadView[];
  totals: Totals;
}

/** What the page does with uploads. */
export interface UploaderControls {
  /** Brings back what earlier visits of the tenant that is signed in left unfinished. */
  restore(): Promise<void>;
  /** Nobody is signed in: everything waits. */
  hold(): void;
  /**
   * Somebody of this tenant is signed in, `null` while that is not known: what of it waited for that goes on, and is
   * shown again. What is another tenant's stays as it is, out of sight.
   */
  letGo(tenant: string | null): void;
  add(uploads: readonly NewUpload[]): void;
  pause(id: string): void;
  /** Goes on with one that is paused. */
  resume(id: string): void;
  pauseAll(): void;
  resumeAll(): void;
  /** Goes on with one that is interrupted; `file` where the person had to choose it again. Call it in a click. */
  goOn(id: string, file?: File): Promise<void>;
  /**
   * Tries again what failed, was refused, or waits for its next try. `owner` is where the file shall go instead, when
   * its user or appointment was deleted: the bytes that are safe are not sent again.
   */
  retry(id: string, owner?: Owner): void;
  /** Gives it up: nothing of it stays here or on the server. */
  cancel(id: string): Promise<void>;
  /** Takes those that are ready off the list. */
  clearReady(): void;
  /** At most some ten calls a second, however much happens. */
  subscribe(listener: () => void): () => void;
  snapshot(): UploaderSnapshot;
}
