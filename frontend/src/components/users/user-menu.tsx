"use client";

import { UserRound } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { Button } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import type { Person } from "@/lib/session";
import { texts } from "@/texts";

const UserDialog = dynamic(() => import("./user-dialog"), { ssr: false });

/** Who is chosen, and what can be done about it. */
export function UserMenu({ person }: { person: Person }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button
        look="quiet"
        className="min-w-0 shrink"
        aria-label={texts.users.menu(person.name)}
        onClick={() => setOpen(true)}
      >
        <UserRound aria-hidden className="size-4 shrink-0" />
        <Name className="max-w-40">{person.name}</Name>
      </Button>
      {open && <UserDialog person={person} onClose={() => setOpen(false)} />}
    </>
  );
}
