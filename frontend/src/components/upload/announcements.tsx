"use client";

import { useEffect, useRef, useState } from "react";
import { isCurrent, newsOf, type News } from "@/lib/uploader/news";
import type { UploadPhase, UploadView } from "@/lib/uploader/types";
import { texts } from "@/texts";
import { useUploads } from "./uploader";

/** What was said, and of which uploads. */
interface Said {
  words: string;
  ids: readonly string[];
}

const NOTHING: Said = { words: "", ids: [] };

/**
 * Says to those who do not see the panel what has happened in it. It is there before the first upload is: what comes
 * together with its words is not read out.
 */
export function Announcements() {
  const { uploads } = useUploads();
  // Kept of all there were: those of somebody who comes back are no news.
  const known = useRef(new Map<string, UploadPhase>());
  const [said, setSaid] = useState(NOTHING);
  useEffect(() => {
    const news = newsOf(known.current, uploads);
    const words = sentenceOf(news);
    for (const { id, phase } of uploads) known.current.set(id, phase);
    // There are names in it, which are not for those who come next.
    const rest = (before: Said) => (isCurrent(before.ids, uploads) ? before : NOTHING);
    setSaid(words ? { words, ids: idsOf(news) } : rest);
  }, [uploads]);
  return (
    <p role="status" className="sr-only">
      {said.words}
    </p>
  );
}

function idsOf(news: News): string[] {
  return Object.values(news)
    .flat()
    .map(({ id }: UploadView) => id);
}

function sentenceOf({ added, left, ready, troubled }: News): string {
  return [
    added.length > 0 && texts.panel.announceAdded(added.length),
    left.length > 0 && texts.panel.announceLeft(left.length),
    ready.length === 1 && ready[0] && texts.panel.announceReady(ready[0].name),
    ready.length > 1 && texts.panel.announceManyReady(ready.length),
    troubled.length === 1 &&
      troubled[0]?.problem &&
      texts.panel.announceTrouble(troubled[0].name, texts.problem(troubled[0].problem)),
    troubled.length > 1 && texts.panel.announceManyTroubles(troubled.length),
  ]
    .filter(Boolean)
    .join(" ");
}
