"use client";

import { CloudOff, type LucideIcon } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";
import { NotAllowed } from "@/components/access/not-allowed";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { SkeletonRows } from "@/components/ui/skeleton";
import { ApiError } from "@/lib/api/error";
import type { Paging, PagingSnapshot } from "@/lib/paging";
import { texts } from "@/texts";
import { sentence } from "./sentence";

interface EndlessProps<Item extends { id: string }> {
  label: string;
  list: Paging<Item>;
  shown: PagingSnapshot<Item>;
  /** Those that are shown; all of them without it. */
  items?: readonly Item[];
  empty: { icon: LucideIcon; title: string; hint: string };
  failed: string;
  children: (item: Item) => ReactNode;
}

/** A list that goes on as long as one scrolls, with all it can be besides: loading, empty, broken. */
export function Endless<Item extends { id: string }>(props: EndlessProps<Item>) {
  const { label, list, shown, empty, failed, children } = props;
  const items = props.items ?? shown.items;
  const { phase, problem } = shown;
  if (phase === "error" && shown.items.length === 0) {
    if (problem instanceof ApiError && problem.kind === "notAllowed")
      return <NotAllowed title={texts.access.nothing} />;
    return (
      <Notice icon={CloudOff} title={failed} hint={sentence(problem)}>
        <Button onClick={() => void list.loadMore()}>{texts.common.retry}</Button>
      </Notice>
    );
  }
  if (items.length === 0 && phase === "end") return <Notice {...empty} />;
  return (
    <div className="overflow-hidden rounded-xl border border-line bg-surface shadow-low">
      <ul aria-label={label} className="divide-y divide-line">
        {items.map((item) => (
          // What is out of sight is not drawn.
          <li key={item.id} className="[contain-intrinsic-size:auto_4rem] [content-visibility:auto]">
            {children(item)}
          </li>
        ))}
      </ul>
      {phase === "loading" && <SkeletonRows rows={items.length > 0 ? 2 : 6} />}
      {phase === "more" && <More load={() => void list.loadMore()} />}
      {phase === "error" && <Stuck problem={problem} retry={() => void list.loadMore()} />}
    </div>
  );
}

/** Loads more when it comes into sight, or when it is pressed. */
function More({ load }: { load: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const seen = new IntersectionObserver(([entry]) => entry?.isIntersecting && load(), { rootMargin: "600px" });
    if (button.current) seen.observe(button.current);
    return () => seen.disconnect();
  });
  return (
    <div className="flex justify-center border-t border-line p-2">
      <Button ref={button} look="quiet" onClick={load}>
        {texts.common.loadMore}
      </Button>
    </div>
  );
}

/** Tells why there is no more. It is in sight, and would ask without end if it went on by itself. */
function Stuck({ problem, retry }: { problem: unknown; retry: () => void }) {
  return (
    <div className="flex flex-wrap items-center justify-center gap-x-3 gap-y-1 border-t border-line p-2">
      <p role="alert" className="text-sm text-bad">
        {sentence(problem)}
      </p>
      <Button size="small" onClick={retry}>
        {texts.common.retry}
      </Button>
    </div>
  );
}
