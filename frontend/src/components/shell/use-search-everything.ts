"use client";

import { useEffect } from "react";
import type { Paging, PagingSnapshot } from "@/lib/paging";

/** Loads the whole list while something is looked for in it. */
export function useSearchEverything<Item extends { id: string }>(
  list: Paging<Item>,
  { phase }: PagingSnapshot<Item>,
  wanted: string,
): void {
  useEffect(() => {
    if (wanted && phase === "more") void list.loadMore();
  }, [list, phase, wanted]);
}
