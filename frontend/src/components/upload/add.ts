"use client";

import { toast } from "sonner";
import { access, allows, type Access } from "@/lib/access";
import type { Credential } from "@/lib/api/client";
import { nextCredential, remember } from "@/lib/credentials";
import type { Dropped, DroppedFiles } from "@/lib/dropped";
import { currentPlace, type Place } from "@/lib/place";
import { texts } from "@/texts";
import { theUploader } from "./uploader";

interface Obstacle {
  title: string;
  hint?: string;
}

/** Why no files can be added now; `null` when they can. */
export function obstacleOf(now: Access, place: Place | null): Obstacle | null {
  if (now.kind === "out") return { title: texts.access.signInFirst, hint: texts.access.signInFirstHint };
  if (!allows(now, "files:write")) return { title: texts.access.noUpload };
  return place ? null : { title: texts.upload.noPlace, hint: texts.upload.noPlaceHint };
}

/** Where files go, and with which credential. */
interface Destination {
  place: Place | null;
  credential: Credential | null;
}

/** Where the person is, and the credential that is set. */
function destination(): Destination {
  return { place: currentPlace.get(), credential: nextCredential.get() };
}

/** Uploads these to where the person is, with the credential that is set, or was when they were dropped. */
export function addFiles(files: readonly Dropped[], { place, credential }: Destination = destination()): void {
  const obstacle = obstacleOf(access.state.get(), place);
  if (obstacle || !place) return void toast.error(obstacle?.title, { description: obstacle?.hint });
  if (credential) remember(credential);
  theUploader().add(files.map((dropped) => ({ ...dropped, credential, ...place.owner })));
}

/** The same with what was dropped or pasted. */
export async function addDropped(dropped: Promise<DroppedFiles>): Promise<void> {
  // To look through folders takes a while, in which the person may go elsewhere.
  const to = destination();
  const { files, unreadable } = await dropped;
  if (unreadable > 0) toast.error(texts.upload.dropFailed);
  else if (files.length === 0) toast(texts.upload.nothing);
  if (files.length > 0) addFiles(files, to);
}

/** Of the File System Access API, which TypeScript does not know yet. */
type Picker = Window & { showOpenFilePicker?: (options: object) => Promise<FileSystemFileHandle[]> };

/** Asks for files by their handles, with which an upload goes on after a reload; `false` where browsers have none. */
export function pickFiles(): boolean {
  const pick = (window as Picker).showOpenFilePicker;
  if (!pick) return false;
  void pick({ multiple: true }).then(
    (handles) => addDropped(opened(handles)),
    // The person chose nothing.
    () => undefined,
  );
  return true;
}

async function opened(handles: FileSystemFileHandle[]): Promise<DroppedFiles> {
  const all = await Promise.allSettled(handles.map(async (handle) => ({ file: await handle.getFile(), handle })));
  const files = all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  return { files, unreadable: all.length - files.length };
}
