"use client";

import { useEffect, useSyncExternalStore } from "react";
import type { Paging, PagingSnapshot } from "@/lib/paging";

/** Shows a list, and has its first page loaded. */
export function usePaging<Item extends { id: string }>(list: Paging<Item>): PagingSnapshot<Item> {
  useEffect(() => void list.loadMore(), [list]);
  return useSyncExternalStore(list.subscribe, list.snapshot, list.snapshot);
}
