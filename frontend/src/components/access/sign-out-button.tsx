"use client";

import { LogOut } from "lucide-react";
import { Button } from "@/components/ui/button";
import { texts } from "@/texts";
import { leave } from "./leave";
import { useHasKey } from "./use-access";

/** For those who have a key, as long as they have no menu of their own. */
export function SignOutButton() {
  if (!useHasKey()) return null;
  return (
    <Button look="quiet" onClick={leave}>
      <LogOut aria-hidden className="size-4" />
      {texts.access.signOut}
    </Button>
  );
}
