/** The real service as the uploader needs it. */
import {
  abortUpload,
  completeUpload,
  deleteFile,
  fileEvents,
  fileStatus,
  initUpload,
  retryFile,
  uploadState,
  type Credential,
} from "../api/client";
import { putChunk } from "../api/chunk";
import { Waiter } from "./outcome";
import type { Clock, Made, Opened, Received, Server } from "./ports";

export function service(clock: Clock): Server {
  const waiter = new Waiter(clock);
  return {
    init: (facts, credential, signal): Promise<Opened> =>
      initUpload({ ...facts, ...visibility(credential) }, { signal }),
    received: (uploadId, signal): Promise<Received> => uploadState(uploadId, { signal }),
    putChunk,
    complete: (uploadId, chunks, facts, signal): Promise<Made> =>
      completeUpload({ ...facts, upload_id: uploadId, total_chunks: chunks }, { signal }),
    outcome: (fileId, credential, signal) =>
      waiter.outcome(
        {
          events: (stop) => fileEvents(fileId, credential, { signal: stop }),
          status: (stop) => fileStatus(fileId, credential, { signal: stop }),
        },
        signal,
      ),
    retry: async (fileId, credential, signal) => void (await retryFile(fileId, credential, { signal })),
    giveUp: (uploadId) => abortUpload(uploadId),
    deleteFile: (fileId, credential) => deleteFile(fileId, credential),
  };
}

function visibility(credential: Credential | null) {
  return credential
    ? { visibility: "private", credential: JSON.stringify(credential) }
    : { visibility: "public", credential: null };
}
