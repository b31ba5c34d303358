"use client";

import { Link2 } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { Button } from "@/components/ui/button";
import type { FileDetails } from "@/lib/api/client";
import { contentUrl } from "@/lib/content";
import { texts } from "@/texts";

/** A public file's link lasts; a private one's opens the file for a while only. */
export function CopyLink({ file }: { file: FileDetails }) {
  const [link, setLink] = useState<string | null>(null);
  const copy = async () => {
    const wanted = file.credential ? file.download_url : new URL(contentUrl(file.id), location.href).href;
    try {
      // There is no clipboard on a page that came without TLS.
      await navigator.clipboard.writeText(wanted);
      toast.success(file.credential ? texts.details.copiedPrivate : texts.details.copied);
    } catch {
      setLink(wanted);
    }
  };
  if (link !== null) {
    return (
      <label className="w-full space-y-1 text-sm text-soft">
        {texts.details.copyFailed}
        <input readOnly value={link} className="input" onFocus={(event) => event.target.select()} />
      </label>
    );
  }
  return (
    <Button onClick={() => void copy()} title={file.credential ? texts.details.privateLink : undefined}>
      <Link2 aria-hidden className="size-4" />
      {texts.details.copy}
    </Button>
  );
}
