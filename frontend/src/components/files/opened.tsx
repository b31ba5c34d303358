"use client";

import dynamic from "next/dynamic";
import { useAccess } from "@/components/access/use-access";
import { useStore } from "@/components/shell/use-store";
import { openedFile } from "@/lib/opened";

// Not needed before the first file is opened.
const FileDialog = dynamic(() => import("./file-dialog"), { ssr: false });

/** The dialog of the file that is open, if one is. It goes at once when one has to sign in: it would keep the focus. */
export function Opened() {
  const opened = useStore(openedFile);
  const isOut = useAccess().kind === "out";
  return opened && !isOut && <FileDialog key={opened.id} opened={opened} onClose={() => openedFile.set(null)} />;
}
