//! Files: what callers may know of them, their bytes, and another try for those that failed.

use std::ops::Range;

use super::audit::AuditService;
use super::ledger::Announcer;
use super::links::{LinkProof, LinkService, LinkedFile};
use super::removal::delete_files;
use super::{Failure, Ports};
use crate::domain::audit::{Action, Entry};
use crate::domain::body::Body;
use crate::domain::file::{File, FileStatus, ListedFile};
use crate::domain::{Caller, Credential, FileId, JobId, Visibility};
use crate::jobs::assemble_file;
use crate::repositories::removal::Doomed;
use crate::repositories::{
    Deadlocked, Durability, RepositoryError, Transaction, audit, files, in_transaction, jobs, now,
};
use crate::storage::StorageError;

/// Why a caller did not get what it asked of a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// The caller shows nothing by which it may see a file that is not public.
    #[error("a key or a link is needed")]
    Unauthorized,
    /// The file is private and the caller did not prove that it may see it.
    #[error("permission denied")]
    Forbidden,
    /// The file is stored: there is nothing to try again.
    #[error("the file is stored")]
    AlreadyStored,
    /// The file is on its way: there is nothing to try again.
    #[error("the file is on its way")]
    OnItsWay,
    /// The file cannot be downloaded, at least not yet.
    #[error("the file is {0:?}")]
    NotStored(FileStatus),
    /// A dependency failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<RepositoryError> for FileError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

impl Deadlocked for FileError {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_deadlock())
    }
}

/// How a caller proves that it may have a private file: either is enough.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// What the file was stored with.
    pub credential: Option<Credential>,
    /// A link of ours.
    pub link: Option<LinkProof>,
}

/// Files.
#[derive(Clone)]
pub struct FileService {
    ports: Ports,
    announcer: Announcer,
    links: LinkService,
    audit: AuditService,
}

impl FileService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports, announcer: Announcer, links: LinkService, audit: AuditService) -> Self {
        Self { ports, announcer, links, audit }
    }

    /// A file that the caller may see.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn get(&self, caller: &Caller, id: FileId, proof: &Proof) -> Result<File, FileError> {
        let file = self.find(id).await?.filter(|file| caller.sees_file(file)).ok_or(FileError::NotFound)?;
        if self.admits(&file, proof) { Ok(file) } else { Err(FileError::Forbidden) }
    }

    async fn find(&self, id: FileId) -> Result<Option<File>, FileError> {
        Ok(files::find(&mut self.ports.database.reader().await?, id).await?)
    }

    /// A file that the caller may download. Public ones are there for everyone, and a link is for whoever has it; beyond
    /// those a stranger cannot tell what there is.
    async fn downloadable(&self, caller: &Caller, id: FileId, proof: &Proof) -> Result<File, FileError> {
        let found = self.find(id).await?;
        let by_link = self.is_link_to(id, proof);
        match found {
            Some(file) if by_link || file.credential.is_none() && is_there_for(caller, &file) => Ok(file),
            Some(file) if caller.sees_file(&file) && self.admits(&file, proof) => Ok(file),
            Some(file) if caller.sees_file(&file) => Err(FileError::Forbidden),
            _ if by_link || !caller.is_stranger() => Err(FileError::NotFound),
            _ if proof.link.is_some() => Err(FileError::Forbidden),
            _ => Err(FileError::Unauthorized),
        }
    }

    fn admits(&self, file: &File, proof: &Proof) -> bool {
        let Some(kept) = &file.credential else { return true };
        proof.credential.as_ref().is_some_and(|given| kept.admits(given)) || self.is_link_to(file.id, proof)
    }

    fn is_link_to(&self, id: FileId, proof: &Proof) -> bool {
        proof.link.as_ref().is_some_and(|link| self.links.verify_download(id, link))
    }

    /// Where the object lies, as callers see it: `<bucket>/<key>`.
    #[must_use]
    pub fn path(&self, file: &File) -> String {
        format!("{}/{}", self.ports.storage.bucket_name(file.location.bucket), file.location.key)
    }

    /// A link to the file's bytes.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot sign.
    pub async fn download_url(&self, file: &File) -> Result<String, Failure> {
        self.links.download_url(&LinkedFile::from(file)).await
    }

    /// The address of the bytes of a file; of a private one, it asks for the credential.
    #[must_use]
    pub fn bare_url(&self, file: &File) -> String {
        self.links.bare_url(file.id)
    }

    /// Notes that the caller reads a private file, or gets a link to it.
    pub fn note_reading(&self, caller: &Caller, action: Action, file: &File) {
        if file.credential.is_some() {
            self.audit.note_reading(caller, action, file);
        }
    }

    /// A link to the bytes of a file in a list; none for a private one, because nobody has shown its credential.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot sign.
    pub async fn listed_url(&self, file: &ListedFile) -> Result<Option<String>, Failure> {
        match file.location.bucket {
            Visibility::Private => Ok(None),
            Visibility::Public => self.links.download_url(&LinkedFile::from(file)).await.map(Some),
        }
    }

    /// A file whose bytes can be read.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn stored(&self, caller: &Caller, id: FileId, proof: &Proof) -> Result<File, FileError> {
        let file = self.downloadable(caller, id, proof).await?;
        if file.status == FileStatus::Success { Ok(file) } else { Err(FileError::NotStored(file.status)) }
    }

    /// These bytes of a stored file. `range` lies within it.
    ///
    /// # Errors
    /// [`FileError::NotFound`] when it was deleted meanwhile, and [`FileError::Failed`] when the store cannot give them.
    pub async fn read(&self, file: &File, range: Range<u64>) -> Result<Body, FileError> {
        match self.try_read(file, range).await {
            Err(Failure::Storage(StorageError::NotFound(_))) if self.find(file.id).await?.is_none() => {
                Err(FileError::NotFound)
            }
            read => Ok(read?),
        }
    }

    async fn try_read(&self, file: &File, range: Range<u64>) -> Result<Body, Failure> {
        // The whole is a range too: a store that knows how little is wanted need not make a connection for it. Nothing is
        // none (RFC 9110 section 14.1.2).
        let part = (!range.is_empty()).then(|| range.clone());
        let body = self.ports.storage.read(&file.location, part).await?;
        if body.length == Some(range.end - range.start) {
            return Ok(body);
        }
        let damage = format!("{} has {:?} bytes at {range:?} of {}", file.location, body.length, file.size);
        Err(StorageError::Damaged(damage).into())
    }

    /// Deletes a file that the caller may see. Its object goes by a job.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn delete(&self, caller: &Caller, id: FileId, proof: &Proof, trace_id: &str) -> Result<(), FileError> {
        self.get(caller, id, proof).await?;
        match delete_files(&self.ports, &self.announcer, caller, Doomed::File(id), trace_id).await? {
            0 => Err(FileError::NotFound),
            _ => Ok(()),
        }
    }

    /// Queues a file again that is in FAILURE.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn retry(
        &self,
        caller: &Caller,
        id: FileId,
        credential: Option<Credential>,
        trace_id: &str,
    ) -> Result<File, FileError> {
        let file = self.get(caller, id, &Proof { credential, link: None }).await?;
        match file.status {
            FileStatus::Success => return Err(FileError::AlreadyStored),
            FileStatus::Pending | FileStatus::Started => return Err(FileError::OnItsWay),
            FileStatus::Failure => {}
        }
        let job_id = in_transaction!(self.ports.database, Durability::Full, tx => requeue(tx, caller, id, trace_id))?;
        self.announcer.announce(job_id, trace_id);
        Ok(File { status: FileStatus::Pending, error: None, ..file })
    }
}

/// A public file is there for everyone once it can be downloaded; until then for those alone who see it.
fn is_there_for(caller: &Caller, file: &File) -> bool {
    file.status == FileStatus::Success || caller.sees_file(file)
}

/// Queues a file again that is in FAILURE; its job counts as announced.
pub(super) async fn requeue(
    tx: &mut Transaction,
    caller: &Caller,
    id: FileId,
    trace_id: &str,
) -> Result<JobId, FileError> {
    let from = [FileStatus::Failure, FileStatus::Failure];
    if !files::set_status(tx, id, from, FileStatus::Pending, None).await? {
        return Err(FileError::OnItsWay);
    }
    audit::insert(tx, &Entry::of(caller, Action::RetryFile, id, now())).await?;
    let job = jobs::requeue(tx, assemble_file::NAME, id.0, trace_id).await?;
    job.ok_or(FileError::OnItsWay)
}
