"use client";

import { Upload } from "lucide-react";
import { useRef, useState, type DragEvent } from "react";
import { Button } from "@/components/ui/button";
import type { Owner } from "@/lib/uploader/types";
import { texts } from "@/texts";
import { theUploader } from "./uploader";

/** Where files are dropped, or chosen. */
export function AddFiles({ owner, place }: { owner: Owner; place: string }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const add = (files: FileList | null) => {
    theUploader().add(Array.from(files ?? [], (file) => ({ file, credential: null, ...owner })));
  };
  const drag = (event: DragEvent, isOver: boolean) => {
    event.preventDefault();
    setOver(isOver);
  };
  return (
    <section
      aria-label={texts.upload.region}
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => drag(event, false)}
      onDrop={(event) => {
        drag(event, false);
        add(event.dataTransfer.files);
      }}
      className={`flex flex-wrap items-center justify-between gap-3 rounded-xl border border-dashed p-4 ${over ? "border-accent bg-accent-soft" : "border-line-strong bg-surface"}`}
    >
      <div className="min-w-0">
        <p className="font-medium">{texts.upload.invite}</p>
        <p className="text-sm text-soft wrap-anywhere">{texts.upload.into(place)}</p>
      </div>
      <input
        ref={input}
        type="file"
        multiple
        className="sr-only"
        tabIndex={-1}
        aria-label={texts.upload.choose}
        onChange={(event) => {
          add(event.target.files);
          event.target.value = "";
        }}
      />
      <Button look="primary" onClick={() => input.current?.click()}>
        <Upload aria-hidden className="size-4" />
        {texts.upload.choose}
      </Button>
    </section>
  );
}
