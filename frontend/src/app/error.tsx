"use client";

import { Bug } from "lucide-react";
import { Button } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { texts } from "@/texts";

/** In place of a view that broke. Uploads go on beside it. */
export default function Crash({ reset }: { reset: () => void }) {
  return (
    <Notice level={1} icon={Bug} title={texts.crash.title} hint={texts.crash.hint}>
      <Button look="primary" onClick={reset}>
        {texts.crash.action}
      </Button>
    </Notice>
  );
}
