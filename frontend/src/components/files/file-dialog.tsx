"use client";

import { CloudOff, FileX, Lock, Trash2 } from "lucide-react";
import { toast } from "sonner";
import { NoButton } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { PairsForm } from "@/components/credentials/pairs-form";
import { deleteLater } from "@/components/shell/delete-later";
import { sentence } from "@/components/shell/sentence";
import { Button, buttonStyle } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { Notice } from "@/components/ui/notice";
import { SkeletonBlock } from "@/components/ui/skeleton";
import { deleteFile, retryFile, type Credential, type FileDetails } from "@/lib/api/client";
import { contentUrl, isElsewhere } from "@/lib/content";
import type { OpenedFile } from "@/lib/opened";
import { texts } from "@/texts";
import { CopyLink } from "./copy-link";
import { FileFacts } from "./file-facts";
import { FilePreview } from "./file-preview";
import { useFile, type FileState } from "./use-file";

const FORM = "unlock";

/** One file: what is in it, what is known of it, and what can be done with it. */
export default function FileDialog({ opened, onClose }: { opened: OpenedFile; onClose: () => void }) {
  const { state, load } = useFile(opened.id);
  const name = (state.kind === "shown" && state.file.filename) || opened.name;
  return (
    <Dialog
      open
      wide={state.kind === "shown"}
      onOpenChange={onClose}
      title={<bdi>{name}</bdi>}
      footer={<Actions state={state} name={name} onClose={onClose} load={load} />}
    >
      <Content state={state} name={name} load={load} />
    </Dialog>
  );
}

interface PartProps {
  state: FileState;
  name: string;
  load: (given?: Credential) => Promise<void>;
}

function Content({ state, name, load }: PartProps) {
  switch (state.kind) {
    case "loading":
      return <SkeletonBlock label={texts.details.loading} />;
    case "gone":
      return <Notice icon={FileX} title={texts.details.goneTitle} hint={texts.details.goneHint} />;
    case "failed":
      return <Notice icon={CloudOff} title={texts.details.failed} hint={sentence(state.problem)} />;
    case "locked":
      return (
        <div className="space-y-3">
          <p className="flex items-center gap-2 font-medium">
            <Lock aria-hidden className="size-4" />
            {texts.details.lockedTitle}
          </p>
          <PairsForm
            id={FORM}
            hint={texts.details.lockedHint}
            problem={state.wrong ? texts.details.wrong : null}
            onSubmit={(credential) => void load(credential)}
          />
        </div>
      );
    case "shown":
      return (
        <div className="space-y-4">
          <FilePreview file={state.file} name={name} credential={state.credential} />
          <FileFacts file={state.file} />
        </div>
      );
  }
}

interface Closing {
  onClose: () => void;
}

function Actions({ state, name, load, onClose }: PartProps & Closing) {
  if (state.kind === "failed") return <Button onClick={() => void load()}>{texts.common.retry}</Button>;
  if (state.kind === "locked") {
    return (
      <Button type="submit" form={FORM} look="primary">
        {texts.details.unlock}
      </Button>
    );
  }
  if (state.kind !== "shown") return null;
  return <FileActions {...state} name={name} load={load} onClose={onClose} />;
}

type Shown = Extract<FileState, { kind: "shown" }>;

function FileActions({ file, credential, name, load, onClose }: Shown & Omit<PartProps, "state"> & Closing) {
  const mayDelete = useMay("files:delete");
  const mayRetry = useMay("files:write");
  const remove = () => {
    onClose();
    deleteFileLater(file.id, name, credential);
  };
  return (
    <>
      {mayDelete ? (
        <Button look="warn" onClick={remove} className="mr-auto">
          <Trash2 aria-hidden className="size-4" />
          {texts.details.delete}
        </Button>
      ) : (
        <NoButton className="mr-auto">{texts.access.noDelete}</NoButton>
      )}
      {file.status === "SUCCESS" && <CopyLink file={file} />}
      {file.status === "SUCCESS" && <Download file={file} name={name} />}
      {file.status === "FAILURE" && mayRetry && (
        <Button look="primary" onClick={() => void retry(file.id, credential).then(() => load())}>
          {texts.details.retry}
        </Button>
      )}
      {file.status === "FAILURE" && !mayRetry && <NoButton>{texts.access.noRetry}</NoButton>}
    </>
  );
}

function Download({ file, name }: { file: FileDetails; name: string }) {
  const url = file.credential ? file.download_url : contentUrl(file.id);
  return (
    <a
      href={url}
      download={name}
      // Here it would be taken for leaving the page, which asks first while something goes up.
      {...(isElsewhere(url, location.href) && { target: "_blank", rel: "noopener" })}
      className={buttonStyle({ look: "primary" })}
    >
      {texts.details.download}
    </a>
  );
}

function deleteFileLater(id: string, name: string, credential: Credential | null): void {
  const wording = {
    deleted: texts.details.deleted(name),
    restored: texts.details.restored(name),
    failed: texts.details.deleteFailed(name),
  };
  deleteLater(id, wording, (keepalive) => deleteFile(id, credential, { keepalive }));
}

async function retry(id: string, credential: Credential | null): Promise<void> {
  try {
    await retryFile(id, credential);
    toast.success(texts.details.retried);
  } catch (problem) {
    toast.error(sentence(problem));
  }
}
