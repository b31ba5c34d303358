import { Lock } from "lucide-react";
import type { ReactNode } from "react";
import { Badge } from "@/components/ui/badge";
import type { FileDetails } from "@/lib/api/client";
import { bytes, date } from "@/lib/format";
import { texts } from "@/texts";

/** What is known of a file. */
export function FileFacts({ file }: { file: FileDetails }) {
  return (
    <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
      <Fact name={texts.details.status}>
        <Badge tone={file.status === "SUCCESS" ? "good" : file.status === "FAILURE" ? "bad" : "accent"}>
          {texts.details.states[file.status]}
        </Badge>
      </Fact>
      <Fact name={texts.details.visibility}>
        <span className="inline-flex items-center gap-1.5">
          {file.credential && <Lock aria-hidden className="size-3.5" />}
          {file.credential ? texts.files_.private : texts.files_.public}
        </span>
      </Fact>
      <Fact name={texts.details.size}>
        {bytes(file.size)} <span className="text-soft">({texts.details.exactBytes(file.size)})</span>
      </Fact>
      <Fact name={texts.details.type}>{file.content_type}</Fact>
      <Fact name={texts.details.added}>
        <time dateTime={file.created_at}>{date(file.created_at)}</time>
      </Fact>
      <Fact name={texts.details.checksum}>
        <code className="font-mono text-xs">{file.checksum ?? texts.details.unknown}</code>
      </Fact>
      <Fact name={texts.details.id}>
        <code className="font-mono text-xs">{file.id}</code>
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt className="text-soft">{name}</dt>
      <dd className="min-w-0 wrap-anywhere">{children}</dd>
    </>
  );
}
