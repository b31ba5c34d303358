/** What appointments are called. The service tells it in the list of a user's appointments only. */
import { listAppointments, type Appointment } from "./api/client";

/** Small, because each row brings its files. */
const AT_A_TIME = 50;

const known = new Map<string, string>();

export function learnNames(appointments: readonly Appointment[]): void {
  for (const { id, name } of appointments) known.set(id, name);
}

/** `null` when this user has no such appointment. Throws `ApiError`. */
export async function appointmentName(id: string, userId: string, signal: AbortSignal): Promise<string | null> {
  let cursor: string | undefined;
  while (!known.has(id)) {
    const page = await listAppointments(userId, { cursor, limit: AT_A_TIME, signal });
    learnNames(page.items);
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  return known.get(id) ?? null;
}
