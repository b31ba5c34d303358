"use client";

import { LogOut, Trash2, UsersRound } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { leave } from "@/components/access/leave";
import { NoButton } from "@/components/access/not-allowed";
import { useHasKey, useMay } from "@/components/access/use-access";
import { sentence } from "@/components/shell/sentence";
import { Button } from "@/components/ui/button";
import { Dialog } from "@/components/ui/dialog";
import { useUploads } from "@/components/upload/uploader";
import { deleteUser } from "@/lib/api/client";
import { choose, type Person } from "@/lib/session";
import { texts } from "@/texts";

interface UserDialogProps {
  person: Person;
  onClose: () => void;
}

/** To be somebody else, to delete this user after a question, or to sign out. */
export default function UserDialog({ person, onClose }: UserDialogProps) {
  const [deleting, setDeleting] = useState(false);
  const mayUsers = useMay("users");
  if (deleting) return <DeleteUser person={person} onClose={onClose} />;
  const change = () => {
    onClose();
    choose(null);
  };
  return (
    <Dialog open onOpenChange={onClose} title={texts.users.menu(person.name)}>
      <div className="flex flex-col gap-2">
        {mayUsers ? (
          <>
            <Button onClick={change}>
              <UsersRound aria-hidden className="size-4" />
              {texts.users.switch}
            </Button>
            <Button look="warn" onClick={() => setDeleting(true)}>
              <Trash2 aria-hidden className="size-4" />
              {texts.users.delete}
            </Button>
          </>
        ) : (
          <NoButton>{texts.access.noUserChanges}</NoButton>
        )}
        <SignOut />
      </div>
    </Dialog>
  );
}

/** For those who have a key. */
function SignOut() {
  const { active } = useUploads().totals;
  if (!useHasKey()) return null;
  return (
    <div className="mt-2 flex flex-col gap-2 border-t border-line pt-4">
      <Button onClick={leave}>
        <LogOut aria-hidden className="size-4" />
        {texts.access.signOut}
      </Button>
      {active > 0 && <p className="text-sm text-soft">{texts.access.signOutHint}</p>}
    </div>
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
