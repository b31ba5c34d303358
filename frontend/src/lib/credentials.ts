/** The credentials that the person gave in this visit: in memory only, gone with the page. */
import type { Credential } from "./api/client";
import { Store } from "./store";

/** What the files are closed with that are added next; `null` while they are public. */
export const nextCredential = new Store<Credential | null>(null);

/** So few are tried on a file that nobody was asked about. */
const TRIED = 3;

const ofFiles = new Map<string, Credential>();
let latest: Credential[] = [];

/** It was used for an upload, or it has opened a file. */
export function remember(credential: Credential, fileId?: string): void {
  if (fileId !== undefined) ofFiles.set(fileId, credential);
  const text = JSON.stringify(credential);
  latest = [credential, ...latest.filter((other) => JSON.stringify(other) !== text)].slice(0, TRIED);
}

/** Forgets all of them: what comes next may be somebody else. */
export function forgetCredentials(): void {
  nextCredential.set(null);
  ofFiles.clear();
  latest = [];
}

/** What may open the file, the best guess first. */
export function candidates(fileId: string): readonly Credential[] {
  const own = ofFiles.get(fileId);
  return own ? [own] : latest;
}

export function credentialOf(fileId: string): Credential | null {
  return ofFiles.get(fileId) ?? null;
}

/** A name and a value as they are typed. */
export interface Pair {
  id: number;
  name: string;
  value: string;
}

/** The credential that the pairs make; `null` when they make none. Pairs that are quite empty do not count. */
export function credentialFrom(pairs: readonly Pair[]): Credential | null {
  const filled = pairs.map(({ name, value }) => [name.trim(), value] as const).filter((pair) => pair.some(Boolean));
  const names = new Set(filled.map(([name]) => name));
  const whole = filled.length > 0 && names.size === filled.length && filled.every((pair) => pair.every(Boolean));
  return whole ? Object.fromEntries(filled) : null;
}
