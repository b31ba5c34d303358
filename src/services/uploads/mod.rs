//! Uploads: init, taking chunks, and what came in.

pub mod direct;
mod meter;
mod resume;
mod room;
mod writer;

pub use direct::ChunkLinks;
pub use resume::Received;

use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::writer::ChunkWriter;
use super::ledger::Announcer;
use super::links::{LinkProof, LinkService};
use super::tenants::TenantService;
use super::{Failure, FieldError, Ports, invalid_field};
use crate::config::UploadConfig;
use crate::domain::body::{Body, BodyError};
use crate::domain::limits::{Exceeded, Usage};
use crate::domain::upload::{Upload, UploadHints, UploadState, chunk_size_for};
use crate::domain::upload_grant::{Beyond, Intended};
use crate::domain::{Caller, ChunkIndex, UploadId, Visibility};
use crate::repositories::{
    Deadlocked, Durability, RepositoryError, Transaction, in_transaction, now, tenants, uploads,
};
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
    /// The link by which the caller sends a chunk is not ours, or its time is over.
    #[error("the link is not valid")]
    Forbidden,
    /// The caller's upload token does not allow this.
    #[error("{0}")]
    NotAllowed(Beyond),
    /// The caller's tenant may not have so much.
    #[error("{0}")]
    Exceeded(Exceeded),
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

impl From<Failure> for UploadError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Storage(error) => error.into(),
            failure => Self::Failed(failure),
        }
    }
}

impl Deadlocked for UploadError {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_deadlock())
    }
}

impl From<StorageError> for UploadError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Body(error) => Self::Body(error),
            // Given up meanwhile, or lost: its client can only begin another one.
            StorageError::Lost(_) => Self::NotFound,
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
    /// How many bytes the caller says it has at the most, where that is told beside the body.
    pub declared_size: Option<i64>,
    /// The SHA-256 that they must have, if the caller tells.
    pub sha256: Option<[u8; 32]>,
    /// By which link of ours it comes, if by one.
    pub link: Option<LinkProof>,
    /// Its bytes.
    pub body: Body,
}

/// Init, taking chunks, and what came in.
#[derive(Clone)]
pub struct UploadService {
    ports: Ports,
    config: UploadConfig,
    links: LinkService,
    announcer: Announcer,
    tenants: TenantService,
    tasks: TaskTracker,
}

impl UploadService {
    /// A service on these ports. Chunks that are being written are tracked by `tasks`, so that a stop waits for them.
    #[must_use]
    pub fn new(
        ports: Ports,
        config: UploadConfig,
        links: LinkService,
        announcer: Announcer,
        tenants: TenantService,
        tasks: TaskTracker,
    ) -> Self {
        Self { ports, config, links, announcer, tenants, tasks }
    }

    /// Opens an upload.
    ///
    /// # Errors
    /// [`UploadError::NotAllowed`] by its token, [`UploadError::Exceeded`] by its tenant's limits, and [`UploadError::Failed`] when the database is away.
    pub async fn init(
        &self,
        caller: &Caller,
        mut hints: UploadHints,
        chunk_size: Option<i64>,
    ) -> Result<Upload, UploadError> {
        lay_down(caller, &mut hints)?;
        let limits = self.tenants.limits(&caller.tenant).await?;
        limits.check_size(hints.total_size.unwrap_or_default()).map_err(UploadError::Exceeded)?;
        let (id, begun_at) = (UploadId::random(), now());
        let wish = chunk_size.map(|wish| wish.max(LEAST_CHUNK_SIZE));
        let upload = Upload {
            id,
            tenant: caller.tenant.clone(),
            grant: caller.grant.as_deref().cloned(),
            state: UploadState::Open,
            chunk_size: chunk_size_for(hints.total_size, wish, self.config.max_chunk_size),
            target: hints.target(id),
            storage_upload_id: None,
            hints,
            direct: false,
            begun_at,
            expires_at: begun_at + lasting(self.config.upload_ttl),
        };
        if limits.bytes.is_some() || limits.uploads.is_some() {
            let opened: Result<(), UploadError> =
                in_transaction!(self.ports.database, Durability::Relaxed, tx => insert_counted(tx, &upload));
            return opened.map(|()| upload);
        }
        // What a power cut could take away is an empty upload: the caller begins again.
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        uploads::insert(&mut database, &upload).await?;
        Ok(upload)
    }

    /// Takes a chunk. When this returns `Ok`, the chunk survives whatever happens to any process.
    ///
    /// # Errors
    /// See [`UploadError`]; nothing of the chunk counts then.
    pub async fn put_chunk(&self, caller: &Caller, chunk: IncomingChunk) -> Result<(), UploadError> {
        let by_link = chunk.link.as_ref().map(|link| self.links.verify_chunk(chunk.upload_id, chunk.index, link));
        if by_link == Some(false) || by_link.is_none() && caller.is_stranger() {
            return Err(UploadError::Forbidden);
        }
        // A link is for whoever has it.
        let caller = (!caller.is_stranger()).then_some(caller);
        let upload = self.open_upload(caller, chunk.upload_id).await?;
        let index = check(&upload, &chunk)?;
        let bound = self.bound(&upload).await?;
        let writer = ChunkWriter::new(self.ports.clone(), upload, index, &chunk, bound, self.config.content_check);
        // A task of its own, because a request that is cut off is dropped at any point, and the reservation must
        // be given back.
        let writing = self.tasks.spawn(writer.write(chunk.body).instrument(tracing::Span::current()));
        writing.await.map_err(|error| UploadError::Failed(Failure::Broken(error.to_string())))?
    }

    /// How large a chunk may be at the most of which it is not known yet of which upload it is: as large as one of any of
    /// the caller's tenant.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn largest_chunk_size(&self, caller: &Caller) -> Result<i64, Failure> {
        let mut database = self.ports.database.reader().await?;
        let granted = uploads::largest_chunk_size(&mut database, &caller.tenant, now()).await?;
        Ok(granted.unwrap_or_default().max(self.config.max_chunk_size))
    }

    /// An upload that takes chunks. It lives on from now, because its client does.
    async fn open_upload(&self, caller: Option<&Caller>, id: UploadId) -> Result<Upload, UploadError> {
        let upload = self.find(caller, id).await?;
        if upload.state != UploadState::Open {
            return Err(UploadError::AlreadyCompleted);
        }
        let ttl = lasting(self.config.upload_ttl);
        let expires_at = (now() + ttl).min(upload.begun_at + lasting(self.config.longest_upload));
        // Not with every chunk: it is a write to the database.
        if expires_at - upload.expires_at > ttl / 24 {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            uploads::prolong(&mut database, id, expires_at).await?;
            return Ok(Upload { expires_at, ..upload });
        }
        Ok(upload)
    }

    /// An upload that was not given up and whose time is not over; `caller` is who must see it.
    async fn find(&self, caller: Option<&Caller>, id: UploadId) -> Result<Upload, UploadError> {
        let mut database = self.ports.database.reader().await?;
        let upload = uploads::find(&mut database, id).await?;
        let upload = upload.filter(|upload| caller.is_none_or(|caller| caller.sees_upload(upload)));
        let upload = upload.ok_or(UploadError::NotFound)?;
        match upload.state {
            UploadState::Aborted => Err(UploadError::NotFound),
            UploadState::Open if upload.expires_at <= now() => Err(UploadError::NotFound),
            _ => Ok(upload),
        }
    }
}

/// Inserts an upload if its tenant may have it, and the bytes that it announces.
async fn insert_counted(tx: &mut Transaction, upload: &Upload) -> Result<(), UploadError> {
    let counted = tenants::count(tx, &upload.tenant, 0, 0).await?;
    uploads::insert(tx, upload).await?;
    let Some(tenant) = counted else { return Ok(()) };
    let usage = Usage {
        bytes: tenant.bytes.saturating_add(upload.hints.total_size.unwrap_or_default()),
        files: tenant.files,
        uploads: tenants::uploads(tx, &upload.tenant).await?,
    };
    tenant.limits.check(&usage).map_err(UploadError::Exceeded)
}

/// What the caller's token says of the file goes before what the caller says.
fn lay_down(caller: &Caller, hints: &mut UploadHints) -> Result<(), UploadError> {
    hints.user_id = hints.user_id.or(caller.user);
    let private = hints.credential.is_some().then_some(Visibility::Private);
    let intended = Intended {
        size: hints.total_size,
        extension: hints.file_extension,
        user_id: hints.user_id,
        appointment_id: hints.appointment_id,
        visibility: private.or(hints.visibility),
    };
    caller.check(&intended).map_err(UploadError::NotAllowed)?;
    let Some(grant) = &caller.grant else { return Ok(()) };
    hints.user_id = grant.user_id;
    hints.appointment_id = grant.appointment_id;
    hints.visibility = hints.visibility.or(grant.visibility);
    Ok(())
}

fn check(upload: &Upload, chunk: &IncomingChunk) -> Result<ChunkIndex, UploadError> {
    let mut errors = Vec::new();
    if chunk.declared_size.is_some_and(|size| size > upload.chunk_size) {
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
