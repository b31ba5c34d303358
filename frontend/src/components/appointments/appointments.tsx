"use client";

import { CalendarDays, UserX } from "lucide-react";
import Link from "next/link";
import { useMemo, useState } from "react";
import { Endless } from "@/components/shell/endless";
import { NameForm } from "@/components/shell/name-form";
import { usePaging } from "@/components/shell/use-paging";
import { Button } from "@/components/ui/button";
import { Name } from "@/components/ui/name";
import { Notice } from "@/components/ui/notice";
import { SearchField } from "@/components/ui/search-field";
import { ApiError, createAppointment, listAppointments, type Appointment } from "@/lib/api/client";
import { date } from "@/lib/format";
import { Paging } from "@/lib/paging";
import { choose, type Person } from "@/lib/session";
import { texts } from "@/texts";

/** The appointments of a user. */
export function Appointments({ person }: { person: Person }) {
  const list = useMemo(() => new Paging<Appointment>((cursor) => listAppointments(person.id, { cursor })), [person.id]);
  const shown = usePaging(list);
  const [query, setQuery] = useState("");
  if (shown.problem instanceof ApiError && shown.problem.kind === "notFound") return <UserGone />;
  const wanted = query.trim().toLocaleLowerCase();
  const items = shown.items.filter(({ name }) => name.toLocaleLowerCase().includes(wanted));
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
  return (
    <Link href={`/appointment/?id=${id}`} className="flex min-h-16 items-center gap-3 px-4 py-2 hover:bg-hover">
      <CalendarDays aria-hidden className="size-5 shrink-0 text-soft" />
      <span className="min-w-0 flex-1">
        <Name className="block font-medium">{name}</Name>
        <span className="text-sm text-soft">
          {date(made)} · {texts.appointments.files(files.length)}
        </span>
      </span>
    </Link>
  );
}

/** Somebody deleted the user that this browser remembers. */
export function UserGone() {
  return (
    <Notice level={1} icon={UserX} title={texts.users.goneTitle} hint={texts.users.goneHint}>
      <Button look="primary" onClick={() => choose(null)}>
        {texts.users.goneAction}
      </Button>
    </Notice>
  );
}
