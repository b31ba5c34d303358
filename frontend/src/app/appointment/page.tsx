"use client";

import { CalendarX } from "lucide-react";
import Link from "next/link";
import { useSearchParams } from "next/navigation";
import { Suspense, useMemo } from "react";
import { Files } from "@/components/files/files";
import { usePaging } from "@/components/shell/use-paging";
import { usePerson } from "@/components/shell/use-person";
import { buttonStyle } from "@/components/ui/button";
import { Notice } from "@/components/ui/notice";
import { SkeletonRows } from "@/components/ui/skeleton";
import { AddFiles } from "@/components/upload/add-files";
import { Users } from "@/components/users/users";
import { ApiError, listAppointmentFiles, type FileRow } from "@/lib/api/client";
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
  const { problem } = usePaging(list);
  if (problem instanceof ApiError && problem.kind === "notFound") return <Missing />;
  return (
    <section className="space-y-5">
      <Link href="/" className="text-sm text-accent-ink hover:underline">
        ← {texts.navigation.back}
      </Link>
      <h1 className="text-2xl font-semibold">{texts.files_.inAppointment}</h1>
      <AddFiles owner={{ userId, appointmentId: id }} place={texts.files_.inAppointment} />
      <Files label={texts.files_.list} list={list} />
    </section>
  );
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
