"use client";

import { useEffect, useRef, useState } from "react";
import type { UploaderSnapshot, UploadView } from "@/lib/uploader/types";
import { texts } from "@/texts";

const TROUBLED = ["refused", "failed", "signedOut"];

/** Says to those who do not see the panel what has happened in it. */
export function Announcements({ snapshot }: { snapshot: UploaderSnapshot }) {
  const before = useRef<UploaderSnapshot | null>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const news = before.current ? newsOf(before.current.uploads, snapshot.uploads) : "";
    before.current = snapshot;
    if (news) setSaid(news);
  }, [snapshot]);
  return (
    <p role="status" className="sr-only">
      {said}
    </p>
  );
}

function newsOf(before: readonly UploadView[], now: readonly UploadView[]): string {
  const phases = new Map(before.map(({ id, phase }) => [id, phase]));
  const changed = now.filter(({ id, phase }) => phases.has(id) && phases.get(id) !== phase);
  const ready = changed.filter(({ phase }) => phase === "ready");
  const troubled = changed.filter(({ phase }) => TROUBLED.includes(phase));
  const added = now.filter(({ id }) => !phases.has(id));
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
