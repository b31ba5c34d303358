"use client";

import { useCallback, useEffect, useState } from "react";
import { ApiError, getFile, isAbort, type Credential, type FileDetails } from "@/lib/api/client";
import { candidates, credentialOf, remember } from "@/lib/credentials";

/** How often one looks at a file that is being stored, in milliseconds. */
const PAUSE = 1500;

export type FileState =
  | { kind: "loading" }
  /** It is private, and what was tried does not open it. `wrong` once the person has tried. */
  | { kind: "locked"; wrong: boolean }
  | { kind: "gone" }
  | { kind: "failed"; problem: unknown }
  | { kind: "shown"; file: FileDetails; credential: Credential | null };

interface OneFile {
  state: FileState;
  /** Loads it again; with the credential that the person gave. */
  load: (given?: Credential) => Promise<void>;
}

/** One file, as long as it is looked at. */
export function useFile(id: string): OneFile {
  const [state, setState] = useState<FileState>({ kind: "loading" });
  const load = useCallback(async (given?: Credential) => setState(await find(id, given)), [id]);
  useEffect(() => {
    let left = false;
    void find(id).then((found) => left || setState(found));
    return () => {
      left = true;
    };
  }, [id]);
  const isStoring = state.kind === "shown" && ["PENDING", "STARTED"].includes(state.file.status);
  useEffect(() => {
    if (!isStoring) return;
    const timer = setTimeout(() => void load(), PAUSE);
    return () => clearTimeout(timer);
  }, [isStoring, state, load]);
  return { state, load };
}

/** Tries what is known of its credential, if it asks for one. */
async function find(id: string, given?: Credential): Promise<FileState> {
  const keys = given
    ? [given]
    : [credentialOf(id), ...candidates(id)].filter((one, place, all) => all.indexOf(one) === place);
  for (const credential of keys) {
    try {
      const file = await getFile(id, credential);
      if (credential) remember(credential, id);
      return { kind: "shown", file, credential };
    } catch (problem) {
      if (problem instanceof ApiError && problem.kind === "forbidden") continue;
      if (problem instanceof ApiError && problem.kind === "notFound") return { kind: "gone" };
      if (isAbort(problem)) return { kind: "loading" };
      return { kind: "failed", problem };
    }
  }
  return { kind: "locked", wrong: given !== undefined };
}
