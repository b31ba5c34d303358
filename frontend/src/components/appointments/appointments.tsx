"use client";

import { CalendarDays, Trash2 } from "lucide-react";
import Link from "next/link";
import { useEffect, useMemo, useState } from "react";
import { deleteLater, deletions } from "@/components/shell/delete-later";
import { Endless } from "@/components/shell/endless";
import { NameForm } from "@/components/shell/name-form";
import { usePaging } from "@/components/shell/use-paging";
import { useSearchEverything } from "@/components/shell/use-search-everything";
import { usePlace } from "@/components/shell/use-place";
import { useStore } from "@/components/shell/use-store";
import { IconButton } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import { SearchField } from "@/components/ui/search-field";
import { UserGone } from "@/components/users/user-gone";
import { createAppointment, deleteAppointment, isNotFound, listAppointments, type Appointment } from "@/lib/api/client";
import { learnNames } from "@/lib/appointment-names";
import { date } from "@/lib/format";
import { Paging } from "@/lib/paging";
import type { Person } from "@/lib/session";
import { texts } from "@/texts";

/** The appointments of a user. */
export function Appointments({ person }: { person: Person }) {
  const list = useMemo(() => new Paging<Appointment>((cursor) => listAppointments(person.id, { cursor })), [person.id]);
  const shown = usePaging(list);
  const [query, setQuery] = useState("");
  const hidden = useStore(deletions.hidden);
  const wanted = query.trim().toLocaleLowerCase();
  const gone = isNotFound(shown.problem);
  usePlace(person.id, null, gone ? null : texts.upload.intoFiles(person.name));
  useEffect(() => learnNames(person.id, shown.items), [person.id, shown.items]);
  useSearchEverything(list, shown, wanted);
  if (gone) return <UserGone />;
  const items = shown.items.filter(({ id, name }) => !hidden.has(id) && name.toLocaleLowerCase().includes(wanted));
  const empty = wanted
    ? { title: texts.appointments.noMatch(query), hint: texts.appointments.noMatchHint }
    : { title: texts.appointments.empty, hint: texts.appointments.emptyHint };
  return (
    <section className="space-y-5">
      <h1 className="text-2xl font-semibold">{texts.appointments.title}</h1>
      <NameForm
        label={texts.appointments.create}
        placeholder={texts.appointments.namePlaceholder}
        submit={texts.appointments.submit}
        create={async (name) => {
          await createAppointment(name, person.id);
          await list.refresh();
        }}
      />
      <SearchField label={texts.appointments.search} value={query} onChange={setQuery} />
      <Endless
        label={texts.appointments.list}
        list={list}
        shown={shown}
        items={items}
        empty={{ icon: CalendarDays, ...empty }}
        failed={texts.appointments.failed}
      >
        {(appointment) => <Row appointment={appointment} />}
      </Endless>
    </section>
  );
}

function Row({ appointment }: { appointment: Appointment }) {
  const { id, name, date: made, files } = appointment;
  const remove = () => {
    const wording = {
      deleted: texts.appointments.deleted(name),
      restored: texts.appointments.restored(name),
      failed: texts.appointments.deleteFailed(name),
    };
    deleteLater(id, wording, (keepalive) => deleteAppointment(id, { keepalive }));
  };
  return (
    <div className="relative flex min-h-16 items-center gap-3 px-4 py-2 hover:bg-hover">
      <CalendarDays aria-hidden className="size-5 shrink-0 text-soft" />
      <Link href={`/appointment/?id=${id}`} className="min-w-0 flex-1 after:absolute after:inset-0">
        <Name className="block font-medium">{name}</Name>
        <span className="text-sm text-soft">
          {date(made)} · {texts.appointments.files(files.length)}
        </span>
      </Link>
      <IconButton label={texts.appointments.delete(name)} onClick={remove} className="z-10">
        <Trash2 aria-hidden className="size-4" />
      </IconButton>
    </div>
  );
}
