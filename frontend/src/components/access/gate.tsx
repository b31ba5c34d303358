"use client";

import dynamic from "next/dynamic";
import { useRouter } from "next/navigation";
import { useEffect, type ReactNode } from "react";
import { usePerson } from "@/components/shell/use-person";
import { SkeletonRows } from "@/components/ui/skeleton";
import { access } from "@/lib/access";
import { forgetCredentials } from "@/lib/credentials";
import { openedFile } from "@/lib/opened";
import { followsAnother } from "@/lib/session";
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
    if (hasLeft) forgetVisit();
  }, [hasLeft]);
  useFreshStart();
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

/** Somebody else than before begins where everybody does, and finds nothing open of the one before. */
function useFreshStart(): void {
  const id = usePerson()?.id;
  const router = useRouter();
  useEffect(() => {
    // Whoever chooses the same name again is where they were.
    if (id === undefined || !followsAnother(id)) return;
    forgetVisit();
    router.replace("/");
  }, [id, router]);
}

function forgetVisit(): void {
  openedFile.set(null);
  forgetCredentials();
}
