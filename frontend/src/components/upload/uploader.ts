"use client";

import { useSyncExternalStore } from "react";
import { browserPorts } from "@/lib/uploader/browser";
import type { UploaderSnapshot } from "@/lib/uploader/types";
import { Uploader } from "@/lib/uploader/uploader";

let uploader: Uploader | null = null;

/** The one uploader of this tab; made when the browser asks for it first. */
export function theUploader(): Uploader {
  if (!uploader) {
    uploader = new Uploader(browserPorts());
    void uploader.restore();
  }
  return uploader;
}

const nothing: UploaderSnapshot = {
  uploads: [],
  totals: { files: 0, ready: 0, active: 0, troubled: 0, size: 0, sent: 0, speed: null, secondsLeft: null },
};

export function useUploads(): UploaderSnapshot {
  return useSyncExternalStore(
    (listener) => theUploader().subscribe(listener),
    () => theUploader().snapshot(),
    () => nothing,
  );
}
