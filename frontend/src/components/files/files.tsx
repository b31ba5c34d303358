"use client";

import { File as FileIcon, FileImage, FileMusic, FileText, FileVideo, Lock, RotateCw } from "lucide-react";
import { memo, useCallback, useEffect } from "react";
import { toast } from "sonner";
import { useMay } from "@/components/access/use-access";
import { deletions } from "@/components/shell/delete-later";
import { Endless } from "@/components/shell/endless";
import { sentence } from "@/components/shell/sentence";
import { usePaging } from "@/components/shell/use-paging";
import { useStore } from "@/components/shell/use-store";
import { Badge } from "@/components/ui/badge";
import { IconButton } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import { theUploader } from "@/components/upload/uploader";
import { ApiError, retryFile, type FileRow } from "@/lib/api/client";
import { credentialOf } from "@/lib/credentials";
import { bytes, date } from "@/lib/format";
import { openedFile } from "@/lib/opened";
import type { Paging } from "@/lib/paging";
import { previewOf } from "@/lib/preview";
import { throttled } from "@/lib/throttle";
import { texts } from "@/texts";

/** How often one looks at files that are being stored, in milliseconds. */
const PAUSE = 2000;
const STORING = ["PENDING", "STARTED"];
const icons = { image: FileImage, video: FileVideo, audio: FileMusic, pdf: FileText, text: FileText, none: FileIcon };

interface FilesProps {
  label: string;
  list: Paging<FileRow>;
}

/** A list of files. What gets ready meanwhile appears in it. */
export function Files({ label, list }: FilesProps) {
  const shown = usePaging(list);
  const hidden = useStore(deletions.hidden);
  const refresh = useCallback(
    (id?: string) => void list.refresh((file) => file.id === id || isBeingStored(file)),
    [list],
  );
  useEffect(() => {
    const refreshSoon = throttled(refresh, PAUSE);
    let known = readyUploads();
    return theUploader().subscribe(() => {
      const ready = readyUploads();
      if ([...ready].some((id) => !known.has(id))) refreshSoon();
      known = ready;
    });
  }, [refresh]);
  const isStoring = shown.items.some(isBeingStored);
  useEffect(() => {
    if (!isStoring) return;
    const timer = setInterval(refresh, PAUSE);
    return () => clearInterval(timer);
  }, [isStoring, refresh]);
  const items = shown.items.filter(({ id }) => !hidden.has(id));
  const empty = { icon: FileIcon, title: texts.files_.empty, hint: texts.files_.emptyHint };
  return (
    <Endless label={label} list={list} shown={shown} items={items} empty={empty} failed={texts.files_.failed}>
      {(file) => <Row file={file} retried={refresh} />}
    </Endless>
  );
}

function isBeingStored({ status }: FileRow): boolean {
  return STORING.includes(status);
}

function readyUploads(): Set<string> {
  const ready = theUploader()
    .snapshot()
    .uploads.filter(({ phase }) => phase === "ready");
  return new Set(ready.map(({ id }) => id));
}

const Row = memo(function Row({ file, retried }: { file: FileRow; retried: (id: string) => void }) {
  const { id, filename, size, created_at: added, appointment_name: appointment, status } = file;
  const mayRetry = useMay("files:write");
  const name = filename ?? texts.files_.nameless;
  const facts = [bytes(size), date(added), appointment].filter(Boolean).join(" · ");
  const Icon = icons[previewOf(file.content_type, name)];
  return (
    <div data-testid="file" className="relative flex min-h-16 items-center gap-3 px-4 py-2 hover:bg-hover">
      <Icon aria-hidden className="size-5 shrink-0 text-soft" />
      <div className="min-w-0 flex-1">
        <button
          type="button"
          aria-label={texts.details.open(name)}
          onClick={() => openedFile.set({ id, name })}
          // All of the row can be pressed.
          className="flex max-w-full text-left font-medium after:absolute after:inset-0"
        >
          <Name>{name}</Name>
        </button>
        <p className="truncate text-sm text-soft">{facts}</p>
      </div>
      {!file.download_url && (
        <Badge>
          <Lock aria-hidden className="size-3" />
          {texts.files_.private}
        </Badge>
      )}
      {STORING.includes(status) && <Badge tone="accent">{texts.files_.storing}</Badge>}
      {status === "FAILURE" && (
        <>
          <Badge tone="bad">{texts.files_.failure}</Badge>
          {mayRetry && (
            <IconButton
              label={texts.panel.retry(name)}
              className="relative z-10"
              onClick={() => void retry(id, name).then(() => retried(id))}
            >
              <RotateCw aria-hidden className="size-4" />
            </IconButton>
          )}
        </>
      )}
    </div>
  );
});

/** A private file asks for its credential first. */
async function retry(id: string, name: string): Promise<void> {
  try {
    await retryFile(id, credentialOf(id));
    toast.success(texts.details.retried);
  } catch (problem) {
    if (problem instanceof ApiError && problem.kind === "forbidden") openedFile.set({ id, name });
    else toast.error(sentence(problem));
  }
}
