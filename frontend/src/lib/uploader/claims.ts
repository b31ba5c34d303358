/**
 * Which tab is at which upload, where browsers have no Web Locks: written down where all tabs see it. A claim holds as
 * long as its tab says that it is there. Reloads do not count: the tab keeps its name.
 */
import type { Clock, Locks } from "./ports";
import { randomId } from "./random";

/** How often a tab says that it is there, in milliseconds. */
const TOLD = 10_000;
/** After how long without a word it is not. Tabs out of sight may be let run once a minute only. */
export const GONE = 180_000;

export class Claims implements Locks {
  private tab: string | null = null;
  /** With what is to be told where one of them is lost. */
  private readonly held = new Map<string, () => void>();

  constructor(private readonly clock: Pick<Clock, "now" | "later">) {}

  async take(id: string, lost: () => void): Promise<(() => void) | null> {
    try {
      if (!this.claim(id, this.name())) return null;
    } catch {
      // A browser that remembers nothing has nothing of other tabs either.
      return () => undefined;
    }
    this.held.set(id, lost);
    return () => {
      this.held.delete(id);
      this.free(id);
    };
  }

  /** The page goes. It may be kept as it is, and come back. */
  leave(): void {
    for (const id of this.held.keys()) this.free(id);
    if (this.tab) localStorage.removeItem(tabKey(this.tab));
  }

  /** The page is there again, or still. What another tab has taken meanwhile is left to it. */
  comeBack(): void {
    const { tab } = this;
    if (!tab) return;
    for (const [id, lost] of this.held) {
      if (this.claim(id, tab)) continue;
      this.held.delete(id);
      lost();
    }
    this.tell(tab);
  }

  private name(): string {
    if (this.tab) return this.tab;
    const tab = sessionStorage.getItem("filemanager.tab") ?? randomId();
    sessionStorage.setItem("filemanager.tab", tab);
    this.tell(tab);
    this.keepTelling();
    return (this.tab = tab);
  }

  private keepTelling(): void {
    this.clock.later(TOLD, () => {
      // First, because a browser that has no more room throws.
      this.keepTelling();
      this.comeBack();
    });
  }

  private tell(tab: string): void {
    localStorage.setItem(tabKey(tab), String(this.clock.now()));
  }

  private claim(id: string, tab: string): boolean {
    const owner = localStorage.getItem(uploadKey(id));
    if (owner !== null && owner !== tab && this.isThere(owner)) return false;
    localStorage.setItem(uploadKey(id), tab);
    return true;
  }

  private isThere(tab: string): boolean {
    return this.clock.now() - Number(localStorage.getItem(tabKey(tab))) < GONE;
  }

  private free(id: string): void {
    if (localStorage.getItem(uploadKey(id)) === this.tab) localStorage.removeItem(uploadKey(id));
  }
}

function uploadKey(id: string): string {
  return `filemanager.upload.${id}`;
}

function tabKey(tab: string): string {
  return `filemanager.tab.${tab}`;
}
