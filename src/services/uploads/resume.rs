//! What a client asks that has lost its way: what came in; and what it says when it gives up.

use chrono::{DateTime, Utc};

use super::{UploadError, UploadService, direct};
use crate::domain::audit::{Action, Entry};
use crate::domain::upload::UploadState;
use crate::domain::{Caller, ChunkIndex, JobId, UploadId};
use crate::repositories::{Durability, RepositoryError, Transaction, audit, chunks, in_transaction, now, uploads};
use crate::services::ledger::insert_discard;

/// What the service has of an upload.
#[derive(Debug, Clone)]
pub struct Received {
    /// Which upload.
    pub upload_id: UploadId,
    /// The most bytes of one chunk.
    pub chunk_size: i64,
    /// How far the upload is.
    pub state: UploadState,
    /// The chunks that are safe, in order, with their sizes in bytes.
    pub chunks: Vec<(ChunkIndex, i64)>,
    /// When it is given up if nobody goes on with it.
    pub expires_at: DateTime<Utc>,
}

impl UploadService {
    /// What came in of an upload, by whichever door.
    ///
    /// # Errors
    /// [`UploadError::NotFound`] and [`UploadError::Failed`].
    pub async fn received(&self, caller: &Caller, id: UploadId) -> Result<Received, UploadError> {
        let mut upload = self.find(Some(caller), id).await?;
        let acknowledged = chunks::stored(&mut self.ports.database.reader().await?, id).await?;
        let mut chunks: Vec<(ChunkIndex, i64)> = Vec::new();
        if upload.direct && upload.state == UploadState::Open {
            let sent = match direct::sent(&self.ports, &upload).await {
                Ok(sent) => sent,
                // It may be completed meanwhile, and its job have ended what was asked about.
                Err(error) => {
                    upload = self.find(Some(caller), id).await?;
                    if upload.state == UploadState::Open {
                        return Err(error.into());
                    }
                    Vec::new()
                }
            };
            let is_new = |index| acknowledged.binary_search_by_key(&index, |chunk| chunk.index).is_err();
            let whole = sent.iter().filter(|chunk| upload.full_chunk_size(chunk.index) == Some(chunk.size));
            chunks.extend(whole.filter(|chunk| is_new(chunk.index)).map(|chunk| (chunk.index, chunk.size)));
        }
        chunks.extend(acknowledged.iter().map(|chunk| (chunk.index, chunk.size)));
        chunks.sort_unstable();
        let (chunk_size, state, expires_at) = (upload.chunk_size, upload.state, upload.expires_at);
        Ok(Received { upload_id: id, chunk_size, state, chunks, expires_at })
    }

    /// Gives an upload up. What was staged goes in the background.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], [`UploadError::AlreadyCompleted`] and [`UploadError::Failed`].
    pub async fn abort(&self, caller: &Caller, id: UploadId, trace_id: &str) -> Result<(), UploadError> {
        if self.find(Some(caller), id).await?.state != UploadState::Open {
            return Err(UploadError::AlreadyCompleted);
        }
        let given_up: Result<Option<JobId>, RepositoryError> =
            in_transaction!(self.ports.database, Durability::Full, tx => abort(tx, caller, id, trace_id));
        // Whoever was quicker has completed it or given it up.
        let job_id = given_up?.ok_or(UploadError::AlreadyCompleted)?;
        self.announcer.announce(job_id, trace_id);
        Ok(())
    }
}

/// Ends an open upload; the job that removes what was staged, or `None` when it was not open.
async fn abort(
    tx: &mut Transaction,
    caller: &Caller,
    id: UploadId,
    trace_id: &str,
) -> Result<Option<JobId>, RepositoryError> {
    if !uploads::set_state(tx, id, UploadState::Open, UploadState::Aborted).await? {
        return Ok(None);
    }
    audit::insert(tx, &Entry::of(caller, Action::AbortUpload, id, now())).await?;
    insert_discard(tx, id, trace_id).await.map(Some)
}
