"use client";

import { FolderUp, Lock, Upload } from "lucide-react";
import dynamic from "next/dynamic";
import { useRef, useState, type ChangeEvent } from "react";
import { NoButton } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { useStore } from "@/components/shell/use-store";
import { Button } from "@/components/ui/button";
import { Switch } from "@/components/ui/switch";
import { nextCredential } from "@/lib/credentials";
import { folderFiles } from "@/lib/dropped";
import { currentPlace } from "@/lib/place";
import { texts } from "@/texts";
import { addDropped, addFiles, pickFiles } from "./add";

const KeepPrivate = dynamic(() => import("./keep-private"), { ssr: false });

/** React does not know of it. */
const wholeFolder = { webkitdirectory: "" };

const box = "space-y-3 rounded-xl border border-dashed border-line-strong bg-surface p-4";

/** Where files are chosen, if the person may add any. */
export function AddFiles() {
  const isAllowed = useMay("files:write");
  return (
    <section aria-label={texts.upload.region} className={box}>
      {isAllowed ? <Choice /> : <NoButton>{texts.access.noUpload}</NoButton>}
    </section>
  );
}

/** Files, and whether they are private. They can be dropped anywhere. */
function Choice() {
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const place = useStore(currentPlace);
  const chosen = (event: ChangeEvent<HTMLInputElement>) => {
    addFiles(Array.from(event.target.files ?? [], (file) => ({ file })));
    event.target.value = "";
  };
  const chosenFolder = (event: ChangeEvent<HTMLInputElement>) => {
    void addDropped(Promise.resolve(folderFiles(event.target.files ?? [])));
    event.target.value = "";
  };
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <div className="min-w-48 flex-1">
          <p className="font-medium touch:hidden">{texts.upload.invite}</p>
          <p className="hidden font-medium touch:block">{texts.upload.inviteTouch}</p>
          <p className="text-sm text-soft wrap-anywhere">{place && texts.upload.into(place.name)}</p>
        </div>
        <input ref={files} type="file" multiple hidden data-testid="files" onChange={chosen} />
        <input ref={folder} type="file" {...wholeFolder} hidden data-testid="folder" onChange={chosenFolder} />
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => folder.current?.click()} className="touch:hidden">
            <FolderUp aria-hidden className="size-4" />
            {texts.upload.folder}
          </Button>
          <Button look="primary" onClick={() => pickFiles() || files.current?.click()}>
            <Upload aria-hidden className="size-4" />
            {texts.upload.choose}
          </Button>
        </div>
      </div>
      <Visibility />
    </>
  );
}

function Visibility() {
  const credential = useStore(nextCredential);
  const [asking, setAsking] = useState(false);
  const hint = credential ? texts.credential.ready(Object.keys(credential).length) : texts.upload.publicHint;
  return (
    <div className="flex flex-wrap items-center gap-x-3 border-t border-line pt-2">
      <Switch
        label={texts.upload.private}
        hint={texts.upload.privateHint}
        checked={credential !== null}
        onChange={(isPrivate) => (isPrivate ? setAsking(true) : nextCredential.set(null))}
      />
      <p className="flex items-center gap-1.5 text-sm text-soft">
        {credential && <Lock aria-hidden className="size-3.5" />}
        {hint}
      </p>
      {asking && <KeepPrivate onClose={() => setAsking(false)} />}
    </div>
  );
}
