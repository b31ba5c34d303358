import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { AccessControl, allows, type Ask, type Keys } from "./access";
import { ApiError } from "./api/error";
import { connection } from "./connection";

const ALL = ["files:read", "files:write", "files:delete", "users"];
const refused = () => new ApiError("signedOut", 401);

/** What one tab keeps, and a way to change it from another one. */
class FakeKeys implements Keys {
  key: string | null = null;
  /** The one that the browser keeps behind the tab's own. */
  behind: string | null = null;
  private changed = () => {};

  heldKey = () => this.key;
  keepKey = (key: string) => void (this.key = key);
  dropKey = (key: string) => {
    if (this.key !== key) return;
    this.key = this.behind;
    this.behind = null;
  };
  forgetKeys = () => void (this.key = null);
  watchKey = (changed: () => void) => {
    this.changed = changed;
    return () => (this.changed = () => {});
  };

  elsewhere(key: string | null): void {
    this.key = key;
    this.changed();
  }
}

let keys: FakeKeys;
/** What the service lets in; everybody without a key if there is `null` among them. */
let good: Map<string | null, string[]>;
let ask: ReturnType<typeof vi.fn<Ask>>;
let access: AccessControl;
const state = () => access.state.get();

beforeEach(() => {
  keys = new FakeKeys();
  good = new Map([["key", ALL]]);
  ask = vi.fn((key: string | null) => {
    const scopes = good.get(key);
    return scopes ? Promise.resolve({ scopes, tenant: "acme" }) : Promise.reject(refused());
  });
  access = new AccessControl(keys, ask);
});

afterEach(() => connection.set("up"));

describe("at the start", () => {
  it("everybody is in where no key is needed", async () => {
    good.set(null, ALL);
    await access.look();
    expect(state()).toEqual({ kind: "in", hasKey: false, scopes: new Set(ALL), tenant: "acme" });
  });

  it("strangers are out, and a key from before lets in", async () => {
    await access.look();
    expect(state()).toEqual({ kind: "out", reason: "none" });
    keys.key = "key";
    await access.look();
    expect(state()).toMatchObject({ kind: "in", hasKey: true });
  });

  it("a key that is no longer valid is forgotten", async () => {
    keys.key = "old";
    await access.look();
    expect([state(), keys.key]).toEqual([{ kind: "out", reason: "refused" }, null]);
  });

  it("who cannot be asked about is let in, and asked about when the service is back", async () => {
    ask.mockRejectedValueOnce(new ApiError("network", 0));
    connection.set("away");
    const end = access.start();
    await access.look();
    expect(state()).toEqual({ kind: "in", hasKey: false, scopes: null, tenant: null });
    expect(allows(state(), "users")).toBe(true);
    connection.set("up");
    await access.look();
    expect(state()).toEqual({ kind: "out", reason: "none" });
    end();
  });

  it("an answer to any call lets in, before the service has told what is allowed", async () => {
    good.set(null, ["files:read"]);
    const looked = access.look();
    access.judge("another", true);
    expect(state()).toEqual({ kind: "unknown" });
    access.judge(null, true);
    expect(state()).toEqual({ kind: "in", hasKey: false, scopes: null, tenant: null });
    await looked;
    expect([allows(state(), "files:read"), allows(state(), "files:write")]).toEqual([true, false]);
  });

  it("who could not be told of is asked about again as soon as a call is answered", async () => {
    good.set(null, ALL);
    ask.mockRejectedValueOnce(new ApiError("busy", 503));
    await access.look();
    expect(state()).toMatchObject({ kind: "in", tenant: null });
    access.judge(null, true);
    await vi.waitFor(() => expect(state()).toMatchObject({ kind: "in", tenant: "acme" }));
    access.judge(null, true);
    expect(ask).toHaveBeenCalledTimes(2);
  });
});

describe("signing in", () => {
  it.each(["", "with space", "ключ", "line\nbreak", "a".repeat(8193)])("asks nobody about %j", async (key) => {
    expect(await access.signIn(key, true)).toBe(false);
    expect(ask).not.toHaveBeenCalled();
  });

  it.each(["signedOut", "notAllowed", "forbidden"] as const)("is refused when the service says %s", async (kind) => {
    ask.mockRejectedValueOnce(new ApiError(kind, 401));
    expect(await access.signIn("key", true)).toBe(false);
    expect(keys.key).toBeNull();
  });

  it("throws when nobody can tell", async () => {
    ask.mockRejectedValueOnce(new ApiError("network", 0));
    await expect(access.signIn("key", true)).rejects.toMatchObject({ kind: "network" });
    expect(keys.key).toBeNull();
  });

  it("keeps a good key, and signing out forgets it at once", async () => {
    const kept = vi.spyOn(keys, "keepKey");
    expect(await access.signIn("key", false)).toBe(true);
    expect(kept.mock.calls).toEqual([["key", false]]);
    expect(state()).toMatchObject({ kind: "in", hasKey: true });
    access.signOut();
    expect([state(), keys.key]).toEqual([{ kind: "out", reason: "none" }, null]);
    await access.look();
    expect(state()).toEqual({ kind: "out", reason: "none" });
  });

  it("out leads back in where no key is needed", async () => {
    good.set(null, ALL);
    await access.signIn("key", false);
    access.signOut();
    await access.look();
    expect(state()).toMatchObject({ kind: "in", hasKey: false });
  });
});

describe("in mid-work", () => {
  beforeEach(() => access.signIn("key", true));

  it("a call that is refused has the service asked, and a key that was revoked is told of", async () => {
    good.clear();
    access.judge("key", false);
    access.judge("key", false);
    await access.look();
    expect(ask).toHaveBeenCalledTimes(2);
    expect([state(), keys.key]).toEqual([{ kind: "out", reason: "refused" }, null]);
    access.judge(null, false);
    expect(ask).toHaveBeenCalledTimes(2);
  });

  it("what was on its way with a key of before says nothing", async () => {
    access.judge("old", false);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("who needed no key and now does is told so", async () => {
    good.set(null, ALL);
    access.signOut();
    await access.look();
    good.delete(null);
    access.judge(null, false);
    await access.look();
    expect(state()).toEqual({ kind: "out", reason: "ended" });
  });

  describe("the tab's own key is revoked where the browser keeps another one", () => {
    let kinds: string[];
    beforeEach(() => {
      keys.behind = "shared";
      kinds = [];
      access.state.subscribe(() => kinds.push(state().kind));
      good.delete("key");
    });

    it("goes on with that one", async () => {
      good.set("shared", ["users"]);
      access.judge("key", false);
      await access.look();
      expect([kinds, keys.key]).toEqual([["changing", "in"], "shared"]);
      expect(state()).toMatchObject({ hasKey: true, scopes: new Set(["users"]) });
    });

    it("signs out if that is no good either", async () => {
      access.judge("key", false);
      await access.look();
      expect([kinds, keys.key]).toEqual([["changing", "out"], null]);
      expect(state()).toEqual({ kind: "out", reason: "refused" });
    });
  });

  it("the service being away signs nobody out", async () => {
    ask.mockRejectedValueOnce(new ApiError("busy", 503));
    await access.look();
    expect(state()).toMatchObject({ kind: "in", scopes: new Set(ALL) });
  });
});

describe("another tab", () => {
  let end: () => void;
  beforeEach(async () => {
    end = access.start();
    await access.signIn("key", true);
  });
  afterEach(() => end());

  it("that signs out signs out here, and in again", async () => {
    keys.elsewhere(null);
    expect(state()).toEqual({ kind: "out", reason: "none" });
    keys.elsewhere("key");
    expect(state()).toEqual({ kind: "changing" });
    await access.look();
    expect(state()).toMatchObject({ kind: "in", hasKey: true });
  });

  it("that takes another key hides what this one showed", async () => {
    good.set("other", ["users"]);
    keys.elsewhere("other");
    expect(state()).toEqual({ kind: "changing" });
    await access.look();
    expect(state()).toMatchObject({ kind: "in", scopes: new Set(["users"]) });
  });

  it("that changes the key while the service is asked has it asked again", async () => {
    good.set("other", ["users"]);
    const looked = access.look();
    keys.key = "other";
    const kinds: string[] = [];
    access.state.subscribe(() => kinds.push(state().kind));
    await looked;
    expect(kinds).toEqual(["changing", "in"]);
    expect(state()).toMatchObject({ kind: "in", scopes: new Set(["users"]) });
  });
});
