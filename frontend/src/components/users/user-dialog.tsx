"use client";

import { LogOut, Trash2 } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { sentence } from "@/components/shell/endless";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { deleteUser } from "@/lib/api/client";
import { choose, type Person } from "@/lib/session";
import { texts } from "@/texts";

interface UserDialogProps {
  person: Person;
  onClose: () => void;
}

/** To be somebody else, or to delete this user after a question. */
export default function UserDialog({ person, onClose }: UserDialogProps) {
  const [deleting, setDeleting] = useState(false);
  if (deleting) return <DeleteUser person={person} onClose={onClose} />;
  const leave = () => {
    onClose();
    choose(null);
  };
  return (
    <Dialog open onOpenChange={onClose} title={texts.users.menu(person.name)}>
      <div className="flex flex-col gap-2">
        <Button onClick={leave}>
          <LogOut aria-hidden className="size-4" />
          {texts.users.switch}
        </Button>
        <Button look="warn" onClick={() => setDeleting(true)}>
          <Trash2 aria-hidden className="size-4" />
          {texts.users.delete}
        </Button>
      </div>
    </Dialog>
  );
}

function DeleteUser({ person: { id, name }, onClose }: UserDialogProps) {
  const [busy, setBusy] = useState(false);
  const remove = async () => {
    setBusy(true);
    try {
      await deleteUser(id);
      toast(texts.users.deleted(name));
      onClose();
      choose(null);
    } catch (problem) {
      toast.error(sentence(problem));
      setBusy(false);
    }
  };
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={texts.users.deleteTitle(name)}
      description={texts.users.deleteBody}
      footer={
        <>
          <Button onClick={onClose}>{texts.common.cancel}</Button>
          <Button look="danger" disabled={busy} onClick={() => void remove()}>
            {texts.users.deleteSubmit}
          </Button>
        </>
      }
    />
  );
}
