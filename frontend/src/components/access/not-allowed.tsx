"use client";

import { KeyRound } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { texts } from "@/texts";
import { leave } from "./leave";
import { useHasKey } from "./use-access";

interface NotAllowedProps {
  title: string;
  hint?: string;
  level?: 1 | 2;
}

/** In place of what the person's key does not allow to see. */
export function NotAllowed(props: NotAllowedProps) {
  const hasKey = useHasKey();
  return (
    <Notice icon={KeyRound} {...props}>
      {hasKey && <Button onClick={leave}>{texts.access.another}</Button>}
    </Notice>
  );
}

/** Where a button would be that the person's key does not allow. */
export function NoButton({ children, className = "" }: { children: string; className?: string }) {
  return (
    <p className={`flex items-center gap-1.5 text-sm text-soft ${className}`}>
      <KeyRound aria-hidden className="size-3.5 shrink-0" />
      {children}
    </p>
  );
}
