import { beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError, type TokenForm } from "../api/client";
import type { OwnedFacts } from "./ports";
import { Tokens } from "./tokens";

const HOUR = 3600_000;
const never = new AbortController().signal;

let key: string | null;
let time: number;
let issue: ReturnType<typeof vi.fn<(form: TokenForm) => Promise<string>>>;
let tokens: Tokens;
/** What was shown, call by call; `undefined` is the person's key. */
let shown: (string | undefined)[];
let refused: string[];

beforeEach(() => {
  [key, time, shown, refused] = ["key", 0, [], []];
  issue = vi.fn(() => Promise.resolve(`fmu_${issue.mock.calls.length}`));
  tokens = new Tokens({ key: () => key, issue, now: () => time });
});

function facts(change: Partial<OwnedFacts> = {}): OwnedFacts {
  const file = { filename: "a.txt", total_size: 5, content_type: "text/plain", file_extension: "txt" };
  return { ...file, user_id: "user", appointment_id: "appointment", ...change };
}

/** A call that is refused when it shows a token whose time is over. */
function call<T>(answer: T) {
  return (bearer?: string): Promise<T> => {
    shown.push(bearer);
    return bearer && refused.includes(bearer)
      ? Promise.reject(new ApiError("signedOut", 401))
      : Promise.resolve(answer);
  };
}

async function begin(id: string, change?: Partial<OwnedFacts>, isPrivate = false, signal = never): Promise<void> {
  await tokens.begin(facts(change), isPrivate, signal, call({ upload_id: id }));
}

describe("an upload", () => {
  it("shows nothing but what the person has where there is no key", async () => {
    key = null;
    await begin("one");
    await tokens.use("one", call(null));
    expect(shown).toEqual([undefined, undefined]);
    expect(issue).not.toHaveBeenCalled();
  });

  it("shows its token all along, and so does the file", async () => {
    await begin("one");
    await tokens.use("one", call(null));
    tokens.handOn("one", "file");
    await tokens.use("file", call(null));
    expect(shown).toEqual(["fmu_1", "fmu_1", "fmu_1"]);
    expect(issue.mock.calls).toEqual([
      [
        {
          max_size: 2 ** 30,
          extensions: "txt",
          user_id: "user",
          appointment_id: "appointment",
          visibility: "public",
          expires_in: 6 * 3600,
        },
      ],
    ]);
  });

  it("of an earlier visit shows the key", async () => {
    await tokens.use("old", call(null));
    expect(shown).toEqual([undefined]);
  });

  it("that finds another place is completed with the key, and is followed with the token", async () => {
    await begin("one");
    const same = { userId: "user", appointmentId: "appointment" };
    await tokens.use("one", call(null), same);
    await tokens.use("one", call(null), { ...same, appointmentId: null });
    await tokens.use("one", call(null));
    expect(shown.slice(1)).toEqual(["fmu_1", undefined, "fmu_1"]);
  });

  it("goes on with the key when the time of its token is over", async () => {
    await begin("one");
    refused = ["fmu_1"];
    await tokens.use("one", call(null));
    await tokens.use("one", call(null));
    expect(shown.slice(1)).toEqual(["fmu_1", undefined, undefined]);
  });

  it("begins with the key when the token is refused, and the next one with another token", async () => {
    refused = ["fmu_1"];
    await begin("one");
    await begin("two");
    expect(shown).toEqual(["fmu_1", undefined, "fmu_2"]);
  });

  it("is told all other problems", async () => {
    const full = new ApiError("full", 507);
    await begin("one");
    await expect(tokens.use("one", () => Promise.reject(full))).rejects.toBe(full);
    await expect(tokens.begin(facts(), false, never, () => Promise.reject(full))).rejects.toBe(full);
    issue.mockRejectedValueOnce(full);
    await expect(begin("two", { user_id: "other" })).rejects.toBe(full);
    expect(shown).toEqual(["fmu_1"]);
  });
});

describe("a token", () => {
  it("is shared by files of one kind that go to one place, also by those that begin together", async () => {
    await Promise.all([begin("one"), begin("two", { filename: "b.txt", total_size: 1000 })]);
    await begin("three");
    expect(issue).toHaveBeenCalledTimes(1);
    await begin("private", {}, true);
    await begin("picture", { file_extension: "png" });
    await begin("other user", { user_id: "other" });
    await begin("no appointment", { appointment_id: null });
    await begin("large", { total_size: 2 ** 31 });
    expect(issue).toHaveBeenCalledTimes(6);
    expect(issue.mock.lastCall?.[0].max_size).toBe(2 ** 31);
  });

  it("is renewed a few minutes before its time is over", async () => {
    await begin("one");
    time = 6 * HOUR - 6 * 60_000;
    await begin("two");
    expect(issue).toHaveBeenCalledTimes(1);
    time += 2 * 60_000;
    await begin("three");
    expect(issue).toHaveBeenCalledTimes(2);
  });

  it("that could not be made is asked for again", async () => {
    issue.mockRejectedValueOnce(new ApiError("network", 0));
    await expect(begin("one")).rejects.toMatchObject({ kind: "network" });
    await begin("one");
    expect(shown).toEqual(["fmu_2"]);
  });

  it("comes to those who wait, though the one who asked first has left", async () => {
    let give: (token: string) => void = () => undefined;
    issue.mockReturnValueOnce(new Promise((resolve) => (give = resolve)));
    const left = new AbortController();
    const first = begin("one", {}, false, left.signal);
    const second = begin("two");
    left.abort();
    await expect(first).rejects.toMatchObject({ name: "AbortError" });
    give("fmu_late");
    await second;
    expect(shown).toEqual(["fmu_late"]);
  });

  it("of another key is nobody's", async () => {
    await begin("one");
    key = "other";
    await tokens.use("one", call(null));
    await begin("two");
    expect(shown).toEqual(["fmu_1", undefined, "fmu_2"]);
  });
});
