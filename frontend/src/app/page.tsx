"use client";

import { Appointments } from "@/components/appointments/appointments";
import { usePerson } from "@/components/shell/use-person";
import { SkeletonRows } from "@/components/ui/skeleton";
import { Users } from "@/components/users/users";

export default function Page() {
  const person = usePerson();
  if (person === undefined) return <SkeletonRows />;
  return person ? <Appointments key={person.id} person={person} /> : <Users />;
}
