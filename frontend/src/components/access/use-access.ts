"use client";

import { useStore } from "@/components/shell/use-store";
import { access, allows, type Access, type Scope } from "@/lib/access";

/** Whether somebody is signed in, or needs not be. */
export function useAccess(): Access {
  return useStore(access.state);
}

/** Whether the person may do this. */
export function useMay(scope: Scope): boolean {
  return allows(useAccess(), scope);
}

/** Whether there is a key that could be another one. */
export function useHasKey(): boolean {
  const now = useAccess();
  return now.kind === "in" && now.hasKey;
}
