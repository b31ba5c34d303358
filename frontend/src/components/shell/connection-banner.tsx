"use client";

import { CloudOff } from "lucide-react";
import { useEffect, useRef } from "react";
import { toast } from "sonner";
import { connection } from "@/lib/connection";
import { texts } from "@/texts";
import { useStore } from "./use-store";

/** Tells that what is shown may be old, and when that is over. */
export function ConnectionBanner() {
  const state = useStore(connection);
  const before = useRef(state);
  useEffect(() => {
    if (state === "up" && before.current !== "up") toast.success(texts.connection.back);
    before.current = state;
  }, [state]);
  return (
    <div role="status">
      {state !== "up" && (
        <p className="flex items-center justify-center gap-2 bg-warn-soft px-4 py-2 text-sm font-medium text-warn">
          <CloudOff aria-hidden className="size-4 shrink-0" />
          {texts.connection[state]}
        </p>
      )}
    </div>
  );
}
