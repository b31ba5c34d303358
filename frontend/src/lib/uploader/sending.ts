/** Sends the chunks of one upload, some at a time, and counts bytes. */
import { ApiError } from "../api/error";
import type { Gate } from "./gate";
import type { Patience } from "./patience";
import type { Plan } from "./plan";
import type { Server } from "./ports";
import { Refusal, Unknown, refusalOf } from "./troubles";

/** How many chunks of one upload are on their way at a time. */
const PARALLEL = 4;

export class Sending {
  private present: Set<number>;
  private readonly wire = new Map<number, number>();
  private safeBytes = 0;

  constructor(
    private readonly server: Server,
    private readonly uploadId: string,
    private readonly plan: Plan,
    received: readonly { index: number; size: number }[],
    private readonly progressed: () => void,
  ) {
    this.present = plan.present(received);
    for (const index of this.present) this.safeBytes += plan.length(index);
  }

  /** Bytes that are safe or on the wire. */
  get sent(): number {
    let sent = this.safeBytes;
    for (const bytes of this.wire.values()) sent += bytes;
    return sent;
  }

  /** Sends what is missing. Throws {@link Unknown} when the server has given the upload up. */
  async run(file: Blob, gate: Gate, patience: Patience, signal: AbortSignal): Promise<void> {
    const missing = Array.from({ length: this.plan.count }, (_, index) => index).filter((i) => !this.present.has(i));
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    const worker = async () => {
      for (let index = missing.shift(); index !== undefined; index = missing.shift()) {
        const chunk = index;
        await gate.pass(either, () => patience.insist(either, () => this.put(file, chunk, either)));
      }
    };
    const workers = Array.from({ length: Math.min(PARALLEL, missing.length) }, worker);
    try {
      await Promise.all(workers);
    } catch (cause) {
      failed.abort();
      await Promise.allSettled(workers);
      throw await this.explain(cause, signal);
    } finally {
      this.wire.clear();
    }
  }

  private async put(file: Blob, index: number, signal: AbortSignal): Promise<void> {
    const { start, end } = this.plan.span(index);
    const onProgress = (bytes: number) => {
      this.wire.set(index, bytes);
      this.progressed();
    };
    try {
      await this.server.putChunk(this.uploadId, index, file.slice(start, end), onProgress, signal);
      this.present.add(index);
      this.safeBytes += end - start;
    } finally {
      this.wire.delete(index);
      this.progressed();
    }
  }

  /** A conflict is one of two things: the upload was completed, which is fine, or the bytes are others than before. */
  private async explain(cause: unknown, signal: AbortSignal): Promise<unknown> {
    if (!(cause instanceof ApiError) || cause.kind !== "conflict") return refusalOf(cause);
    const { state } = await this.server.received(this.uploadId, signal);
    return state === "open" ? new Refusal({ kind: "otherBytes" }) : new Completed();
  }
}

/** Somebody else has completed the upload: another try of ours whose answer was lost, or another tab. */
export class Completed extends Error {}

export { Unknown };
