"use client";

import { deletions } from "@/components/shell/delete-later";
import { access } from "@/lib/access";
import { choose } from "@/lib/session";

/** Signs out, in all tabs. What was deleted is deleted first, as long as there is a key for it. */
export function leave(): void {
  deletions.flush();
  choose(null);
  access.signOut();
}
