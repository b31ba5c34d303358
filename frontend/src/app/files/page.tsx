"use client";

import { useMemo } from "react";
import { Files } from "@/components/files/files";
import { usePerson } from "@/components/shell/use-person";
import { SkeletonRows } from "@/components/ui/skeleton";
import { AddFiles } from "@/components/upload/add-files";
import { Users } from "@/components/users/users";
import { listFiles, type FileRow } from "@/lib/api/client";
import { Paging } from "@/lib/paging";
import type { Person } from "@/lib/session";
import { texts } from "@/texts";

export default function Page() {
  const person = usePerson();
  if (person === undefined) return <SkeletonRows />;
  return person ? <AllFiles key={person.id} person={person} /> : <Users />;
}

function AllFiles({ person: { id, name } }: { person: Person }) {
  const list = useMemo(() => new Paging<FileRow>((cursor) => listFiles(id, { cursor })), [id]);
  return (
    <section className="space-y-5">
      <h1 className="text-2xl font-semibold">{texts.files_.title}</h1>
      <AddFiles owner={{ userId: id, appointmentId: null }} place={texts.upload.intoFiles(name)} />
      <Files label={texts.files_.list} list={list} />
    </section>
  );
}
