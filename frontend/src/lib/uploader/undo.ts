/** Takes an upload back from the server, or the file that it has become. */
import { ApiError } from "../api/error";
import type { Credential } from "../api/client";
import type { Made, OwnedFacts, Server } from "./ports";
import { Unknown, refusalOf } from "./troubles";

/** What is known of an upload. */
export interface Undone {
  opened: { uploadId: string; plan: { count: number } } | null;
  made: Made | null;
  facts: OwnedFacts;
  credential: Credential | null;
  /** Whether the server was asked to make the file of it, which it may have done. */
  wasCompleting: boolean;
}

/** Whether no file is left. Of what is no file yet the server may hear nothing: it expires. */
export async function undo(server: Server, undone: Undone): Promise<boolean> {
  const { opened, made, wasCompleting } = undone;
  if (made) return deleted(server, made, undone);
  if (!opened) return true;
  try {
    await server.giveUp(opened.uploadId);
    return true;
  } catch (cause) {
    if (refusalOf(cause) instanceof Unknown) return true;
    if (!isConflict(cause)) return !wasCompleting;
  }
  // It is a file already, and complete again tells which one.
  const known = server.complete(opened.uploadId, opened.plan.count, undone.facts, new AbortController().signal);
  const found = await known.catch(() => null);
  return found !== null && deleted(server, found, undone);
}

async function deleted(server: Server, made: Made, { credential }: Undone): Promise<boolean> {
  try {
    await server.deleteFile(made.id, made.credential ?? credential);
    return true;
  } catch (cause) {
    // Somebody else was quicker.
    return cause instanceof ApiError && cause.kind === "notFound";
  }
}

function isConflict(cause: unknown): boolean {
  return cause instanceof ApiError && cause.kind === "conflict";
}
