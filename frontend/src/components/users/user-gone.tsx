"use client";

import { UserX } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { choose } from "@/lib/session";
import { texts } from "@/texts";

/** Somebody deleted the user that this browser remembers. */
export function UserGone() {
  return (
    <Notice level={1} icon={UserX} title={texts.users.goneTitle} hint={texts.users.goneHint}>
      <Button look="primary" onClick={() => choose(null)}>
        {texts.users.goneAction}
      </Button>
    </Notice>
  );
}
