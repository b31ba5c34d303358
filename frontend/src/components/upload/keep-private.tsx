"use client";

import { PairsForm } from "@/components/credentials/pairs-form";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { nextCredential } from "@/lib/credentials";
import { texts } from "@/texts";

const FORM = "keep-private";

/** Asks what the files shall be closed with that are added next. */
export default function KeepPrivate({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={texts.credential.dialogTitle}
      footer={
        <>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button type="submit" form={FORM} look="primary">
            {texts.credential.dialogSet}
          </Button>
        </>
      }
    >
      <PairsForm
        id={FORM}
        hint={texts.credential.hint}
        onSubmit={(credential) => {
          nextCredential.set(credential);
          onClose();
        }}
      />
    </Dialog>
  );
}
