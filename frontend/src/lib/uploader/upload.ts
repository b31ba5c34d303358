/** The life of one upload, from the line to SUCCESS. */
import { isAbort, type Credential } from "../api/client";
import type { Gate } from "./gate";
import { Patience } from "./patience";
import { Plan } from "./plan";
import type { FileFacts, Made, Outcome, OwnedFacts, Ports, Received, Remembered } from "./ports";
import { Completed, Sending } from "./sending";
import { check, requiredExtension } from "./source";
import { Speed, secondsLeft } from "./speed";
import { Refusal, Unknown, isMissingChunks, passing, refusalOf } from "./troubles";
import type { NewUpload, Owner, Problem, UploadPhase, UploadView } from "./types";
import { undo } from "./undo";

/** How often an upload is sent once more that complete finds incomplete, or begun anew that the server has given up. */
const ROUNDS = 3;
/** How often, and how long after each other in milliseconds, is asked whether a file is made that tells no more of itself. */
const LOOKS = 30;
const LOOK = 2000;

/** What an upload is of. */
export interface Origin extends Owner {
  id: string;
  name: string;
  size: number;
  lastModified: number;
  type: string;
  isPrivate: boolean;
  addedAt: number;
  /** `null` while it is not known. */
  tenant: string | null;
  file: File | null;
  handle?: FileSystemFileHandle;
  credential: Credential | null;
}

export function originOf(id: string, added: NewUpload, addedAt: number, tenant: string | null): Origin {
  const { file, handle, credential, userId, appointmentId } = added;
  const { name, size, lastModified, type } = file;
  const known = { id, name, size, lastModified, type, isPrivate: credential !== null, addedAt, file, credential };
  return { ...known, userId, appointmentId, tenant, ...(handle && { handle }) };
}

/** Is told what an upload does. */
export interface Watcher {
  changed(): void;
  /** All its bytes are safe. */
  sent(): void;
}

export class Upload {
  phase: UploadPhase = "waiting";
  private problem: Problem | null = null;
  private retryAt: number | null = null;
  private stage: "sending" | "finishing" = "sending";
  private opened: { uploadId: string; plan: Plan } | null = null;
  private sending: Sending | null = null;
  private made: Made | null = null;
  private work: AbortController | null = null;
  private readonly patience: Patience;
  private readonly speed = new Speed();
  private shown: UploadView | null = null;
  /** Whether the server has to be asked to make the file again. */
  private failed = false;
  /** Whether another file than before may take its place. */
  private anew = false;
  /** Whether the server has bytes of it that are not those of the file, however much it looks the same. */
  private unlike = false;
  /** Whether a file is just being taken. */
  private taking = false;

  constructor(
    private readonly ports: Ports,
    private readonly gate: Gate,
    readonly origin: Origin,
    private readonly watcher: Watcher,
  ) {
    this.patience = new Patience(ports.clock, ports.network, {
      held: (cause, retryAt) => {
        const problem = passing(cause, ports.network.isOnline());
        this.become("retrying", problem, problem.kind === "offline" ? null : retryAt);
      },
      goesOn: () => this.become(this.stage),
      check: async () => {
        if (this.stage === "sending" && origin.file) await check(origin.file, origin.handle);
      },
    });
  }

  /** Brings back one of an earlier visit, of which the server has told what it has. */
  restore({ uploadId }: Remembered, { chunk_size: chunkSize, received }: Received): void {
    this.open(uploadId, chunkSize, received);
    this.become("interrupted");
  }

  /** It is this tenant's, if it was not known whose it is. */
  claim(tenant: string | null): void {
    if (tenant === null || this.origin.tenant !== null) return;
    this.origin.tenant = tenant;
    // Those are remembered no more.
    if (this.phase !== "ready" && this.phase !== "failed") void this.remember();
  }

  /** Whether it has bytes to send. */
  get isSending(): boolean {
    return this.stage === "sending";
  }

  view(): UploadView {
    if (this.shown) return this.shown;
    const { id, name, size, userId, appointmentId, isPrivate, handle } = this.origin;
    const sent = this.made || this.stage === "finishing" ? size : (this.sending?.sent ?? 0);
    const speed = this.phase === "sending" ? this.speed.at(this.ports.clock.now(), sent) : null;
    const needs = this.phase !== "interrupted" ? "nothing" : handle && !this.anew ? "permission" : "file";
    const { phase, problem, retryAt } = this;
    const left = secondsLeft(size - sent, speed);
    const place = { userId, appointmentId, isPrivate, fileId: this.made?.id ?? null };
    this.shown = { id, name, size, sent, phase, problem, retryAt, speed, secondsLeft: left, needs, ...place };
    return this.shown;
  }

  /** Goes on until the file is made, or until it cannot. */
  async run(): Promise<void> {
    const work = new AbortController();
    this.work = work;
    try {
      await this.carryOut(work.signal);
    } catch (cause) {
      if (work.signal.aborted || isAbort(cause)) return;
      const reason = refusalOf(cause);
      const problem: Problem = reason instanceof Refusal ? reason.problem : { kind: "rejected" };
      this.become(problem.kind === "signedOut" ? "signedOut" : "refused", problem);
    } finally {
      if (this.work === work) this.work = null;
    }
  }

  /** Stops whatever is under way. */
  stop(phase: UploadPhase, problem: Problem | null = null): void {
    this.become(phase, problem);
    this.work?.abort(new DOMException("stopped", "AbortError"));
  }

  /** Tries the next time now instead of later. */
  hurry(): void {
    this.patience.hurry();
  }

  /** Gets ready to run again; whether it can. */
  async renew(owner?: Owner): Promise<boolean> {
    if (owner) Object.assign(this.origin, owner);
    const kind = this.problem?.kind;
    if (kind === "changed" || kind === "unreadable" || kind === "otherBytes") return this.takeAnew();
    this.become("waiting");
    return true;
  }

  /** The file on the disk as it is now takes the place of the one before. */
  private takeAnew(): Promise<boolean> {
    return this.once(async () => {
      this.anew = true;
      if (this.problem?.kind === "otherBytes") this.unlike = true;
      const file = await this.origin.handle?.getFile().catch(() => null);
      if (file) return this.takeOver(file);
      this.become("interrupted");
      return false;
    });
  }

  /** Goes on with this file, which the person has chosen again where it has no handle of its own. */
  take(file: File, isChosen: boolean): Promise<boolean> {
    // The handle is that of a file which was moved.
    if (isChosen) this.loseHandle();
    return this.once(() => this.takeOver(file));
  }

  /** The file must be chosen again. */
  loseHandle(): void {
    delete this.origin.handle;
    this.touch();
  }

  /** What is asked for a second time meanwhile is not done. */
  private async once(work: () => Promise<boolean>): Promise<boolean> {
    if (this.taking) return false;
    this.taking = true;
    try {
      return await work();
    } finally {
      this.taking = false;
    }
  }

  /** Goes on with this file: the one that the upload began with, or what has come in its place. */
  private async takeOver(file: File): Promise<boolean> {
    const { name, size, lastModified } = this.origin;
    const looksSame = file.name === name && file.size === size && file.lastModified === lastModified;
    if (!looksSame && !this.anew) {
      this.interrupt({ kind: "otherFile" });
      return false;
    }
    if ((!looksSame || this.unlike) && !(await this.giveUp())) {
      this.refuse({ kind: "notDeleted" });
      return false;
    }
    Object.assign(this.origin, { file, name: file.name, size: file.size, lastModified: file.lastModified });
    this.anew = this.unlike = false;
    this.become("waiting");
    return true;
  }

  interrupt(problem: Problem): void {
    this.become("interrupted", problem);
  }

  refuse(problem: Problem): void {
    this.become("refused", problem);
  }

  /** Whether it was cancelled, and is a file all the same. */
  get isLeft(): boolean {
    return this.problem?.kind === "notDeleted";
  }

  /** Whether there is nothing that could be done to it from here. */
  get isOutOfReach(): boolean {
    return this.isLeft || this.problem?.kind === "unseen";
  }

  /** Has the server forget all of it; whether no file is left. One that is can be tried again. */
  async giveUp(): Promise<boolean> {
    const { server, memory } = this.ports;
    const { opened, made, stage, origin } = this;
    this.opened = this.made = this.sending = null;
    this.stage = "sending";
    await memory.forget(origin.id);
    const known = { opened, made, facts: this.ownedFacts(), credential: origin.credential };
    const isGone = await undo(server, { ...known, wasCompleting: stage === "finishing" });
    if (!isGone) Object.assign(this, { opened, made, stage });
    return isGone;
  }

  private async carryOut(signal: AbortSignal): Promise<void> {
    for (let round = 1; !this.made; round += 1) {
      try {
        await this.sendAll(signal);
        await this.complete(signal);
      } catch (cause) {
        const over = cause instanceof Unknown;
        if (round >= ROUNDS || !(over || isMissingChunks(cause))) throw cause;
        if (over) this.opened = null;
        this.sending = null;
      }
    }
    await this.settle(signal, this.made);
  }

  /** Opens the upload, or asks what the server has of it, and sends the rest. */
  private async sendAll(signal: AbortSignal): Promise<void> {
    this.enter("sending", signal);
    const { server } = this.ports;
    const opened = this.opened;
    if (!opened) {
      // Without it the file would be everybody's.
      if (this.isSealed) throw new Refusal({ kind: "credentialGone" });
      const made = await this.insist(signal, () => server.init(this.ownedFacts(), this.origin.credential, signal));
      this.open(made.upload_id, made.chunk_size, []);
      await this.remember();
    } else {
      const seen = await this.insist(signal, () => server.received(opened.uploadId, signal));
      this.open(opened.uploadId, seen.chunk_size, seen.received);
      if (seen.state !== "open") return;
    }
    const { file, handle } = this.origin;
    if (!file || !this.sending) throw new Refusal({ kind: "unreadable" });
    try {
      await this.sending.run(file, this.gate, this.patience, signal);
      await check(file, handle);
    } catch (cause) {
      if (!(cause instanceof Completed)) throw cause;
    }
  }

  private async complete(signal: AbortSignal): Promise<void> {
    const { opened } = this;
    if (!opened) throw new Unknown();
    this.enter("finishing", signal);
    const { uploadId, plan } = opened;
    this.made = await this.insist(signal, () =>
      this.ports.server.complete(uploadId, plan.count, this.ownedFacts(), signal),
    );
  }

  /** Waits for the server's last word. */
  private async settle(signal: AbortSignal, made: Made): Promise<void> {
    const { server, memory } = this.ports;
    const credential = this.origin.credential ?? made.credential ?? null;
    this.enter("finishing", signal);
    if (this.failed) await this.insist(signal, () => server.retry(made.id, credential, signal));
    this.failed = false;
    const asked = () => this.insist(signal, () => server.outcome(made.id, credential, signal));
    const { status, error } = await (this.isSealed && !credential ? this.outcomeUnseen(signal) : asked());
    await memory.forget(this.origin.id);
    if (status === "SUCCESS") this.become("ready");
    else {
      this.failed = true;
      this.become("failed", { kind: "failure", ...(error && { detail: error }) });
    }
  }

  /** Whether the credential of the private file went with an earlier visit. */
  private get isSealed(): boolean {
    return this.origin.isPrivate && this.origin.credential === null;
  }

  /** Of a file that tells nothing of itself, its upload still tells when it is made. */
  private async outcomeUnseen(signal: AbortSignal): Promise<Outcome> {
    const { server, clock } = this.ports;
    for (let look = 0; look < LOOKS && this.opened; look += 1) {
      const { uploadId } = this.opened;
      const seen = this.insist(signal, () => server.received(uploadId, signal));
      const { state } = await seen.catch((cause: unknown) => {
        throw cause instanceof Unknown ? new Refusal({ kind: "deleted" }) : cause;
      });
      if (state === "completed") return { status: "SUCCESS" };
      await clock.sleep(LOOK, signal);
    }
    throw new Refusal({ kind: "unseen" });
  }

  /** Missing chunks are thrown as they come, everything else that is refused with what a person should know. */
  private async insist<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await this.patience.insist(signal, work);
    } catch (cause) {
      throw isMissingChunks(cause) ? cause : refusalOf(cause);
    }
  }

  private facts(): FileFacts {
    const { name, size, type } = this.origin;
    return {
      filename: name,
      total_size: size,
      content_type: type || "application/octet-stream",
      file_extension: requiredExtension(name),
    };
  }

  private ownedFacts(): OwnedFacts {
    const { userId, appointmentId } = this.origin;
    return { ...this.facts(), user_id: userId, appointment_id: appointmentId };
  }

  private open(uploadId: string, chunkSize: number, received: Received["received"]): void {
    const { server, clock } = this.ports;
    const plan = new Plan(this.origin.size, chunkSize);
    const sending = new Sending(server, uploadId, plan, received, () => {
      this.speed.note(clock.now(), sending.sent);
      this.touch();
    });
    this.opened = { uploadId, plan };
    this.sending = sending;
  }

  private async remember(): Promise<void> {
    if (!this.opened) return;
    const { uploadId, plan } = this.opened;
    const { id, name, size, lastModified, type, isPrivate, addedAt, handle } = this.origin;
    const { userId, appointmentId, tenant } = this.origin;
    const known = { id, uploadId, name, size, lastModified, type, isPrivate, addedAt, userId, appointmentId, tenant };
    await this.ports.memory.save({ ...known, chunkSize: plan.chunkSize, ...(handle && { handle }) });
  }

  private enter(stage: "sending" | "finishing", signal: AbortSignal): void {
    // It may have been stopped while the disk was asked, which heeds no signal.
    signal.throwIfAborted();
    this.stage = stage;
    this.speed.restart();
    this.become(stage);
    if (stage === "finishing") this.watcher.sent();
  }

  private become(phase: UploadPhase, problem: Problem | null = null, retryAt: number | null = null): void {
    this.phase = phase;
    this.problem = problem;
    this.retryAt = retryAt;
    this.touch();
  }

  private touch(): void {
    this.shown = null;
    this.watcher.changed();
  }
}
