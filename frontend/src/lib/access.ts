/** Who may come in, and what they may do. Where access control is off everybody may do everything, without a key. */
import { ApiError, getUsage, type Usage } from "./api/client";
import { connection } from "./connection";
import * as browserKeys from "./key";
import { Store } from "./store";

/** What a key can allow, as far as the page has to do with it. */
export type Scope = "files:read" | "files:write" | "files:delete" | "users";

export type Access =
  /** The service has not told yet. */
  | { kind: "unknown" }
  /** The same, after another tab has taken another key: what is shown may be somebody else's. */
  | { kind: "changing" }
  /** `scopes` and `tenant` are `null` while it has not told them; whatever is not allowed, it refuses. */
  | { kind: "in"; hasKey: boolean; scopes: ReadonlySet<string> | null; tenant: string | null }
  | { kind: "out"; reason: OutReason };

export type OutReason =
  /** Nobody has signed in, or somebody has signed out. */
  | "none"
  /** The key was good, or was kept from a visit before, and is no longer valid. */
  | "refused"
  /** It went without a key, and no longer does. */
  | "ended";

/** Where the key is kept. */
export type Keys = Pick<typeof browserKeys, "heldKey" | "keepKey" | "dropKey" | "forgetKeys" | "watchKey">;
/** What the service tells of a key, or of those who have none. */
export type Told = Pick<Usage, "scopes" | "tenant">;
/** Asks the service. Throws `ApiError`. */
export type Ask = (key: string | null) => Promise<Told>;

/** What a header can carry; everything else is no key. */
const KEY = /^[\x21-\x7e]{1,8192}$/;
/** What the service says of what is no key, or not one for a person. */
const REFUSALS = ["signedOut", "notAllowed", "forbidden"];

export class AccessControl {
  readonly state = new Store<Access>({ kind: "unknown" });
  /** What {@link state} is about. */
  private key: string | null = null;
  private looking: Promise<void> | null = null;

  constructor(
    private readonly keys: Keys,
    private readonly ask: Ask,
  ) {}

  /** Finds out what is allowed, and follows what happens in other tabs. Returns what ends that. */
  start(): () => void {
    const ends = [this.keys.watchKey(() => this.follow()), connection.subscribe(() => this.askAgain())];
    void this.look();
    return () => ends.forEach((end) => end());
  }

  /** Asks the service what is allowed now. */
  look(): Promise<void> {
    this.looking ??= this.find().finally(() => (this.looking = null));
    return this.looking;
  }

  /** Whether the key is good; it is kept then. Throws `ApiError` when that cannot be known now. */
  async signIn(key: string, stays: boolean): Promise<boolean> {
    if (!KEY.test(key)) return false;
    try {
      const told = await this.ask(key);
      this.keys.keepKey(key, stays);
      this.admit(key, told);
      return true;
    } catch (problem) {
      if (problem instanceof ApiError && REFUSALS.includes(problem.kind)) return false;
      throw problem;
    }
  }

  /** Forgets the key, in all tabs. */
  signOut(): void {
    this.keys.forgetKeys();
    this.follow();
  }

  /** A call that showed this key was let in, or was not. */
  judge(key: string | null, isGood: boolean): void {
    // What was on its way when the key changed says nothing of the one that is held now.
    if (key !== this.keys.heldKey()) return;
    const { kind } = this.state.get();
    if (isGood && kind === "unknown") this.admit(key, null);
    if (isGood) this.askAgain();
    else if (kind !== "out") void this.look();
  }

  private follow(): void {
    const key = this.keys.heldKey();
    if (key === this.key) return;
    this.key = key;
    // Who signed out must not wait for the service. It may be one that needs no key: then it says so.
    this.state.set(key === null ? { kind: "out", reason: "none" } : { kind: "changing" });
    void this.look();
  }

  /** It could not tell when it was asked. */
  private askAgain(): void {
    const state = this.state.get();
    if (connection.get() === "up" && state.kind === "in" && state.scopes === null) void this.look();
  }

  private async find(): Promise<void> {
    const key = this.keys.heldKey();
    const answer = await this.ask(key).catch(verdictOf);
    // It changed meanwhile.
    if (key !== this.keys.heldKey()) return this.findOther();
    if (answer === "refused") return this.refuse(key);
    if (answer || !["in", "out"].includes(this.state.get().kind)) this.admit(key, answer);
  }

  /** Another key is held than the one that the service was asked about. */
  private findOther(): Promise<void> {
    this.follow();
    return this.find();
  }

  private admit(key: string | null, told: Told | null): void {
    this.key = key;
    const scopes = told && new Set(told.scopes);
    this.state.set({ kind: "in", hasKey: key !== null, scopes, tenant: told && told.tenant });
  }

  private async refuse(key: string | null): Promise<void> {
    const before = this.state.get();
    const ended = before.kind === "in" && before.scopes ? "ended" : "none";
    if (key !== null) this.keys.dropKey(key);
    // It was the tab's own, and this browser keeps another one.
    if (this.keys.heldKey() !== null) return this.findOther();
    this.key = null;
    this.state.set({ kind: "out", reason: key === null ? ended : "refused" });
  }
}

/** Whether the service does not take the key; else it has told nothing of it. */
function verdictOf(problem: unknown): "refused" | null {
  return problem instanceof ApiError && problem.kind === "signedOut" ? "refused" : null;
}

/** Whether this is allowed. What is not known is left to the service. */
export function allows(access: Access, scope: Scope): boolean {
  return access.kind !== "in" || access.scopes === null || access.scopes.has(scope);
}

export const access = new AccessControl(browserKeys, getUsage);
browserKeys.judgedBy((key, isGood) => access.judge(key, isGood));
