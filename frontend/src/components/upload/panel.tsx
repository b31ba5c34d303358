"use client";

import { useVirtualizer } from "@tanstack/react-virtual";
import { ChevronDown, ChevronUp } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button, IconButton } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { bytes, duration } from "@/lib/format";
import type { Totals } from "@/lib/uploader/types";
import { texts } from "@/texts";
import { UploadRow } from "./row";
import { theUploader, useUploads } from "./uploader";

const ROW = 84;

/** All uploads of this tab. Rows out of sight are not drawn. */
export function UploadPanel() {
  const { uploads, totals } = useUploads();
  const scroller = useRef<HTMLDivElement>(null);
  // eslint-disable-next-line react-hooks/incompatible-library -- the list is drawn anew whenever its uploads change
  const rows = useVirtualizer({
    count: uploads.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    getItemKey: (index) => uploads[index]?.id ?? index,
    overscan: 4,
  });
  const [isOpen, setOpen] = useState(true);
  useStayed(totals.unfinished > 0);
  const isPaused = uploads.some(({ phase }) => phase === "paused");
  if (uploads.length === 0) return null;
  return (
    <aside
      aria-label={texts.panel.label}
      className="fixed inset-x-0 bottom-0 z-40 flex max-h-[50dvh] flex-col border-line bg-raised shadow-high max-sm:rounded-t-2xl sm:inset-x-auto sm:right-4 sm:bottom-4 sm:w-[26rem] sm:rounded-2xl sm:border"
    >
      <Summary totals={totals} isPaused={isPaused} isOpen={isOpen} onToggle={() => setOpen(!isOpen)} />
      <div
        ref={scroller}
        hidden={!isOpen}
        tabIndex={0}
        role="group"
        aria-label={texts.panel.list}
        className="overflow-y-auto"
      >
        <ul className="relative" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, key, start }) => {
            const upload = uploads[index];
            return (
              upload && (
                <li
                  key={key}
                  className="absolute inset-x-0"
                  style={{ height: ROW, transform: `translateY(${start}px)` }}
                >
                  <UploadRow upload={upload} />
                </li>
              )
            );
          })}
        </ul>
      </div>
    </aside>
  );
}

/** Asks before the page is left while something goes up, or waits for that: files in line would be forgotten. */
function useStayed(isNeeded: boolean): void {
  useEffect(() => {
    if (!isNeeded) return;
    const ask = (event: Event) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isNeeded]);
}

interface SummaryProps {
  totals: Totals;
  /** Whether some wait for the person to go on. */
  isPaused: boolean;
  isOpen: boolean;
  onToggle: () => void;
}

function Summary({ totals, isPaused, isOpen, onToggle }: SummaryProps) {
  const { files, ready, active, size, sent, speed, secondsLeft } = totals;
  const facts = [
    texts.panel.readyOf(ready, files),
    speed ? texts.panel.speed(bytes(speed)) : null,
    active > 0 && secondsLeft ? texts.panel.left(duration(secondsLeft)) : null,
  ];
  return (
    <header className="space-y-2 border-b border-line px-4 py-3">
      <div className="flex flex-wrap items-center gap-2">
        {/* On phones there is no room beside it for the buttons. */}
        <div className="min-w-0 flex-1 max-sm:basis-full">
          <h2 className="font-semibold">{titleOf(totals)}</h2>
          <p className="text-sm text-soft">{facts.filter(Boolean).join(" · ")}</p>
        </div>
        {(active > 0 || isPaused) && (
          <Button size="small" onClick={() => (active > 0 ? theUploader().pauseAll() : theUploader().resumeAll())}>
            {active > 0 ? texts.panel.pauseAll : texts.panel.resumeAll}
          </Button>
        )}
        {ready > 0 && (
          <Button size="small" look="quiet" onClick={() => theUploader().clearReady()}>
            {texts.panel.clearReady}
          </Button>
        )}
        <IconButton
          label={isOpen ? texts.panel.collapse : texts.panel.expand}
          aria-expanded={isOpen}
          size="smallIcon"
          className="ml-auto"
          onClick={onToggle}
        >
          {isOpen ? <ChevronDown aria-hidden className="size-4" /> : <ChevronUp aria-hidden className="size-4" />}
        </IconButton>
      </div>
      <Progress label={texts.panel.totalProgress} value={size > 0 ? sent / size : ready / files} />
    </header>
  );
}

function titleOf({ files, ready, active, troubled }: Totals): string {
  if (active > 0) return texts.panel.uploading(active);
  if (troubled > 0) return texts.panel.troubled(troubled);
  return ready === files ? texts.panel.allReady(files) : texts.panel.waiting;
}
