import { ApiError } from "../../api/error";
import type { Clock, Made, Opened, Outcome, OwnedFacts, Received, Server } from "../ports";

const NO_UPLOAD = "File directory not found. Please initialize first!";
export const CHUNK = 10;

interface Kept {
  facts: OwnedFacts;
  tenant: string;
  credential: Record<string, string> | null;
  chunks: Map<number, string>;
  fileId: string | null;
}

export type Call = "init" | "received" | "putChunk" | "complete" | "outcome" | "retry" | "giveUp" | "deleteFile";
/** What becomes of a request: it is done, or it is lost before or after it took effect, or the server is busy. */
export type Fate = "done" | "lostBefore" | "lostAfter" | "busy";

/** The service, as its contract says, with a network in front that a test may break. */
export class FakeServer implements Server {
  readonly uploads = new Map<string, Kept>();
  readonly files = new Map<string, { upload: Kept; status: Outcome["status"]; error?: string }>();
  readonly calls: Call[] = [];
  underWay = 0;
  private begun = 0;
  mostUnderWay = 0;
  fate: (call: Call) => Fate = () => "done";
  /** What the next file becomes. */
  next: Outcome = { status: "SUCCESS" };
  /** What it says instead of doing it. */
  refusal: (call: Call) => ApiError | null = () => null;
  latency = 5;
  /** The tenant of whoever asks. */
  caller = "acme";

  constructor(private readonly clock: Clock) {}

  init(facts: OwnedFacts, credential: Record<string, string> | null, signal: AbortSignal): Promise<Opened> {
    return this.request("init", signal, () => {
      const id = `upload-${this.begun++}`;
      this.uploads.set(id, { facts, tenant: this.caller, credential, chunks: new Map(), fileId: null });
      return { upload_id: id, chunk_size: CHUNK };
    });
  }

  received(id: string, signal: AbortSignal): Promise<Received> {
    return this.request("received", signal, () => {
      const { chunks, fileId } = this.find(id);
      const received = Array.from(chunks, ([index, text]) => ({ index, size: text.length }));
      return { state: fileId ? "completed" : "open", chunk_size: CHUNK, received };
    });
  }

  async putChunk(
    id: string,
    index: number,
    bytes: Blob,
    onProgress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const text = await bytes.text();
    return this.request("putChunk", signal, () => {
      onProgress(text.length);
      const upload = this.find(id);
      const known = upload.chunks.get(index);
      if (upload.fileId || (known !== undefined && known !== text)) throw new ApiError("conflict", 409);
      upload.chunks.set(index, text);
    });
  }

  complete(id: string, chunks: number, facts: OwnedFacts, signal: AbortSignal): Promise<Made> {
    return this.request("complete", signal, () => {
      const upload = this.find(id);
      if (upload.chunks.size !== chunks) {
        throw new ApiError("invalid", 422, ["[body->total_chunks] missing chunks: 0"]);
      }
      // Who comes again tells no credential, and is told none.
      const credential = upload.fileId ? null : upload.credential;
      if (!upload.fileId) {
        upload.fileId = `file-${this.files.size}`;
        upload.facts = facts;
        this.files.set(upload.fileId, { upload, ...this.next } as { upload: Kept; status: "SUCCESS" });
      }
      return { id: upload.fileId, credential };
    });
  }

  outcome(fileId: string, credential: Record<string, string> | null, signal: AbortSignal): Promise<Outcome> {
    return this.request("outcome", signal, () => {
      const { status, error } = this.opened(fileId, credential);
      return { status, error };
    });
  }

  retry(fileId: string, _: unknown, signal: AbortSignal): Promise<void> {
    return this.request("retry", signal, () => {
      const file = this.files.get(fileId);
      if (file) file.status = "SUCCESS";
    });
  }

  giveUp(id: string): Promise<void> {
    return this.request("giveUp", new AbortController().signal, () => {
      if (this.find(id).fileId) throw new ApiError("conflict", 409);
      this.uploads.delete(id);
    });
  }

  deleteFile(id: string, credential: Record<string, string> | null): Promise<void> {
    return this.request("deleteFile", new AbortController().signal, () => {
      this.opened(id, credential);
      this.files.delete(id);
    });
  }

  /** What a file was made of. */
  content(fileId: string): string {
    const chunks = this.files.get(fileId)?.upload.chunks ?? new Map<number, string>();
    return Array.from(chunks.keys())
      .sort((one, other) => one - other)
      .map((index) => chunks.get(index))
      .join("");
  }

  private opened(fileId: string, credential: Record<string, string> | null) {
    const file = this.files.get(fileId);
    if (!file) throw new ApiError("notFound", 404, [], "Not found!");
    if (JSON.stringify(file.upload.credential) !== JSON.stringify(credential)) throw new ApiError("forbidden", 403);
    return file;
  }

  private find(id: string): Kept {
    const upload = this.uploads.get(id);
    if (upload?.tenant !== this.caller) throw new ApiError("invalid", 422, [], NO_UPLOAD);
    return upload;
  }

  /** A request that is on its way has its effect, whether its caller still waits or not. */
  private request<T>(call: Call, signal: AbortSignal, effect: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const stop = () => reject(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      this.calls.push(call);
      this.underWay += 1;
      this.mostUnderWay = Math.max(this.mostUnderWay, this.underWay);
      const fate = this.fate(call);
      this.clock.later(this.latency, () => {
        this.underWay -= 1;
        signal.removeEventListener("abort", stop);
        try {
          const refusal = this.refusal(call);
          if (refusal) throw refusal;
          resolve(this.answer(fate, effect));
        } catch (cause) {
          reject(cause);
        }
      });
    });
  }

  private answer<T>(fate: Fate, effect: () => T): T {
    if (fate === "lostBefore") throw new ApiError("network", 0);
    if (fate === "busy") throw new ApiError("busy", 503, [], "", 2000);
    const result = effect();
    if (fate === "lostAfter") throw new ApiError("network", 0);
    return result;
  }
}
