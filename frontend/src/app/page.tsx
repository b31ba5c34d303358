"use client";

import { NotAllowed } from "@/components/access/not-allowed";
import { useMay } from "@/components/access/use-access";
import { Appointments } from "@/components/appointments/appointments";
import { usePerson } from "@/components/shell/use-person";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Users } from "@/components/users/users";
import { texts } from "@/texts";

export default function Page() {
  const person = usePerson();
  const mayUsers = useMay("users");
  if (person === undefined) return <SkeletonRows />;
  if (!person) return <Users />;
  if (mayUsers) return <Appointments key={person.id} person={person} />;
  return <NotAllowed level={1} title={texts.access.noAppointments} hint={texts.access.noAppointmentsHint} />;
}
