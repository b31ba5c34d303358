//! Files: what callers may know of them, their bytes, and another try for those that failed.

use std::ops::Range;

use super::ledger::Announcer;
use super::links::{LinkProof, LinkService, LinkedFile};
use super::removal::delete_files;
use super::{Failure, Ports};
use crate::domain::body::Body;
use crate::domain::file::{File, FileStatus, ListedFile};
use crate::domain::{Credential, FileId, JobId, Visibility};
use crate::jobs::assemble_file;
use crate::repositories::removal::Doomed;
use crate::repositories::{Deadlocked, Durability, RepositoryError, Transaction, files, in_transaction, jobs};
use crate::storage::StorageError;

/// Why a caller did not get what it asked of a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
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

/// How a caller proves that it may have a private file.
#[derive(Debug, Clone)]
pub enum Proof {
    /// By what the file was stored with.
    Credential(Option<Credential>),
    /// By a link of ours.
    Link(LinkProof),
}

/// Files.
#[derive(Clone)]
pub struct FileService {
    ports: Ports,
    announcer: Announcer,
    links: LinkService,
}

impl FileService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports, announcer: Announcer, links: LinkService) -> Self {
        Self { ports, announcer, links }
    }

    /// A file that the caller may see.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn get(&self, id: FileId, proof: &Proof) -> Result<File, FileError> {
        let mut database = self.ports.database.reader().await?;
        let file = files::find(&mut database, id).await?.ok_or(FileError::NotFound)?;
        if self.admits(&file, proof) { Ok(file) } else { Err(FileError::Forbidden) }
    }

    fn admits(&self, file: &File, proof: &Proof) -> bool {
        match (&file.credential, proof) {
            (None, _) => true,
            (Some(kept), Proof::Credential(Some(given))) => kept.admits(given),
            (Some(_), Proof::Credential(None)) => false,
            (Some(_), Proof::Link(link)) => self.links.verify_download(file.id, link),
        }
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
    pub async fn stored(&self, id: FileId, proof: &Proof) -> Result<File, FileError> {
        let file = self.get(id, proof).await?;
        if file.status == FileStatus::Success { Ok(file) } else { Err(FileError::NotStored(file.status)) }
    }

    /// These bytes of a stored file. `range` is not empty and lies within it.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot give them.
    pub async fn read(&self, file: &File, range: Range<u64>) -> Result<Body, Failure> {
        let size = file.size.cast_unsigned();
        let part = (range != (0..size)).then(|| range.clone());
        let body = self.ports.storage.read(&file.location, part).await?;
        if body.length == Some(range.end - range.start) {
            return Ok(body);
        }
        let damage = format!("{} has {:?} bytes at {range:?} of {size}", file.location, body.length);
        Err(StorageError::Damaged(damage).into())
    }

    /// Deletes a file that the caller may see. Its object goes by a job.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn delete(&self, id: FileId, proof: &Proof, trace_id: &str) -> Result<(), FileError> {
        self.get(id, proof).await?;
        match delete_files(&self.ports, &self.announcer, Doomed::File(id), trace_id).await? {
            0 => Err(FileError::NotFound),
            _ => Ok(()),
        }
    }

    /// Queues a file again that is in FAILURE.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn retry(&self, id: FileId, credential: Option<Credential>, trace_id: &str) -> Result<File, FileError> {
        let file = self.get(id, &Proof::Credential(credential)).await?;
        match file.status {
            FileStatus::Success => return Err(FileError::AlreadyStored),
            FileStatus::Pending | FileStatus::Started => return Err(FileError::OnItsWay),
            FileStatus::Failure => {}
        }
        let job_id = in_transaction!(self.ports.database, Durability::Full, tx => requeue(tx, id, trace_id))?;
        self.announcer.announce(job_id, trace_id);
        Ok(File { status: FileStatus::Pending, error: None, ..file })
    }
}

async fn requeue(tx: &mut Transaction, id: FileId, trace_id: &str) -> Result<JobId, FileError> {
    let from = [FileStatus::Failure, FileStatus::Failure];
    if !files::set_status(tx, id, from, FileStatus::Pending, None).await? {
        return Err(FileError::OnItsWay);
    }
    let job = jobs::requeue(tx, assemble_file::NAME, id.0, trace_id).await?;
    job.ok_or(FileError::OnItsWay)
}
