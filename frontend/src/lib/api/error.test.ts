import { describe, expect, it } from "vitest";
import { ApiError, errorOf, limitOf } from "./error";

const CHALLENGE = 'Bearer error="insufficient_scope", scope="users"';

describe("an error of the service", () => {
  it.each([
    [401, "Bearer", "signedOut"],
    [403, CHALLENGE, "notAllowed"],
    [403, null, "forbidden"],
    [404, null, "notFound"],
    [413, null, "invalid"],
    [422, null, "invalid"],
    [429, null, "busy"],
    [507, null, "full"],
    [500, null, "server"],
  ])("with status %i and challenge %s is %s", (status, challenge, kind) => {
    const headers = new Headers(challenge ? { "www-authenticate": challenge } : {});
    expect(errorOf(status, null, headers)).toMatchObject({ kind, status });
  });

  it("brings its sentence, its fields and its wish to be left alone", () => {
    const body = { errors: ["[body->name] field required", 7], message: "No.", success: false };
    const error = errorOf(429, body, new Headers({ "retry-after": "60" }));
    expect(error).toMatchObject({ errors: ["[body->name] field required"], message: "No.", retryAfter: 60_000 });
  });

  it("may be anything that a proxy says", () => {
    expect(errorOf(502, "<html>", new Headers())).toMatchObject({ kind: "busy", errors: [], message: "" });
  });
});

it("a limit is what the service says of it", () => {
  const limited = (status: number, message: string) => limitOf(new ApiError("invalid", status, [], message));
  expect(limited(413, "At most 3 bytes.")).toBe("At most 3 bytes.");
  expect(limited(429, "At most 2 uploads.")).toBe("At most 2 uploads.");
  expect([limited(429, ""), limited(503, "Busy."), limitOf(new Error("At most."))]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
