"use client";

import dynamic from "next/dynamic";
import { useStore } from "@/components/shell/use-store";
import { openedFile } from "@/lib/opened";

// Not needed before the first file is opened.
const FileDialog = dynamic(() => import("./file-dialog"), { ssr: false });

/** The dialog of the file that is open, if one is. */
export function Opened() {
  const opened = useStore(openedFile);
  return opened && <FileDialog key={opened.id} opened={opened} onClose={() => openedFile.set(null)} />;
}
