import { describe, expect, it } from "vitest";
import { candidates, credentialFrom, credentialOf, forgetCredentials, nextCredential, remember } from "./credentials";

const pairs = (...texts: [string, string][]) => texts.map(([name, value], id) => ({ id, name, value }));

describe("the credential of some pairs", () => {
  it("has them all, but those that are quite empty", () => {
    expect(credentialFrom(pairs(["page_id", "100"], ["", ""], [" user ", " x "]))).toEqual({
      page_id: "100",
      user: " x ",
    });
  });

  it.each([[pairs()], [pairs(["", ""])], [pairs(["a", ""])], [pairs(["", "1"])], [pairs(["a", "1"], ["a", "2"])]])(
    "is none for %j",
    (incomplete) => {
      expect(credentialFrom(incomplete)).toBeNull();
    },
  );

  it("takes any name", () => {
    expect(Object.keys(credentialFrom(pairs(["__proto__", "1"])) ?? {})).toEqual(["__proto__"]);
  });
});

describe("what was given in this visit", () => {
  it("is tried on other files, the latest first, and a file's own alone, until it is forgotten", () => {
    const [one, two, three, four] = ["1", "2", "3", "4"].map((value) => ({ value }));
    for (const credential of [one, two, three, four, { value: "3" }]) if (credential) remember(credential);
    expect(candidates("file")).toEqual([three, four, two]);
    expect(credentialOf("file")).toBeNull();
    if (one) remember(one, "file");
    expect(candidates("file")).toEqual([one]);
    expect(credentialOf("file")).toBe(one);
    nextCredential.set({ value: "next" });
    forgetCredentials();
    expect([candidates("file"), credentialOf("file"), nextCredential.get()]).toEqual([[], null, null]);
  });
});
