/** What appointments are called. The service tells it in the list of a user's appointments only. */
import { listAppointments, type Appointment } from "./api/client";

/** Small, because each row brings its files. */
const AT_A_TIME = 50;

/** By user and appointment: nobody is told what somebody else's are called. */
const known = new Map<string, string>();

export function learnNames(userId: string, appointments: readonly Appointment[]): void {
  for (const { id, name } of appointments) known.set(keyOf(userId, id), name);
}

/** `null` when this user has no such appointment. Throws `ApiError`. */
export async function appointmentName(id: string, userId: string, signal: AbortSignal): Promise<string | null> {
  const key = keyOf(userId, id);
  let cursor: string | undefined;
  while (!known.has(key)) {
    const page = await listAppointments(userId, { cursor, limit: AT_A_TIME, signal });
    learnNames(userId, page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return known.get(key) ?? null;
}

function keyOf(userId: string, id: string): string {
  return `${userId} ${id}`;
}
