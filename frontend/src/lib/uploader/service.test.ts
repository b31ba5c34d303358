import { beforeEach, expect, it, vi } from "vitest";
import type { OwnedFacts, Server } from "./ports";
import { FakeClock } from "./testing/clock";

const never = new AbortController().signal;
const FACTS: OwnedFacts = {
  filename: "a.txt",
  total_size: 5,
  content_type: "text/plain",
  file_extension: "txt",
  user_id: "user",
  appointment_id: "appointment",
};

let held: string | null;
/** Method, last word of the path, who asked, and what with. */
let asked: [string, string, string | null, unknown][];
let answers: Map<string, { status: number; body: unknown }>;
let service: Server;

beforeEach(async () => {
  [held, asked, answers] = ["fmk_key", [], new Map()];
  const storage = { getItem: (name: string) => (name === "filemanager.key" ? held : null) };
  vi.stubGlobal("localStorage", storage);
  vi.stubGlobal("sessionStorage", { getItem: () => null });
  vi.stubEnv("NEXT_PUBLIC_API_URL", "http://service");
  vi.stubGlobal("fetch", async (request: Request) => {
    const word = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const text = await request.text();
    asked.push([request.method, word, request.headers.get("authorization"), text ? JSON.parse(text) : null]);
    const { status, body } = answers.get(word) ?? { status: 200, body: { data: {} } };
    return Response.json(body, { status });
  });
  answers.set("token", { status: 200, body: { data: { token: "fmu_token", expires_at: "" } } });
  answers.set("init", { status: 200, body: { data: { upload_id: "upload", chunk_size: 5 } } });
  answers.set("complete", { status: 200, body: { data: { id: "file", credential: null } } });
  answers.set("file", { status: 200, body: { data: { status: "SUCCESS" } } });
  vi.resetModules();
  service = (await import("./service")).service(new FakeClock());
});

const who = () => asked.map(([method, word, shown]) => `${method} ${word} ${shown}`);

it("all of an upload is done with a token, which the key has made", async () => {
  await service.init(FACTS, null, never);
  await service.received("upload", never);
  await service.complete("upload", 1, FACTS, never);
  await service.outcome("file", null, never);
  await service.retry("file", null, never);
  await service.giveUp("upload");
  expect(who()).toEqual([
    "POST token Bearer fmk_key",
    "POST init Bearer fmu_token",
    "GET upload Bearer fmu_token",
    "POST complete Bearer fmu_token",
    "GET file Bearer fmu_token",
    "GET file Bearer fmu_token",
    "POST retry Bearer fmk_key",
    "DELETE upload Bearer fmu_token",
  ]);
  const [token, init, , complete] = asked.map(([, , , body]) => body);
  expect(token).toMatchObject({
    user_id: "user",
    appointment_id: "appointment",
    extensions: "txt",
    visibility: "public",
  });
  expect(init).not.toHaveProperty("user_id");
  expect(complete).toMatchObject({ upload_id: "upload", user_id: "user", appointment_id: "appointment" });
});

it("without a key nothing is shown, and no token is asked for", async () => {
  held = null;
  await service.init(FACTS, { page: "1" }, never);
  await service.complete("upload", 1, FACTS, never);
  expect(who()).toEqual(["POST init null", "POST complete null"]);
});

it("what goes elsewhere is completed with the key", async () => {
  await service.init(FACTS, null, never);
  await service.complete("upload", 1, { ...FACTS, appointment_id: "other" }, never);
  expect(who().at(-1)).toBe("POST complete Bearer fmk_key");
});

it("what is tied to an appointment that is gone begins anew when it is to have none", async () => {
  const { Unknown } = await import("./troubles");
  await service.init(FACTS, null, never);
  answers.set("complete", { status: 422, body: { errors: ["[body->appointment_id] there is no such appointment"] } });
  await expect(service.complete("upload", 1, FACTS, never)).rejects.toMatchObject({ status: 422 });
  const homeless = { ...FACTS, appointment_id: null };
  await expect(service.complete("upload", 1, homeless, never)).rejects.toBeInstanceOf(Unknown);
  expect(who().at(-1)).toBe("DELETE upload Bearer fmu_token");
});
