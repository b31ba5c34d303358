import { expect, it, vi } from "vitest";
import { listAppointments, type Appointment } from "./api/client";
import { appointmentName, learnNames } from "./appointment-names";

vi.mock("./api/client");

const { signal } = new AbortController();
const named = (id: string, name: string) => ({ id, name }) as Appointment;

it("is told to the user whose appointment it is, and to nobody else", async () => {
  vi.mocked(listAppointments).mockResolvedValue({ items: [named("b", "Hers")], nextCursor: null });
  learnNames("ada", [named("a", "Check-up")]);
  expect(await appointmentName("a", "ada", signal)).toBe("Check-up");
  expect(listAppointments).not.toHaveBeenCalled();
  expect(await appointmentName("a", "grace", signal)).toBeNull();
  expect(await appointmentName("b", "grace", signal)).toBe("Hers");
  expect(listAppointments).toHaveBeenCalledTimes(1);
});
