//! Chunks that go past the service: links by which clients send them, and what came in by those.

use chrono::{DateTime, TimeDelta, Utc};

use super::{UploadError, UploadService};
use crate::domain::chunk::StoredChunk;
use crate::domain::upload::Upload;
use crate::domain::{Caller, ChunkIndex, UploadId};
use crate::failpoint;
use crate::repositories::{Durability, chunks, now, uploads};
use crate::services::{Failure, Ports, invalid_field};
use crate::storage::Gathering;

/// How long a link is valid. Whoever is slower asks again.
const VALID_FOR: TimeDelta = TimeDelta::hours(1);

/// Links by which a client sends chunks.
#[derive(Debug, Clone)]
pub struct ChunkLinks {
    /// Each chunk's link, in the order asked for.
    pub links: Vec<(ChunkIndex, String)>,
    /// Until when they are valid.
    pub expires_at: DateTime<Utc>,
}

impl UploadService {
    /// Links by which the client sends these chunks to the store, or to this service where the store takes none.
    ///
    /// # Errors
    /// [`UploadError::NotFound`], [`UploadError::AlreadyCompleted`], [`UploadError::Failed`], and
    /// [`UploadError::Invalid`] when init was not told the file's size, or the file has no such chunk.
    pub async fn links(&self, caller: &Caller, id: UploadId, indexes: &[i64]) -> Result<ChunkLinks, UploadError> {
        let upload = self.open_upload(Some(caller), id).await?;
        let indexes = self.check_indexes(&upload, indexes)?;
        let granted_until = upload.grant.as_ref().map_or(DateTime::<Utc>::MAX_UTC, |grant| grant.expires_at);
        let expires_at = upload.expires_at.min(now() + VALID_FOR).min(granted_until);
        let valid_for = (expires_at - now()).to_std().unwrap_or_default();
        let storage_upload_id = Some(begin(&self.ports, &upload).await?);
        let gathering = Gathering { storage_upload_id, ..gathering(&upload) };
        if !upload.direct {
            let mut database = self.ports.database.writer(Durability::Full).await?;
            if !uploads::set_direct(&mut database, id).await? {
                return Err(UploadError::AlreadyCompleted);
            }
        }
        // Looked at after that: of what comes to us from now on, no part is made.
        let begun = chunks::begun(&mut self.ports.database.reader().await?, id).await?;
        let mut links = Vec::with_capacity(indexes.len());
        for (index, size) in indexes {
            // Of two requests for one part some stores take the younger, even if it never ends: what came to us of a chunk
            // must not meet what is sent past us.
            let link = if begun.contains(&index.get()) {
                None
            } else {
                self.ports.storage.signed_chunk_link(&gathering, index, size, valid_for).await?
            };
            links.push((index, link.map_or_else(|| self.links.chunk_url(id, index, expires_at), Ok)?));
        }
        Ok(ChunkLinks { links, expires_at })
    }

    /// The chunks with these numbers, each with its size.
    fn check_indexes(&self, upload: &Upload, indexes: &[i64]) -> Result<Vec<(ChunkIndex, i64)>, UploadError> {
        let invalid = |message: String| UploadError::Invalid(invalid_field("indexes", message));
        let Some(size) = upload.hints.total_size else {
            return Err(invalid("the upload must be initialized with its total_size".into()));
        };
        let last = (size.max(1) - 1) / upload.chunk_size;
        let store_least = self.ports.storage.least_linked_chunk_size();
        if last > 0 && upload.chunk_size < store_least {
            let message =
                format!("the store takes chunks of {store_least} bytes or more, but this upload has smaller ones");
            return Err(invalid(message));
        }
        let parsed = indexes.iter().map(|&index| {
            let index = ChunkIndex::try_from(index).map_err(|error| invalid(error.0))?;
            match upload.full_chunk_size(index) {
                Some(size) => Ok((index, size)),
                None => Err(invalid(format!("input should be less than or equal to {last}"))),
            }
        });
        parsed.collect()
    }
}

/// What an upload's client sent past the service. Of what was acknowledged too, that counts.
pub(in crate::services) async fn sent(ports: &Ports, upload: &Upload) -> Result<Vec<StoredChunk>, Failure> {
    Ok(ports.storage.sent_by_link(&gathering(upload)).await?)
}

/// Begins the upload's gathering in the store unless it is begun; the store's name for it. Of two that do so at once
/// the first to write its name down wins.
pub(super) async fn begin(ports: &Ports, upload: &Upload) -> Result<String, UploadError> {
    if let Some(begun) = &upload.storage_upload_id {
        return Ok(begun.clone());
    }
    let target = &upload.target;
    let begun = ports.storage.begin(target, upload.hints.content_type.as_ref()).await?;
    failpoint::reach("chunk.begun");
    let mut database = ports.database.writer(Durability::Full).await?;
    if uploads::set_storage_upload_id(&mut database, upload.id, &begun).await? {
        return Ok(begun);
    }
    let other = uploads::find(&mut database, upload.id).await?;
    drop(database);
    if let Err(error) = ports.storage.abort(target, &begun).await {
        tracing::warn!(%error, path = %target, "a multipart upload is left over");
    }
    other.and_then(|upload| upload.storage_upload_id).ok_or(UploadError::NotFound)
}

/// An upload as the store sees it.
pub(in crate::services) fn gathering(upload: &Upload) -> Gathering {
    Gathering {
        upload: upload.id,
        target: upload.target.clone(),
        chunk_size: upload.chunk_size,
        storage_upload_id: upload.storage_upload_id.clone(),
    }
}
