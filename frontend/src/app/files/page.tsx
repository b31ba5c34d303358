"use client";

import { useMemo } from "react";
import { NotAllowed } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { UserGone } from "@/components/users/user-gone";
import { Files } from "@/components/files/files";
import { usePaging } from "@/components/shell/use-paging";
import { usePerson } from "@/components/shell/use-person";
import { usePlace } from "@/components/shell/use-place";
import { SkeletonRows } from "@/components/ui/skeleton";
import { AddFiles } from "@/components/upload/add-files";
import { Users } from "@/components/users/users";
import { isNotFound, listFiles, type FileRow } from "@/lib/api/client";
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
  const mayRead = useMay("files:read");
  const gone = isNotFound(usePaging(list, mayRead).problem);
  usePlace(id, null, gone ? null : texts.upload.intoFiles(name));
  if (gone) return <UserGone />;
  return (
    <section className="space-y-5">
      <h1 className="text-2xl font-semibold">{texts.files_.title}</h1>
      <AddFiles />
      {mayRead ? (
        <Files label={texts.files_.list} list={list} />
      ) : (
        <NotAllowed title={texts.access.noFiles} hint={texts.access.noFilesHint} />
      )}
    </section>
  );
}
