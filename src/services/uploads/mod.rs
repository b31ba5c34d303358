//! Uploads: init, and taking chunks.

mod meter;
mod writer;

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::writer::ChunkWriter;
use super::{Failure, FieldError, Ports, invalid_field};
use crate::config::UploadConfig;
use crate::domain::body::{Body, BodyError};
use crate::domain::upload::{Upload, UploadHints, UploadState, chunk_size_for};
use crate::domain::{ChunkIndex, UploadId};
use crate::repositories::{Durability, RepositoryError, now, uploads};
use crate::storage::StorageError;

/// A smaller chunk size than this is not granted: S3 stores take no smaller parts.
const LEAST_CHUNK_SIZE: i64 = 5 * 1024 * 1024;

/// Why an upload did not take what it was sent.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no such upload, or its time is over.
    #[error("there is no such upload")]
    NotFound,
    /// Fields that are wrong, all of them.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// The chunk was acknowledged with other bytes.
    #[error("the chunk was acknowledged with other bytes")]
    OtherBytes,
    /// The upload was completed before.
    #[error("the upload was completed before")]
    AlreadyCompleted,
    /// The body could not be read.
    #[error(transparent)]
    Body(BodyError),
    /// A dependency failed.
    #[error(transparent)]
    Failed(Failure),
}

impl From<RepositoryError> for UploadError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StorageError> for UploadError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Body(error) => Self::Body(error),
            error => Self::Failed(error.into()),
        }
    }
}

/// A chunk on its way in.
pub struct IncomingChunk {
    /// Whose chunk.
    pub upload_id: UploadId,
    /// Its place.
    pub index: i64,
    /// How many bytes the caller says it has at the most.
    pub declared_size: i64,
    /// Its bytes.
    pub body: Body,
}

/// Init, and taking chunks.
#[derive(Clone)]
pub struct UploadService {
    ports: Ports,
    config: UploadConfig,
    tasks: TaskTracker,
}

impl UploadService {
    /// A service on these ports. Chunks that are being written are tracked by `tasks`, so that a stop waits for them.
    #[must_use]
    pub fn new(ports: Ports, config: UploadConfig, tasks: TaskTracker) -> Self {
        Self { ports, config, tasks }
    }

    /// Opens an upload.
    ///
    /// # Errors
    /// [`UploadError::Failed`] when the database is away.
    pub async fn init(&self, hints: UploadHints, chunk_size: Option<i64>) -> Result<Upload, UploadError> {
        let id = UploadId::random();
        let wish = chunk_size.map(|wish| wish.max(LEAST_CHUNK_SIZE));
        let upload = Upload {
            id,
            state: UploadState::Open,
            chunk_size: chunk_size_for(hints.total_size, wish, self.config.max_chunk_size),
            target: hints.target(id),
            storage_upload_id: None,
            hints,
            expires_at: now() + lasting(self.config.upload_ttl),
        };
        // What a power cut could take away is an empty upload: the caller begins again.
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        uploads::insert(&mut database, &upload).await?;
        Ok(upload)
    }

    /// Takes a chunk. When this returns `Ok`, the chunk survives whatever happens to any process.
    ///
    /// # Errors
    /// See [`UploadError`]; nothing of the chunk counts then.
    pub async fn put_chunk(&self, chunk: IncomingChunk) -> Result<(), UploadError> {
        let upload = self.open_upload(chunk.upload_id).await?;
        let index = check(&upload, &chunk)?;
        let writer = ChunkWriter::new(self.ports.clone(), upload, index, chunk.declared_size.cast_unsigned());
        // A task of its own, because a request that is cut off is dropped at any point, and the reservation must
        // be given back.
        let writing = self.tasks.spawn(writer.write(chunk.body).instrument(tracing::Span::current()));
        writing.await.map_err(|error| UploadError::Failed(Failure::Broken(error.to_string())))?
    }

    async fn open_upload(&self, id: UploadId) -> Result<Upload, UploadError> {
        let mut database = self.ports.database.reader().await?;
        let upload = uploads::find(&mut database, id).await?.ok_or(UploadError::NotFound)?;
        match upload.state {
            UploadState::Open if upload.expires_at > now() => Ok(upload),
            UploadState::Open | UploadState::Aborted => Err(UploadError::NotFound),
            UploadState::Completing | UploadState::Completed => Err(UploadError::AlreadyCompleted),
        }
    }
}

fn check(upload: &Upload, chunk: &IncomingChunk) -> Result<ChunkIndex, UploadError> {
    let mut errors = Vec::new();
    if chunk.declared_size > upload.chunk_size {
        let message = format!("input should be less than or equal to {}", upload.chunk_size);
        errors.push(FieldError { field: "chunk_size", message });
    }
    match ChunkIndex::try_from(chunk.index) {
        Ok(index) if errors.is_empty() => return Ok(index),
        Ok(_) => {}
        Err(invalid) => errors.push(FieldError::of("chunk_index", invalid)),
    }
    Err(UploadError::Invalid(errors))
}

/// The 422 for a file that is longer than it may be.
fn too_long(upload: &Upload, declared_size: u64, length: u64) -> UploadError {
    let message = if length > upload.chunk_size.cast_unsigned() {
        "file size is larger than valid chunk size".to_owned()
    } else {
        format!("file has at least {length} bytes, but chunk_size says {declared_size}")
    };
    UploadError::Invalid(invalid_field("file", message))
}

pub(super) fn lasting(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::MAX)
}
