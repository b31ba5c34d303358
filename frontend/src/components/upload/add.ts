"use client";

import { toast } from "sonner";
import { nextCredential, remember } from "@/lib/credentials";
import type { Dropped, DroppedFiles } from "@/lib/dropped";
import { currentPlace } from "@/lib/place";
import { texts } from "@/texts";
import { theUploader } from "./uploader";

/** Uploads these to where the person is, with the credential that is set. */
export function addFiles(files: readonly Dropped[]): void {
  const place = currentPlace.get();
  if (!place) return void toast.error(texts.upload.noPlace, { description: texts.upload.noPlaceHint });
  const credential = nextCredential.get();
  if (credential) remember(credential);
  theUploader().add(files.map((dropped) => ({ ...dropped, credential, ...place.owner })));
}

/** The same with what was dropped or pasted. */
export async function addDropped(dropped: Promise<DroppedFiles>): Promise<void> {
  const { files, unreadable } = await dropped;
  if (unreadable > 0) toast.error(texts.upload.dropFailed);
  else if (files.length === 0) toast(texts.upload.nothing);
  if (files.length > 0) addFiles(files);
}

/** Of the File System Access API, which TypeScript does not know yet. */
type Picker = Window & { showOpenFilePicker?: (options: object) => Promise<FileSystemFileHandle[]> };

/** Asks for files by their handles, with which an upload goes on after a reload; `false` where browsers have none. */
export function pickFiles(): boolean {
  const pick = (window as Picker).showOpenFilePicker;
  if (!pick) return false;
  void pick({ multiple: true }).then(
    async (handles) =>
      addFiles(await Promise.all(handles.map(async (handle) => ({ file: await handle.getFile(), handle })))),
    // The person chose nothing.
    () => undefined,
  );
  return true;
}
