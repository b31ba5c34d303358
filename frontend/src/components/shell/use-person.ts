"use client";

import { useSyncExternalStore } from "react";
import { person, subscribe, type Person } from "@/lib/session";

const unknown = () => undefined;

/** Who is chosen; `undefined` until the browser has told. */
export function usePerson(): Person | null | undefined {
  return useSyncExternalStore<Person | null | undefined>(subscribe, person, unknown);
}
