"use client";

import { useEffect, useSyncExternalStore } from "react";
import type { Paging, PagingSnapshot } from "@/lib/paging";

/** Shows a list, and has its first page loaded if the person may see it. */
export function usePaging<Item extends { id: string }>(list: Paging<Item>, isAllowed = true): PagingSnapshot<Item> {
  useEffect(() => void (isAllowed && list.loadMore()), [list, isAllowed]);
  return useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot);
}
