"use client";

import dynamic from "next/dynamic";
import { useEffect, type ReactNode } from "react";
import { SkeletonRows } from "@/components/ui/skeleton";
import { access } from "@/lib/access";
import { forgetCredentials } from "@/lib/credentials";
import { openedFile } from "@/lib/opened";
import { useAccess } from "./use-access";

// Most never see it.
const SignIn = dynamic(() => import("./sign-in"), { ssr: false, loading: () => <SkeletonRows /> });

/** Shows a view to those who may come in, and to others where they sign in. */
export function Gate({ children }: { children: ReactNode }) {
  const now = useAccess();
  const isOut = now.kind === "out";
  // Whoever comes next may be somebody else.
  const hasLeft = isOut || now.kind === "changing";
  useEffect(() => access.start(), []);
  useEffect(() => {
    if (!hasLeft) return;
    openedFile.set(null);
    forgetCredentials();
  }, [hasLeft]);
  if (isOut) return <SignIn reason={now.reason} />;
  if (now.kind === "changing") return <SkeletonRows />;
  const isUnknown = now.kind === "unknown";
  return (
    <>
      {isUnknown && <SkeletonRows />}
      {/* It loads meanwhile what it will show. */}
      <div hidden={isUnknown}>{children}</div>
    </>
  );
}
