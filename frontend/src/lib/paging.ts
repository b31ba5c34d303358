/** An endless list, newest first, that is loaded page by page. It knows nothing of React. */
import { isAbort, type Page } from "./api/client";

export type PagingPhase = "loading" | "more" | "end" | "error";

export interface PagingSnapshot<Item> {
  items: readonly Item[];
  phase: PagingPhase;
  /** Why the last page could not be loaded. */
  problem: unknown;
}

/** How many pages are loaded anew at the most, so that what is on them is up to date. */
const REFRESHED = 10;

export class Paging<Item extends { id: string }> {
  private shown: PagingSnapshot<Item> = { items: [], phase: "more", problem: null };
  private cursor: string | null = null;
  /** How often it was asked what is new, and which time has been answered last. */
  private asked = 0;
  private answered = 0;
  /** How often the list began anew. A page that was asked for before is not of it. */
  private begun = 0;
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
    const { begun } = this;
    try {
      const page = await this.load(this.cursor ?? undefined);
      if (begun !== this.begun) return;
      this.cursor = page.nextCursor;
      const known = new Set(this.shown.items.map(({ id }) => id));
      const news = page.items.filter(({ id }) => !known.has(id));
      this.show({ items: [...this.shown.items, ...news], phase: page.nextCursor === null ? "end" : "more" });
    } catch (problem) {
      if (begun === this.begun && !isAbort(problem)) this.show({ phase: "error", problem });
    }
  }

  /**
   * Takes what is new at the top, down to what is shown already, and what has changed there and down to the last item
   * that may have. What was loaded further down stays as it is; where more is new than is looked at, the list begins anew.
   */
  async refresh(mayHaveChanged: (item: Item) => boolean = () => false): Promise<void> {
    const time = (this.asked += 1);
    const items: Item[] = [];
    const fresh = new Set<string>();
    let cursor: string | null = null;
    for (let pages = 0; pages < REFRESHED; pages += 1) {
      const page: Page<Item> | null = await this.load(cursor ?? undefined).catch(() => null);
      // An answer that was on its way for long tells of what was before.
      if (!page || time < this.answered) return;
      for (const item of page.items) {
        if (!fresh.has(item.id)) items.push(item);
        fresh.add(item.id);
      }
      cursor = page.nextCursor;
      const shown = this.shown.items;
      const isApart = shown.length > 0 && !shown.some(({ id }) => fresh.has(id));
      const isOver = !isApart && !shown.some((item) => !fresh.has(item.id) && mayHaveChanged(item));
      if (cursor === null || isOver) break;
    }
    this.answered = time;
    // What is not among those around it is gone, as is all the rest where all there is was loaded.
    const last = this.shown.items.map(({ id }) => fresh.has(id)).lastIndexOf(true);
    // Nobody knows what lies between these and those that are shown.
    if (last === -1) return this.beginAnew(items, cursor);
    const rest = cursor === null ? [] : this.shown.items.slice(last + 1);
    this.show({ items: [...items, ...rest] });
  }

  private beginAnew(items: readonly Item[], cursor: string | null): void {
    this.begun += 1;
    this.cursor = cursor;
    this.show({ items, phase: cursor === null ? "end" : "more", problem: null });
  }

  private show(change: Partial<PagingSnapshot<Item>>): void {
    this.shown = { ...this.shown, ...change };
    for (const listener of this.listeners) listener();
  }
}
