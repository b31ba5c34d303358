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
  private readonly held = new Set<string>();

  constructor(private readonly clock: Pick<Clock, "now" | "later">) {}

  async take(id: string): Promise<(() => void) | null> {
    try {
      if (!this.claim(id, this.name())) return null;
    } catch {
      // A browser that remembers nothing has nothing of other tabs either.
      return () => undefined;
    }
    this.held.add(id);
    return () => {
      this.held.delete(id);
      this.free(id);
    };
  }

  /** The page goes. It may be kept as it is, and come back. */
  leave(): void {
    for (const id of this.held) this.free(id);
    if (this.tab) localStorage.removeItem(tabKey(this.tab));
  }

  /** What another tab has taken meanwhile is left to it. */
  comeBack(): void {
    if (!this.tab) return;
    this.tell(this.tab);
    for (const id of this.held) this.claim(id, this.tab);
  }

  private name(): string {
    if (this.tab) return this.tab;
    const tab = sessionStorage.getItem("filemanager.tab") ?? randomId();
    sessionStorage.setItem("filemanager.tab", tab);
    this.keepTelling(tab);
    return (this.tab = tab);
  }

  private keepTelling(tab: string): void {
    this.tell(tab);
    this.clock.later(TOLD, () => this.keepTelling(tab));
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
