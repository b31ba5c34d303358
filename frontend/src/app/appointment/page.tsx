"use client";

import { CalendarX } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { Suspense, useEffect, useMemo, useState } from "react";
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
  const gone = isNotFound(usePaging(list).problem);
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
      <Files label={texts.files_.list} list={list} />
    </section>
  );
}

/** What the appointment is called; `null` until that is known. */
function useName(id: string, userId: string): string | null {
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    const left = new AbortController();
    // Without its name it is the same appointment.
    appointmentName(id, userId, left.signal).then(setName, () => undefined);
    return () => left.abort();
  }, [id, userId]);
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
