"use client";

import { Lock, Upload } from "lucide-react";
import { useEffect, useState } from "react";
import { useAccess } from "@/components/access/use-access";
import { useStore } from "@/components/shell/use-store";
import { nextCredential } from "@/lib/credentials";
import { droppedFiles, hasFiles, isForField } from "@/lib/dropped";
import { currentPlace } from "@/lib/place";
import { texts } from "@/texts";
import { addDropped, obstacleOf } from "./add";

/** Takes files that are dropped or pasted anywhere on the page, and says where they will go. */
export function DropAnywhere() {
  const over = useDrop();
  const place = useStore(currentPlace);
  const obstacle = obstacleOf(useAccess(), place);
  const isPrivate = useStore(nextCredential) !== null;
  if (!over) return null;
  return (
    <div
      aria-hidden
      className="pointer-events-none fixed inset-0 z-50 grid place-items-center bg-veil p-4 animate-fade"
    >
      <div className="flex max-w-md flex-col items-center gap-2 rounded-2xl border-2 border-dashed border-accent-line bg-raised px-10 py-8 text-center shadow-high">
        <Upload className="size-8 text-accent-ink" />
        <p className="text-lg font-semibold wrap-anywhere">
          {place && !obstacle ? texts.upload.dropTitle(place.name) : obstacle?.title}
        </p>
        <p className="text-soft">{obstacle ? obstacle.hint : texts.upload.dropHint}</p>
        {!obstacle && (
          <p className="flex items-center gap-1.5 text-sm text-soft">
            {isPrivate && <Lock className="size-3.5" />}
            {isPrivate ? texts.upload.dropPrivateOn : texts.upload.dropPublic}
          </p>
        )}
      </div>
    </div>
  );
}

/** Whether files are being dragged over the page. */
function useDrop(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const ended = new AbortController();
    const { signal } = ended;
    const take = (event: DragEvent) => {
      if (!hasFiles(event.dataTransfer)) return;
      // Else the browser would leave the page for the file.
      event.preventDefault();
      setOver(true);
    };
    addEventListener("dragover", take, { signal });
    // One may let go of it over what has only just come under the pointer.
    addEventListener("dragenter", take, { signal });
    // It leaves one element for another all the time; out of the window it has nowhere to go.
    addEventListener("dragleave", ({ relatedTarget }) => relatedTarget === null && setOver(false), { signal });
    addEventListener(
      "drop",
      (event) => {
        setOver(false);
        if (!event.dataTransfer || !hasFiles(event.dataTransfer)) return;
        event.preventDefault();
        void addDropped(droppedFiles(event.dataTransfer));
      },
      { signal },
    );
    addEventListener(
      "paste",
      ({ target, clipboardData }) => {
        if (!clipboardData || !hasFiles(clipboardData)) return;
        const place = target instanceof Element ? target : null;
        if (!isForField(place, clipboardData)) void addDropped(droppedFiles(clipboardData));
      },
      { signal },
    );
    return () => ended.abort();
  }, []);
  return over;
}
