"use client";

import { useEffect, useRef, useState } from "react";
import { newsOf, type News } from "@/lib/uploader/news";
import type { UploadPhase } from "@/lib/uploader/types";
import { texts } from "@/texts";
import { useUploads } from "./uploader";

/**
 * Says to those who do not see the panel what has happened in it. It is there before the first upload is: what comes
 * together with its words is not read out.
 */
export function Announcements() {
  const { uploads } = useUploads();
  // Kept of all there were: those of somebody who comes back are no news.
  const known = useRef(new Map<string, UploadPhase>());
  const [said, setSaid] = useState("");
  useEffect(() => {
    const news = sentenceOf(newsOf(known.current, uploads));
    for (const { id, phase } of uploads) known.current.set(id, phase);
    if (news) setSaid(news);
  }, [uploads]);
  return (
    <p role="status" className="sr-only">
      {said}
    </p>
  );
}

function sentenceOf({ added, ready, troubled }: News): string {
  return [
    added.length > 0 && texts.panel.announceAdded(added.length),
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
