/** The real service as the uploader needs it. */
import {
  abortUpload,
  completeUpload,
  deleteFile,
  fileEvents,
  fileStatus,
  initUpload,
  issueToken,
  retryFile,
  uploadState,
  type Credential,
  type TokenForm,
} from "../api/client";
import { putChunk } from "../api/chunk";
import { heldKey } from "../key";
import { Waiter } from "./outcome";
import type { Clock, Made, Opened, OwnedFacts, Received, Server } from "./ports";
import { Tokens } from "./tokens";
import { Refusal, Unknown, refusalOf } from "./troubles";
import type { Owner } from "./types";

export function service(clock: Clock): Server {
  const waiter = new Waiter(clock);
  const issue = async (form: TokenForm) => (await issueToken(form)).token;
  const tokens = new Tokens({ key: heldKey, issue, now: () => clock.now() });
  const giveUp = (uploadId: string) => tokens.use(uploadId, (bearer) => abortUpload(uploadId, { bearer }));
  return {
    init: ({ user_id, appointment_id, ...facts }, credential, signal): Promise<Opened> =>
      tokens.begin({ ...facts, user_id, appointment_id }, credential !== null, signal, (bearer) =>
        initUpload({ ...facts, ...visibility(credential) }, { signal, bearer }),
      ),
    received: (uploadId, signal): Promise<Received> =>
      tokens.use(uploadId, (bearer) => uploadState(uploadId, { signal, bearer })),
    putChunk: (uploadId, index, bytes, onProgress, signal) =>
      tokens.use(uploadId, (bearer) => putChunk(uploadId, index, bytes, onProgress, signal, bearer)),
    complete: async (uploadId, chunks, facts, signal): Promise<Made> => {
      const form = { ...facts, upload_id: uploadId, total_chunks: chunks };
      try {
        const made = await tokens.use(uploadId, (bearer) => completeUpload(form, { signal, bearer }), ownerOf(facts));
        tokens.handOn(uploadId, made.id);
        return made;
      } catch (cause) {
        if (!isTiedToGone(facts, cause)) throw cause;
        await giveUp(uploadId);
        throw new Unknown();
      }
    },
    outcome: (fileId, credential, signal) =>
      waiter.outcome(
        {
          events: (stop) => tokens.use(fileId, (bearer) => fileEvents(fileId, credential, { signal: stop, bearer })),
          status: (stop) => tokens.use(fileId, (bearer) => fileStatus(fileId, credential, { signal: stop, bearer })),
        },
        signal,
      ),
    retry: async (fileId, credential, signal) => void (await retryFile(fileId, credential, { signal })),
    giveUp,
    deleteFile: (fileId, credential) => deleteFile(fileId, credential),
  };
}

function ownerOf({ user_id: userId, appointment_id: appointmentId }: OwnedFacts): Owner {
  return { userId, appointmentId };
}

/**
 * The token by which an upload was begun laid down an appointment that is gone. The file is to have none now, but that
 * cannot be told: it takes another upload.
 */
function isTiedToGone(facts: OwnedFacts, cause: unknown): boolean {
  const reason = refusalOf(cause);
  return facts.appointment_id === null && reason instanceof Refusal && reason.problem.kind === "appointmentGone";
}

function visibility(credential: Credential | null) {
  return credential
    ? { visibility: "private", credential: JSON.stringify(credential) }
    : { visibility: "public", credential: null };
}
