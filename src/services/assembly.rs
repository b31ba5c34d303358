//! What the jobs do with an upload's bytes: make one object of them, and remove what is left over.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt;
use tokio::time::sleep;

use super::Ports;
use super::cause::Cause;
use super::ledger::JobOutcome;
use super::proof::{self, DAMAGED, Unproven};
use super::uploads::direct::gathering;
use crate::config::ContentCheck;
use crate::domain::chunk::StoredChunk;
use crate::domain::file::File;
use crate::domain::found_type::{FoundType, HEAD};
use crate::domain::job::ClaimedJob;
use crate::domain::upload::{Upload, UploadState};
use crate::domain::{FileExtension, FileId, ObjectLocation, UploadId};
use crate::failpoint;
use crate::jobs::assemble_file;
use crate::repositories::{Durability, RepositoryError, chunks, files, jobs, uploads};
use crate::storage::{Assembly, Gathering, StorageError};

/// Up to this attempt what looks like damage may be the work of the worker that had the job before: one that has lost its
/// lease needs a moment to notice.
const DOUBTFUL_ATTEMPTS: i64 = 3;
/// The pause before a store is asked again that told of another object than was made.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// What an upload that is over has in the store.
#[derive(Debug)]
pub struct Leftovers {
    gathering: Gathering,
    chunks: Vec<StoredChunk>,
    /// The finished object, which stays.
    kept: Option<ObjectLocation>,
}

/// What the jobs do with an upload's bytes.
#[derive(Clone)]
pub struct AssemblyService {
    ports: Ports,
    check: ContentCheck,
}

impl AssemblyService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports, check: ContentCheck) -> Self {
        Self { ports, check }
    }

    /// Makes the object of a file and checks its size and its checksums.
    pub async fn assemble(&self, job: &ClaimedJob) -> JobOutcome {
        let (file, upload, chunks) = match self.load(FileId(job.subject)).await {
            Ok(Some(loaded)) => loaded,
            // It was deleted meanwhile; what there is in the store has a job of its own.
            Ok(None) => return JobOutcome::Done,
            Err(error) => return JobOutcome::Retry(error.into()),
        };
        match self.try_assemble(job, &file, &upload, &chunks).await {
            Ok(crc) => {
                let gathering = gathering(&upload);
                let debris = self.ports.storage.leaves_debris(&gathering, &chunks, &file.location);
                let leftovers = debris.then(|| Arc::new(Leftovers { gathering, chunks, kept: Some(file.location) }));
                JobOutcome::Made { upload: upload.id, leftovers, crc: crc.filter(|_| file.crc.is_none()) }
            }
            Err(Unproven::Storage(error)) if job.was_begun_before() && job.attempts <= DOUBTFUL_ATTEMPTS => {
                JobOutcome::Retry(error.into())
            }
            Err(Unproven::Storage(error)) => outcome_of(&error),
            Err(unproven @ Unproven::Missing) => JobOutcome::Retry(unproven.cause()),
            Err(refuted @ (Unproven::Refuted { .. } | Unproven::OtherType { .. })) => {
                self.refuse(&file, &upload, &chunks, &refuted).await
            }
        }
    }

    /// The CRC of the whole file, if it is known once the object is there.
    async fn try_assemble(
        &self,
        job: &ClaimedJob,
        file: &File,
        upload: &Upload,
        chunks: &[StoredChunk],
    ) -> Result<Option<u64>, Unproven> {
        proof::check_claim(file, file.crc)?;
        let assembly = Assembly {
            target: file.location.clone(),
            size: file.size,
            crc: file.crc,
            content_type: file.content_type.clone(),
            begun_as: upload.hints.content_type.clone(),
            repeated: job.was_begun_before(),
        };
        failpoint::reach("assemble.begun");
        let made = self.ports.storage.assemble(&gathering(upload), chunks, &assembly).await?;
        failpoint::reach("assemble.made");
        let is_by_word_alone = made.is_none();
        let crc = match proof::prove(&self.ports.storage, file, made).await {
            // One wrong answer of a store, or of a cache before it, must not be the end of what was acknowledged.
            Err(Unproven::Refuted { claim: false, .. }) if is_by_word_alone => {
                sleep(SECOND_LOOK).await;
                proof::prove(&self.ports.storage, file, None).await?
            }
            proven => proven?,
        };
        self.look(file).await?;
        Ok(crc)
    }

    /// Looks at the first bytes of a file where nobody did while they came in.
    async fn look(&self, file: &File) -> Result<(), Unproven> {
        if self.check == ContentCheck::Off || file.found_type.is_some() {
            return Ok(());
        }
        let size = usize::try_from(file.size).unwrap_or(usize::MAX).min(HEAD);
        let mut head = Vec::with_capacity(size);
        if size > 0 {
            let mut blocks = self.ports.storage.read(&file.location, Some(0..size as u64)).await?.blocks;
            while let Some(block) = blocks.try_next().await.map_err(StorageError::Body)? {
                head.extend_from_slice(&block);
            }
        }
        let found = FoundType::of(&head);
        let extension = file.location.key.rsplit('.').next().and_then(|text| FileExtension::any(text).ok());
        let fits = extension.is_none_or(|extension| found.fits(extension, &file.content_type));
        if !fits && self.check == ContentCheck::Reject {
            return Err(Unproven::OtherType { found });
        }
        let noted = async {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            files::set_found_type(&mut database, file.id, &found).await
        };
        noted.await.map_err(|error| StorageError::Unavailable(error.to_string()).into())
    }

    /// Ends a file whose bytes are not what they should be. Nothing of them is kept, so that nobody is served any.
    async fn refuse(&self, file: &File, upload: &Upload, chunks: &[StoredChunk], refuted: &Unproven) -> JobOutcome {
        let removed = async {
            self.ports.storage.delete(&file.location).await?;
            self.ports.storage.discard(&gathering(upload), chunks, None).await
        };
        match removed.await {
            Ok(()) => fail(refuted.sentence(), refuted.cause()),
            Err(error) => JobOutcome::Retry(error.into()),
        }
    }

    /// Removes everything of an upload but its finished object. An upload that goes on is left alone. Who has just made the
    /// object knows what there is; else the database tells.
    pub async fn discard(&self, job: &ClaimedJob, known: Option<&Leftovers>) -> JobOutcome {
        match self.try_discard(UploadId(job.subject), known).await {
            Ok(()) => JobOutcome::Done,
            Err(cause) => JobOutcome::Insist(cause),
        }
    }

    /// Removes everything that is in the store of a deleted file.
    pub async fn remove(&self, job: &ClaimedJob) -> JobOutcome {
        match self.try_remove(FileId(job.id.0), UploadId(job.subject)).await {
            Ok(()) => JobOutcome::Done,
            Err(cause) => JobOutcome::Insist(cause),
        }
    }

    async fn try_remove(&self, file: FileId, id: UploadId) -> Result<(), Cause> {
        let (upload, chunks, object) = {
            let mut database = self.ports.database.reader().await?;
            // A worker that makes the object just now would make it again after it was removed.
            if jobs::is_held(&mut database, assemble_file::NAME, file.0).await? {
                return Err(Cause::other("a worker is still making the object"));
            }
            let Some(upload) = uploads::find(&mut database, id).await? else { return Ok(()) };
            let chunks = chunks::stored(&mut database, id).await?;
            (upload, chunks, uploads::deleted_object(&mut database, id).await?)
        };
        if let Some(object) = &object {
            self.ports.storage.delete(object).await?;
            failpoint::reach("remove.object");
        }
        // What nobody has acknowledged would have to be looked for, which some stores do by going through all that they
        // have and had: that is left to the reconciler, which goes through it once for all files.
        self.ports.storage.discard(&gathering(&upload), &chunks, object.as_ref()).await?;
        failpoint::reach("remove.staged");
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        Ok(uploads::delete(&mut database, id).await?)
    }

    async fn try_discard(&self, id: UploadId, known: Option<&Leftovers>) -> Result<(), Cause> {
        let loaded = if known.is_none() { self.load_leftovers(id).await? } else { None };
        let Some(Leftovers { gathering, chunks, kept }) = known.or(loaded.as_ref()) else { return Ok(()) };
        failpoint::reach("discard.begun");
        self.ports.storage.discard(gathering, chunks, kept.as_ref()).await?;
        failpoint::reach("discard.done");
        Ok(())
    }

    async fn load(&self, id: FileId) -> Result<Option<(File, Upload, Vec<StoredChunk>)>, RepositoryError> {
        let mut database = self.ports.database.reader().await?;
        let Some((file, upload)) = files::find_with_upload(&mut database, id).await? else { return Ok(None) };
        let chunks = chunks::stored(&mut database, upload.id).await?;
        Ok(Some((file, upload, chunks)))
    }

    /// What there is of an upload; `None` while it goes on.
    async fn load_leftovers(&self, id: UploadId) -> Result<Option<Leftovers>, RepositoryError> {
        let mut database = self.ports.database.reader().await?;
        let Some(upload) = uploads::find(&mut database, id).await? else { return Ok(None) };
        if !matches!(upload.state, UploadState::Completed | UploadState::Aborted) {
            return Ok(None);
        }
        let chunks = chunks::stored(&mut database, id).await?;
        let kept = files::find_by_upload(&mut database, id).await?.map(|file| file.location);
        Ok(Some(Leftovers { gathering: gathering(&upload), chunks, kept }))
    }
}

fn fail(sentence: &str, cause: Cause) -> JobOutcome {
    JobOutcome::Fail { sentence: sentence.to_owned(), cause }
}

/// Whether another attempt can help.
fn outcome_of(error: &StorageError) -> JobOutcome {
    match error {
        StorageError::NotFound(_) | StorageError::Lost(_) | StorageError::Damaged(_) => fail(DAMAGED, error.into()),
        // A refusal too: keys are changed, rights are mended.
        StorageError::Refused(_) | StorageError::Full(_) | StorageError::Unavailable(_) | StorageError::Body(_) => {
            JobOutcome::Retry(error.into())
        }
    }
}
