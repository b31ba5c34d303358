import type { Locks, Memory, Remembered } from "../ports";
import { Uploader } from "../uploader";
import type { NewUpload, UploadPhase, UploadView } from "../types";
import { FakeClock, FakeNetwork } from "./clock";
import { FakeServer } from "./server";

/** What outlives a tab. */
class FakeMemory implements Memory {
  readonly rows = new Map<string, Remembered>();

  async all(): Promise<Remembered[]> {
    return [...this.rows.values()];
  }

  async save(upload: Remembered): Promise<void> {
    this.rows.set(upload.id, upload);
  }

  async forget(id: string): Promise<void> {
    this.rows.delete(id);
  }
}

class FakeLocks implements Locks {
  private readonly taken = new Map<string, () => void>();

  async take(id: string, lost: () => void): Promise<(() => void) | null> {
    if (this.taken.has(id)) return null;
    this.taken.set(id, lost);
    return () => this.taken.delete(id);
  }

  /** As when a tab crashes, or is asleep for so long that others take it for gone. Returns what wakes it. */
  freeAll(): () => void {
    const before = [...this.taken.values()];
    this.taken.clear();
    return () => before.forEach((lost) => lost());
  }
}

/** A browser with one memory, whose tabs a test opens. */
export class FakeBrowser {
  readonly clock: FakeClock;
  readonly server: FakeServer;
  readonly network = new FakeNetwork();
  readonly memory = new FakeMemory();
  readonly locks = new FakeLocks();
  private ids = 0;

  constructor(random?: () => number) {
    this.clock = new FakeClock(random);
    this.server = new FakeServer(this.clock);
  }

  tab(): Uploader {
    return new Uploader(this, () => `id-${this.ids++}`);
  }
}

export function textFile(name: string, content: string, lastModified = 1): File {
  return new File([content], name, { type: "text/plain", lastModified });
}

export function publicFile(file: File): NewUpload {
  return { file, userId: "user", appointmentId: null, credential: null };
}

/** The only upload of a tab. */
export function only(uploader: Uploader): UploadView {
  const [view, ...others] = uploader.snapshot().uploads;
  if (!view || others.length > 0) throw new Error(`${others.length + 1} uploads`);
  return view;
}

/** Lets everything happen until the only upload of a tab is so far. */
export function until(browser: FakeBrowser, tab: Uploader, phase: UploadPhase): Promise<void> {
  return browser.clock.until(() => only(tab).phase === phase, `${phase} (it is ${only(tab).phase})`);
}
