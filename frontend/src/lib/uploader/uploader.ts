/** All uploads of this tab: the line, and what the person does with them. */
import { GONE } from "./claims";
import { Gate } from "./gate";
import type { Ports, Received, Remembered } from "./ports";
import { randomId } from "./random";
import { totalsOf } from "./totals";
import { Unknown, passes, refusalOf } from "./troubles";
import type { NewUpload, Owner, UploaderControls, UploaderSnapshot, UploadPhase, UploadView } from "./types";
import { Upload, originOf, type Watcher } from "./upload";

/** How many uploads send at a time; the others wait in line, and the server hears nothing of them. */
const SENDING_AT_ONCE = 4;
/** How many are under way in all, with those whose files the server is making. */
const AT_ONCE = 16;
/** How many chunks of all uploads are on their way: browsers open six connections to a server, and other requests go too. */
const CHUNKS_AT_ONCE = 4;
/** What goes on only when the person says so, or signs in. */
const STUCK: ReadonlySet<UploadPhase> = new Set(["failed", "refused", "signedOut"]);
const UNDER_WAY: ReadonlySet<UploadPhase> = new Set(["waiting", "sending", "retrying", "finishing"]);
/** The first and the longest pause before a server that could not tell is asked again what it has, in milliseconds. */
const ASKED_AGAIN = 5000;
const LATEST_ASKED = 60_000;
/** The pause between two calls of those who listen, in milliseconds. */
const QUIET = 100;

export class Uploader implements UploaderControls {
  private readonly uploads = new Map<string, Upload>();
  private readonly running = new Set<Upload>();
  private readonly releases = new Map<string, () => void>();
  private readonly listeners = new Set<() => void>();
  private readonly gate = new Gate(CHUNKS_AT_ONCE);
  private shown: UploaderSnapshot | null = null;
  private telling = false;
  private restoring: Promise<void> = Promise.resolve();
  /** Of whoever is signed in, or was last; `null` while it is not known. */
  private tenant: string | null = null;
  /** Ends when they sign out. */
  private visit = new AbortController();
  private readonly watcher: Watcher = { changed: () => this.changed(), sent: () => this.advance() };

  constructor(
    private readonly ports: Ports,
    private readonly newId: () => string = randomId,
  ) {}

  restore(): Promise<void> {
    return this.lookBack(true);
  }

  private lookBack(looksAgain: boolean): Promise<void> {
    const work = () => this.bringAllBack(looksAgain);
    // One after the other: what is asked about twice at a time would be here twice.
    this.restoring = this.restoring.then(work, work);
    return this.restoring;
  }

  hold(): void {
    this.visit.abort();
    for (const upload of this.uploads.values()) {
      if (UNDER_WAY.has(upload.phase)) upload.stop("signedOut", { kind: "signedOut" });
    }
  }

  letGo(tenant: string | null): void {
    if (this.visit.signal.aborted) this.visit = new AbortController();
    this.tenant = tenant;
    for (const upload of this.here()) {
      upload.claim(tenant);
      if (upload.phase === "signedOut") upload.stop("waiting");
    }
    this.changed();
    this.advance();
  }

  add(added: readonly NewUpload[]): void {
    const now = this.ports.clock.now();
    for (const upload of added) {
      const id = this.newId();
      this.uploads.set(id, new Upload(this.ports, this.gate, originOf(id, upload, now, this.tenant), this.watcher));
      void this.lock(id);
    }
    this.changed();
    this.advance();
  }

  pause(id: string): void {
    const upload = this.uploads.get(id);
    if (upload && ["waiting", "sending", "retrying"].includes(upload.phase)) upload.stop("paused");
  }

  resume(id: string): void {
    const upload = this.uploads.get(id);
    if (upload?.phase !== "paused") return;
    upload.stop("waiting");
    this.advance();
  }

  pauseAll(): void {
    for (const { origin } of this.here()) this.pause(origin.id);
  }

  resumeAll(): void {
    for (const { origin } of this.here()) this.resume(origin.id);
  }

  async goOn(id: string, file?: File): Promise<void> {
    const upload = this.uploads.get(id);
    if (upload?.phase !== "interrupted") return;
    // First of all, because browsers ask only in a click.
    const found = file ?? (await permitted(upload.origin.handle));
    if (!found) {
      upload.loseHandle();
      return upload.interrupt({ kind: "unreadable" });
    }
    if (!(await this.lock(id))) return upload.interrupt({ kind: "otherTab" });
    if (upload.phase !== "interrupted") return;
    if (await upload.take(found, file !== undefined)) this.advance();
  }

  retry(id: string, owner?: Owner): void {
    const upload = this.uploads.get(id);
    if (upload?.phase === "retrying") upload.hurry();
    if (!upload || !STUCK.has(upload.phase)) return;
    if (upload.isLeft) return void this.giveUp(upload);
    void upload.renew(owner).then((ready) => ready && this.advance());
  }

  async cancel(id: string): Promise<void> {
    const upload = this.uploads.get(id);
    if (!upload) return;
    // Another tab has it, and may go on with it.
    if (upload.phase === "interrupted" && !this.releases.has(id)) return this.drop(id);
    if (!upload.isOutOfReach) return this.giveUp(upload);
    this.drop(id);
    await this.ports.memory.forget(id);
  }

  clearReady(): void {
    for (const [id, upload] of this.uploads) if (upload.phase === "ready") this.drop(id);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  snapshot(): UploaderSnapshot {
    if (!this.shown) {
      const uploads: UploadView[] = this.here().map((upload) => upload.view());
      this.shown = { uploads, totals: totalsOf(uploads) };
    }
    return this.shown;
  }

  /** Nothing of it stays, or it is shown what does. */
  private async giveUp(upload: Upload): Promise<void> {
    const { id } = upload.origin;
    upload.stop("paused");
    this.drop(id);
    if (!(await upload.giveUp())) {
      this.uploads.set(id, upload);
      upload.refuse({ kind: "notDeleted" });
    }
    this.advance();
  }

  /** All but those of another tenant than the one that is signed in. */
  private here(): Upload[] {
    return [...this.uploads.values()].filter(({ origin }) => this.isHere(origin));
  }

  private isHere({ tenant }: Pick<Remembered, "tenant">): boolean {
    return (tenant ?? this.tenant) === this.tenant;
  }

  /** Starts those whose turn it is. */
  private advance(): void {
    if (this.visit.signal.aborted) return this.hold();
    for (const upload of this.here()) {
      const sending = [...this.running].filter(({ isSending }) => isSending).length;
      if (this.running.size >= AT_ONCE || sending >= SENDING_AT_ONCE) return;
      if (upload.phase !== "waiting" || this.running.has(upload)) continue;
      this.running.add(upload);
      void upload.run().finally(() => {
        this.running.delete(upload);
        if (upload.phase === "ready") this.release(upload.origin.id);
        this.advance();
      });
    }
  }

  private async bringAllBack(looksAgain: boolean): Promise<void> {
    const { signal } = this.visit;
    const all = (await this.ports.memory.all()).filter((remembered) => this.isHere(remembered));
    const missing = all.filter(({ id }) => !this.uploads.has(id)).sort((one, other) => one.addedAt - other.addedAt);
    const isOurs = await Promise.all(missing.map(({ id }) => this.lock(id)));
    if (looksAgain && isOurs.includes(false)) {
      // Until then a tab that has crashed may be taken for one that is there.
      this.ports.clock.later(GONE, () => void this.lookBack(false));
    }
    await Promise.all(missing.filter((_, index) => isOurs[index]).map((ours) => this.bringBack(ours, signal)));
  }

  /** Shows an upload of an earlier visit, unless the server has forgotten it. */
  private async bringBack(remembered: Remembered, signal: AbortSignal): Promise<void> {
    const { id } = remembered;
    try {
      const seen = await this.received(remembered.uploadId, signal);
      signal.throwIfAborted();
      // Another tab was quicker.
      if (!this.releases.has(id)) return;
      const origin = { tenant: null, ...remembered, file: null, credential: null };
      const upload = new Upload(this.ports, this.gate, origin, this.watcher);
      upload.restore(remembered, seen);
      upload.claim(this.tenant);
      this.uploads.set(id, upload);
      // All bytes are there: nothing is needed of the person.
      if (seen.state !== "open") upload.stop("waiting");
      this.changed();
      this.advance();
    } catch (cause) {
      this.release(id);
      if (refusalOf(cause) instanceof Unknown) await this.ports.memory.forget(id);
    }
  }

  /** What the server has of it, asked for until it can tell. */
  private async received(uploadId: string, signal: AbortSignal): Promise<Received> {
    for (let pause = ASKED_AGAIN; ; pause = Math.min(LATEST_ASKED, pause * 2)) {
      try {
        return await this.ports.server.received(uploadId, signal);
      } catch (cause) {
        if (!passes(cause)) throw cause;
        await this.ports.clock.sleep(Math.max(cause.retryAfter ?? 0, pause), signal);
      }
    }
  }

  private async lock(id: string): Promise<boolean> {
    if (this.releases.has(id)) return true;
    const release = await this.ports.locks.take(id, () => this.lose(id));
    if (release) this.releases.set(id, release);
    return release !== null;
  }

  /** Another tab has taken it. */
  private lose(id: string): void {
    this.releases.delete(id);
    this.uploads.get(id)?.stop("interrupted", { kind: "otherTab" });
  }

  private release(id: string): void {
    this.releases.get(id)?.();
    this.releases.delete(id);
  }

  private drop(id: string): void {
    this.uploads.delete(id);
    this.release(id);
    this.changed();
  }

  private readonly changed = (): void => {
    this.shown = null;
    if (this.telling) return;
    this.telling = true;
    this.ports.clock.later(QUIET, () => {
      this.telling = false;
      for (const listener of this.listeners) listener();
    });
  };
}

async function permitted(handle: FileSystemFileHandle | undefined): Promise<File | null> {
  if (!handle) return null;
  const asked = await askFor(handle);
  return asked === "granted" ? handle.getFile().catch(() => null) : null;
}

/** Of the File System Access API, which TypeScript does not know yet. */
function askFor(handle: FileSystemFileHandle & { requestPermission?: (what: object) => Promise<PermissionState> }) {
  return handle.requestPermission?.({ mode: "read" }) ?? Promise.resolve<PermissionState>("granted");
}
