"use client";

import { EyeOff } from "lucide-react";
import { useEffect, useState, type ReactNode } from "react";
import { SkeletonBlock } from "@/components/ui/skeleton";
import type { Credential, FileDetails } from "@/lib/api/client";
import { TEXT_SHOWN, contentUrl, loadBlob, loadText } from "@/lib/content";
import { bytes } from "@/lib/format";
import { previewOf, type Preview } from "@/lib/preview";
import { texts } from "@/texts";

/** What is loaded into memory whole is no larger, in bytes. */
const MAX_BLOB = 64 * 1024 * 1024;

interface PreviewProps {
  file: FileDetails;
  name: string;
  credential: Credential | null;
}

/** What is in a file, as far as browsers can show it. */
export function FilePreview({ file, name, credential }: PreviewProps) {
  const kind = previewOf(file.content_type, name);
  if (file.status === "FAILURE") return <Plain bad>{texts.details.failure}</Plain>;
  if (file.status !== "SUCCESS") return <Plain>{texts.details.notYet}</Plain>;
  if (file.size === 0) return <Plain>{texts.details.emptyFile}</Plain>;
  if (kind === "none") return <Plain>{texts.details.noPreview}</Plain>;
  if (kind === "text") return <TextPreview file={file} name={name} credential={credential} />;
  // No element can show a credential, and the viewer of PDFs does not run in the sandbox that downloads come in.
  if (!credential && kind !== "pdf") return <Media kind={kind} url={contentUrl(file.id)} name={name} />;
  const streams = kind === "video" || kind === "audio";
  if (file.size > MAX_BLOB && streams) return <Media kind={kind} url={file.download_url} name={name} />;
  if (file.size > MAX_BLOB) return <Plain>{texts.details.tooLarge}</Plain>;
  return <BlobPreview kind={kind} file={file} name={name} credential={credential} />;
}

type Shown = { url: string } | { text: string } | "failed" | null;

function TextPreview({ file, name, credential }: PreviewProps) {
  const [shown, setShown] = useState<Shown>(null);
  useEffect(() => {
    const left = new AbortController();
    loadText(file.id, credential, left.signal).then(
      (text) => setShown({ text }),
      () => left.signal.aborted || setShown("failed"),
    );
    return () => left.abort();
  }, [file.id, credential]);
  if (shown === "failed") return <Plain bad>{texts.details.previewFailed}</Plain>;
  if (!shown || !("text" in shown)) return <SkeletonBlock label={texts.details.loading} />;
  return (
    <div className="space-y-1">
      <pre
        role="region"
        tabIndex={0}
        aria-label={texts.details.preview(name)}
        className="max-h-[45dvh] overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere"
      >
        {shown.text}
      </pre>
      {file.size > TEXT_SHOWN && <p className="text-xs text-soft">{texts.details.cut(bytes(TEXT_SHOWN))}</p>}
    </div>
  );
}

function BlobPreview({ kind, file, name, credential }: PreviewProps & { kind: Preview }) {
  const [shown, setShown] = useState<Shown>(null);
  // What is shown as a document is a PDF or nothing: no script of a file may run as part of this page.
  const type = kind === "pdf" ? "application/pdf" : file.content_type;
  useEffect(() => {
    const left = new AbortController();
    let url: string | null = null;
    loadBlob(file.id, credential, type, left.signal).then(
      (blob) => {
        url = URL.createObjectURL(blob);
        setShown({ url });
      },
      () => left.signal.aborted || setShown("failed"),
    );
    return () => {
      left.abort();
      if (url) URL.revokeObjectURL(url);
    };
  }, [file.id, credential, type]);
  if (shown === "failed") return <Plain bad>{texts.details.previewFailed}</Plain>;
  if (!shown || !("url" in shown)) return <SkeletonBlock label={texts.details.loading} />;
  return <Media kind={kind} url={shown.url} name={name} />;
}

function Media({ kind, url, name }: { kind: Preview; url: string; name: string }) {
  const [failed, setFailed] = useState(false);
  const label = texts.details.preview(name);
  const broken = () => setFailed(true);
  if (failed) return <Plain bad>{texts.details.previewFailed}</Plain>;
  switch (kind) {
    case "image":
      // eslint-disable-next-line @next/next/no-img-element -- the picture is a person's, not the page's
      return <img src={url} alt={label} onError={broken} className="mx-auto max-h-[50dvh] rounded-lg object-contain" />;
    case "video":
      return (
        <video src={url} controls aria-label={label} onError={broken} className="max-h-[50dvh] w-full rounded-lg" />
      );
    case "audio":
      return <audio src={url} controls aria-label={label} onError={broken} className="w-full" />;
    case "pdf":
      return <iframe src={url} title={label} className="h-[50dvh] w-full rounded-lg border border-line" />;
    default:
      return <Plain>{texts.details.noPreview}</Plain>;
  }
}

function Plain({ bad = false, children }: { bad?: boolean; children: ReactNode }) {
  return (
    <p
      className={`flex items-center justify-center gap-2 rounded-lg px-4 py-8 text-center ${bad ? "bg-bad-soft text-bad" : "bg-sunken text-soft"}`}
    >
      <EyeOff aria-hidden className="size-4 shrink-0" />
      {children}
    </p>
  );
}
