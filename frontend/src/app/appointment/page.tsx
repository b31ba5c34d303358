"use client";

import { CalendarX } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { Suspense, useEffect, useMemo, useState } from "react";
import { NotAllowed } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { Files } from "@/components/files/files";
import { usePaging } from "@/components/shell/use-paging";
import { usePerson } from "@/components/shell/use-person";
import { usePlace } from "@/components/shell/use-place";
import { buttonStyle } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { SkeletonRows } from "@/components/ui/skeleton";
import { AddFiles } from "@/components/upload/add-files";
import { Users } from "@/components/users/users";
import { isNotFound, listAppointmentFiles, type FileRow } from "@/lib/api/client";
import { appointmentName } from "@/lib/appointment-names";
import { Paging } from "@/lib/paging";
import { texts } from "@/texts";

export default function Page() {
  return (
    <Suspense fallback={<SkeletonRows />}>
      <Chosen />
    </Suspense>
  );
}

function Chosen() {
  const id = useSearchParams().get("id") ?? "";
  const person = usePerson();
  if (person === undefined) return <SkeletonRows />;
  return person ? <OneAppointment key={id} id={id} userId={person.id} /> : <Users />;
}

function OneAppointment({ id, userId }: { id: string; userId: string }) {
  const list = useMemo(() => new Paging<FileRow>((cursor) => listAppointmentFiles(id, { cursor })), [id]);
  const mayRead = useMay("files:read");
  const gone = isNotFound(usePaging(list, mayRead).problem);
  const name = useName(id, userId);
  usePlace(userId, id, gone ? null : texts.upload.intoAppointment(name));
  if (gone) return <Missing />;
  return (
    <section className="space-y-5">
      <Link href="/" className="text-sm text-accent-ink hover:underline">
        ← {texts.navigation.back}
      </Link>
      <h1 className="text-2xl font-semibold wrap-anywhere">
        <bdi>{name ?? texts.files_.inAppointment}</bdi>
      </h1>
      <AddFiles />
      {mayRead ? (
        <Files label={texts.files_.list} list={list} />
      ) : (
        <NotAllowed title={texts.access.noFiles} hint={texts.access.noFilesHint} />
      )}
    </section>
  );
}

/** What the appointment is called; `null` until that is known. */
function useName(id: string, userId: string): string | null {
  const [name, setName] = useState<string | null>(null);
  const mayUsers = useMay("users");
  useEffect(() => {
    if (!mayUsers) return;
    const left = new AbortController();
    // Without its name it is the same appointment.
    appointmentName(id, userId, left.signal).then(setName, () => undefined);
    return () => left.abort();
  }, [id, userId, mayUsers]);
  return name;
}

function Missing() {
  return (
    <Notice level={1} icon={CalendarX} title={texts.appointments.missingTitle} hint={texts.appointments.missingHint}>
      <Link href="/" className={buttonStyle({ look: "primary" })}>
        {texts.appointments.missingAction}
      </Link>
    </Notice>
  );
}
