"use client";

import { toast } from "sonner";
import { Deletions, GRACE, type Deletion } from "@/lib/deletions";
import { texts } from "@/texts";
import { sentence } from "./sentence";

/** The one list of this tab of what is being deleted. */
export const deletions = new Deletions();

interface Wording {
  deleted: string;
  restored: string;
  failed: string;
}

/** Takes it out of sight at once, and deletes it in a while unless the person takes that back. */
export function deleteLater(id: string, { deleted, restored, failed }: Wording, run: Deletion): void {
  addEventListener("pagehide", () => deletions.flush(), { once: true });
  const remove: Deletion = (keepalive) => {
    toast.dismiss(id);
    return run(keepalive);
  };
  deletions.schedule(id, remove, (cause) => toast.error(failed, { description: sentence(cause) }));
  const undo = () => {
    if (deletions.undo(id)) toast.success(restored);
  };
  // The time to take it back is over when the deletion says so.
  toast(deleted, { id, duration: GRACE * 2, action: { label: texts.common.undo, onClick: undo } });
}
