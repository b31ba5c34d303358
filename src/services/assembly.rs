//! What the jobs do with an upload's bytes: make one object of them, and remove what is left over.

use super::Ports;
use super::ledger::JobOutcome;
use crate::domain::chunk::StoredChunk;
use crate::domain::file::File;
use crate::domain::job::ClaimedJob;
use crate::domain::upload::{Upload, UploadState};
use crate::domain::{FileId, UploadId};
use crate::repositories::{RepositoryError, chunks, files, uploads};
use crate::storage::{Assembly, Gathering, StorageError};

const DAMAGED: &str = "The stored bytes are not the ones that were sent. Please upload the file again.";

/// What the jobs do with an upload's bytes.
#[derive(Clone)]
pub struct AssemblyService {
    ports: Ports,
}

impl AssemblyService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Makes the object of a file and checks its size.
    pub async fn assemble(&self, job: &ClaimedJob) -> JobOutcome {
        let (file, upload, chunks) = match self.load(FileId(job.subject)).await {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return fail(DAMAGED, "the file's rows are gone"),
            Err(error) => return JobOutcome::Retry(error.to_string()),
        };
        let gathering = gathering(&upload);
        let assembly = Assembly {
            target: file.location.clone(),
            size: file.size,
            content_type: file.content_type.clone(),
            begun_as: upload.hints.content_type.clone(),
            repeated: job.attempts > 1,
        };
        if let Err(error) = self.ports.storage.assemble(&gathering, &chunks, &assembly).await {
            return outcome_of(&error);
        }
        match self.ports.storage.stat(&file.location).await {
            Ok(Some(object)) if object.size == file.size => {
                JobOutcome::Done { debris: self.ports.storage.leaves_debris(&gathering, &chunks, &file.location) }
            }
            Ok(Some(object)) => {
                fail(DAMAGED, &format!("the object has {} bytes instead of {}", object.size, file.size))
            }
            Ok(None) => JobOutcome::Retry("the object is not there after it was made".into()),
            Err(error) => outcome_of(&error),
        }
    }

    /// Removes everything of an upload but its finished object. An upload that goes on is left alone.
    pub async fn discard(&self, job: &ClaimedJob) -> JobOutcome {
        match self.try_discard(UploadId(job.subject)).await {
            Ok(()) => JobOutcome::Done { debris: false },
            // Whatever the cause, the bytes must go sooner or later.
            Err(cause) => JobOutcome::Retry(cause),
        }
    }

    async fn try_discard(&self, id: UploadId) -> Result<(), String> {
        let (upload, chunks, file) = self.load_upload(id).await.map_err(|error| error.to_string())?;
        let Some(upload) =
            upload.filter(|upload| matches!(upload.state, UploadState::Completed | UploadState::Aborted))
        else {
            return Ok(());
        };
        let keep = file.as_ref().map(|file| &file.location);
        self.ports.storage.discard(&gathering(&upload), &chunks, keep).await.map_err(|error| error.to_string())
    }

    async fn load(&self, id: FileId) -> Result<Option<(File, Upload, Vec<StoredChunk>)>, RepositoryError> {
        let mut database = self.ports.database.reader().await?;
        let Some(file) = files::find(&mut database, id).await? else { return Ok(None) };
        let Some(upload) = uploads::find(&mut database, file.upload_id).await? else { return Ok(None) };
        let chunks = chunks::stored(&mut database, upload.id).await?;
        Ok(Some((file, upload, chunks)))
    }

    async fn load_upload(
        &self,
        id: UploadId,
    ) -> Result<(Option<Upload>, Vec<StoredChunk>, Option<File>), RepositoryError> {
        let mut database = self.ports.database.reader().await?;
        let upload = uploads::find(&mut database, id).await?;
        let chunks = chunks::stored(&mut database, id).await?;
        let file = files::find_by_upload(&mut database, id).await?;
        Ok((upload, chunks, file))
    }
}

fn gathering(upload: &Upload) -> Gathering {
    Gathering {
        upload: upload.id,
        target: upload.target.clone(),
        chunk_size: upload.chunk_size,
        storage_upload_id: upload.storage_upload_id.clone(),
    }
}

fn fail(sentence: &str, cause: &str) -> JobOutcome {
    JobOutcome::Fail { sentence: sentence.to_owned(), cause: cause.to_owned() }
}

/// Whether another attempt can help.
fn outcome_of(error: &StorageError) -> JobOutcome {
    match error {
        StorageError::NotFound(_) | StorageError::Damaged(_) => fail(DAMAGED, &error.to_string()),
        // A refusal too: keys are changed, rights are mended.
        StorageError::Refused(_) | StorageError::Full(_) | StorageError::Unavailable(_) | StorageError::Body(_) => {
            JobOutcome::Retry(error.to_string())
        }
    }
}
