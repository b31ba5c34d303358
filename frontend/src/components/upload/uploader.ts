"use client";

import { useSyncExternalStore } from "react";
import { access } from "@/lib/access";
import { browserPorts } from "@/lib/uploader/browser";
import { totalsOf } from "@/lib/uploader/totals";
import type { UploaderSnapshot } from "@/lib/uploader/types";
import { Uploader } from "@/lib/uploader/uploader";

let uploader: Uploader | null = null;

/** The one uploader of this tab; made when the browser asks for it first. */
export function theUploader(): Uploader {
  if (!uploader) {
    uploader = new Uploader(browserPorts());
    obeyAccess(uploader);
  }
  return uploader;
}

/** Uploads are for the tenant of whoever is signed in, and wait while nobody of it is. */
function obeyAccess(uploads: Uploader): void {
  /** As far as it is known; `undefined` while nobody is in. */
  let tenant: string | null | undefined;
  const obey = () => {
    const now = access.state.get();
    // Who comes next need not know what was uploaded here.
    if (now.kind === "out" && now.reason === "none") uploads.clearReady();
    const next = now.kind === "in" ? now.tenant : undefined;
    if (next === tenant) return;
    tenant = next;
    if (next === undefined) return uploads.hold();
    uploads.letGo(next);
    void uploads.restore();
  };
  access.state.subscribe(obey);
  obey();
}

const nothing: UploaderSnapshot = { uploads: [], totals: totalsOf([]) };

export function useUploads(): UploaderSnapshot {
  return useSyncExternalStore(
    (listener) => theUploader().subscribe(listener),
    () => theUploader().snapshot(),
    () => nothing,
  );
}
