"use client";

import { Eye, Pause, Play, RotateCw, X } from "lucide-react";
import { useRef } from "react";
import { useAccess, useMay } from "@/components/access/use-access";
import { useStore } from "@/components/shell/use-store";
import { Button, IconButton } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import { Progress } from "@/components/ui/progress";
import { bytes, duration } from "@/lib/format";
import { openedFile } from "@/lib/opened";
import { currentPlace } from "@/lib/place";
import type { UploadView } from "@/lib/uploader/types";
import { texts } from "@/texts";
import { theUploader } from "./uploader";

const TROUBLED = ["refused", "failed"];
const STILL = ["paused", "signedOut"];
const HOMELESS = ["userGone", "appointmentGone"];

export function UploadRow({ upload }: { upload: UploadView }) {
  const { name, size, sent, phase, problem } = upload;
  const tone = TROUBLED.includes(phase) ? "bad" : STILL.includes(phase) ? "still" : "accent";
  return (
    <div data-testid="upload" data-phase={phase} className="flex h-full items-center gap-2 px-4">
      <div className="min-w-0 flex-1 space-y-1">
        <Name className="block text-sm font-medium">{name}</Name>
        <Progress
          label={texts.panel.progress(name)}
          value={size > 0 ? sent / size : phase === "ready" ? 1 : 0}
          tone={tone}
        />
        <p
          title={problem ? texts.problem(problem) : undefined}
          className={`line-clamp-2 text-xs ${phase === "signedOut" ? "text-warn" : problem ? "text-bad" : "text-soft"}`}
        >
          {problem ? texts.problem(problem) : facts(upload)}
        </p>
      </div>
      <Actions upload={upload} />
    </div>
  );
}

function facts({ phase, needs, size, sent, speed, secondsLeft }: UploadView): string {
  if (phase === "interrupted") return needs === "file" ? texts.panel.needsFile : texts.panel.needsPermission;
  if (phase !== "sending") return `${texts.phases[phase]} · ${bytes(size)}`;
  const parts = [
    texts.panel.percent(size > 0 ? Math.floor((100 * sent) / size) : 0),
    speed ? texts.panel.speed(bytes(speed)) : null,
    secondsLeft ? texts.panel.left(duration(secondsLeft)) : null,
  ];
  return parts.filter(Boolean).join(" · ");
}

function Actions({ upload: { id, name, phase, needs, problem, fileId } }: { upload: UploadView }) {
  const uploader = theUploader();
  const isIn = useAccess().kind === "in";
  const mayRead = useMay("files:read");
  const mayDelete = useMay("files:delete");
  // What is a file already can only be deleted.
  const cancelable = phase === "finishing" ? mayDelete : phase !== "ready";
  const isStuck = TROUBLED.includes(phase) || (phase === "signedOut" && isIn);
  const pausable = phase === "sending" || phase === "waiting" || phase === "retrying";
  return (
    <div className="flex shrink-0">
      {phase === "interrupted" && <GoOn id={id} name={name} needs={needs} />}
      {/* One button for both, so that it keeps the focus. */}
      {(pausable || phase === "paused") && (
        <IconButton
          label={pausable ? texts.panel.pause(name) : texts.panel.resume(name)}
          onClick={() => (pausable ? uploader.pause(id) : uploader.resume(id))}
        >
          {pausable ? <Pause aria-hidden className="size-4" /> : <Play aria-hidden className="size-4" />}
        </IconButton>
      )}
      {problem && HOMELESS.includes(problem.kind) && <MoveHere id={id} />}
      {phase === "ready" && fileId && isIn && mayRead && (
        <IconButton label={texts.panel.open(name)} onClick={() => openedFile.set({ id: fileId, name })}>
          <Eye aria-hidden className="size-4" />
        </IconButton>
      )}
      {(isStuck || phase === "retrying") && (
        <IconButton label={texts.panel.retry(name)} onClick={() => uploader.retry(id)}>
          <RotateCw aria-hidden className="size-4" />
        </IconButton>
      )}
      {cancelable && (
        <IconButton label={texts.panel.cancel(name)} onClick={() => void uploader.cancel(id)}>
          <X aria-hidden className="size-4" />
        </IconButton>
      )}
    </div>
  );
}

/** Its place was deleted: it can go to where the person is now. */
function MoveHere({ id }: { id: string }) {
  const place = useStore(currentPlace);
  if (!place) return null;
  return (
    <Button size="small" onClick={() => theUploader().retry(id, place.owner)} title={texts.panel.moveTo(place.name)}>
      {texts.panel.moveHere}
    </Button>
  );
}

/** Goes on with an upload of an earlier visit: by one click, or with the file chosen again. */
function GoOn({ id, name, needs }: { id: string; name: string; needs: UploadView["needs"] }) {
  const input = useRef<HTMLInputElement>(null);
  if (needs !== "file") {
    return (
      <Button size="small" aria-label={texts.panel.goOnLabel(name)} onClick={() => void theUploader().goOn(id)}>
        {texts.panel.goOn}
      </Button>
    );
  }
  return (
    <>
      <input
        ref={input}
        type="file"
        className="sr-only"
        tabIndex={-1}
        aria-label={texts.panel.chooseAgainLabel(name)}
        onChange={({ target }) => {
          const file = target.files?.[0];
          // The same file may be chosen again, and is a change then too.
          target.value = "";
          void theUploader().goOn(id, file);
        }}
      />
      <Button size="small" onClick={() => input.current?.click()}>
        {texts.panel.chooseAgain}
      </Button>
    </>
  );
}
