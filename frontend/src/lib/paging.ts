/** An endless list, newest first, that is loaded page by page. It knows nothing of React. */
import { isAbort, type Page } from "./api/client";

export type PagingPhase = "loading" | "more" | "end" | "error";

export interface PagingSnapshot<Item> {
  items: readonly Item[];
  phase: PagingPhase;
  /** Why the last page could not be loaded. */
  problem: unknown;
}

export class Paging<Item extends { id: string }> {
  private shown: PagingSnapshot<Item> = { items: [], phase: "more", problem: null };
  private cursor: string | null = null;
  private readonly hidden = new Map<string, { item: Item; place: number }>();
  private readonly listeners = new Set<() => void>();

  constructor(private readonly load: (cursor: string | undefined) => Promise<Page<Item>>) {}

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): PagingSnapshot<Item> => this.shown;

  /** Loads the next page, unless one is being loaded or there is none. */
  async loadMore(): Promise<void> {
    if (this.shown.phase === "loading" || this.shown.phase === "end") return;
    this.show({ phase: "loading", problem: null });
    try {
      const page = await this.load(this.cursor ?? undefined);
      this.cursor = page.nextCursor;
      const known = new Set(this.shown.items.map(({ id }) => id));
      const news = page.items.filter(({ id }) => !known.has(id) && !this.hidden.has(id));
      this.show({ items: [...this.shown.items, ...news], phase: page.nextCursor === null ? "end" : "more" });
    } catch (problem) {
      if (!isAbort(problem)) this.show({ phase: "error", problem });
    }
  }

  /** Takes what is new at the top, and what has changed there. What was loaded further down stays as it is. */
  async refresh(): Promise<void> {
    const page = await this.load(undefined).catch(() => null);
    if (!page) return;
    const top = page.items.filter(({ id }) => !this.hidden.has(id));
    const fresh = new Set(page.items.map(({ id }) => id));
    // All there is fits on this page: what is not on it is gone.
    const rest = page.nextCursor === null ? [] : this.shown.items.filter(({ id }) => !fresh.has(id));
    this.show({ items: [...top, ...rest] });
  }

  /** Takes a row off the list; {@link restore} puts it back where it was. */
  remove(id: string): void {
    const place = this.shown.items.findIndex((item) => item.id === id);
    const item = this.shown.items[place];
    if (!item) return;
    this.hidden.set(id, { item, place });
    this.show({ items: this.shown.items.filter((other) => other.id !== id) });
  }

  restore(id: string): void {
    const found = this.hidden.get(id);
    if (!found) return;
    this.hidden.delete(id);
    this.show({ items: this.shown.items.toSpliced(found.place, 0, found.item) });
  }

  private show(change: Partial<PagingSnapshot<Item>>): void {
    this.shown = { ...this.shown, ...change };
    for (const listener of this.listeners) listener();
  }
}
