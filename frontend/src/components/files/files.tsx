"use client";

import { File as FileIcon, Lock } from "lucide-react";
import { useEffect } from "react";
import { Endless } from "@/components/shell/endless";
import { usePaging } from "@/components/shell/use-paging";
import { Badge } from "@/components/ui/badge";
import { Name } from "@/components/ui/name";
import { useUploads } from "@/components/upload/uploader";
import type { FileRow } from "@/lib/api/client";
import { bytes, date } from "@/lib/format";
import type { Paging } from "@/lib/paging";
import { texts } from "@/texts";

interface FilesProps {
  label: string;
  list: Paging<FileRow>;
}

/** A list of files. What gets ready meanwhile appears in it. */
export function Files({ label, list }: FilesProps) {
  const shown = usePaging(list);
  const { ready } = useUploads().totals;
  useEffect(() => {
    if (ready > 0) void list.refresh();
  }, [ready, list]);
  const empty = { icon: FileIcon, title: texts.files_.empty, hint: texts.files_.emptyHint };
  return (
    <Endless label={label} list={list} shown={shown} empty={empty} failed={texts.files_.failed}>
      {(file) => <Row file={file} />}
    </Endless>
  );
}

function Row({ file }: { file: FileRow }) {
  const { filename, size, created_at: added, appointment_name: appointment, download_url: link, status } = file;
  const name = filename ?? texts.files_.nameless;
  const facts = [bytes(size), date(added), appointment].filter(Boolean).join(" · ");
  return (
    <div data-testid="file" className="flex min-h-16 items-center gap-3 px-4 py-2">
      <FileIcon aria-hidden className="size-5 shrink-0 text-soft" />
      <div className="min-w-0 flex-1">
        {link && status === "SUCCESS" ? (
          <a href={link} target="_blank" rel="noreferrer" className="flex font-medium hover:underline">
            <Name>{name}</Name>
          </a>
        ) : (
          <Name className="block font-medium">{name}</Name>
        )}
        <p className="truncate text-sm text-soft">{facts}</p>
      </div>
      {!link && (
        <Badge>
          <Lock aria-hidden className="size-3" />
          {texts.files_.private}
        </Badge>
      )}
      {(status === "PENDING" || status === "STARTED") && <Badge tone="accent">{texts.files_.storing}</Badge>}
      {status === "FAILURE" && <Badge tone="bad">{texts.files_.failure}</Badge>}
    </div>
  );
}
