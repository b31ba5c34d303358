"use client";

import { useSyncExternalStore } from "react";
import type { Store } from "@/lib/store";

/** The value of a store, as it is now. */
export function useStore<Value>(store: Store<Value>): Value {
  return useSyncExternalStore(store.subscribe, store.get, store.get);
}
