//! Complete: the one transaction that turns an upload into a file and its job.

use crc_fast::{CrcAlgorithm, checksum_combine};

use super::ledger::Announcer;
use super::{Failure, FieldError, Ports, invalid_field};
use crate::domain::chunk::{StoredChunk, in_ranges};
use crate::domain::file::{File, FileStatus};
use crate::domain::job::NewJob;
use crate::domain::upload::{Upload, UploadState};
use crate::domain::{
    AppointmentId, ContentType, Credential, Detail, FileExtension, FileId, FileName, JobId, ObjectLocation, UploadId,
    UserId, Visibility,
};
use crate::jobs::assemble_file;
use crate::repositories::{
    Constraint, Deadlocked, Durability, RepositoryError, Transaction, chunks, files, in_transaction, jobs, now, owners,
    uploads,
};

/// What a caller says of the finished file.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Which upload.
    pub upload_id: UploadId,
    /// How many chunks there are.
    pub total_chunks: i64,
    /// The size of the whole file in bytes.
    pub total_size: i64,
    /// Its extension.
    pub file_extension: FileExtension,
    /// Its media type.
    pub content_type: ContentType,
    /// Its name; else the one that init was told.
    pub filename: Option<FileName>,
    /// Its credential; else the one that init was told.
    pub credential: Option<Credential>,
    /// The caller's notes; else those that init was told.
    pub detail: Option<Detail>,
    /// Its user; else the one that init was told.
    pub user_id: Option<UserId>,
    /// Its appointment; else the one that init was told.
    pub appointment_id: Option<AppointmentId>,
}

/// Why an upload could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum CompletionError {
    /// There is no such upload, or its time is over.
    #[error("there is no such upload")]
    NotFound,
    /// What the caller says does not fit what has arrived.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// A dependency failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<RepositoryError> for CompletionError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

impl Deadlocked for CompletionError {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.is_deadlock())
    }
}

enum Outcome {
    New(File, JobId),
    Known(File),
}

/// Complete.
#[derive(Clone)]
pub struct CompletionService {
    ports: Ports,
    announcer: Announcer,
}

impl CompletionService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports, announcer: Announcer) -> Self {
        Self { ports, announcer }
    }

    /// Records the file and its job and announces the job. The same upload gives the same file, however often
    /// and by however many callers at once.
    ///
    /// # Errors
    /// See [`CompletionError`]; nothing has changed then.
    pub async fn complete(&self, completion: Completion, trace_id: &str) -> Result<File, CompletionError> {
        let open = self.ports.storage.public_objects_are_open().await;
        let recorded: Result<Outcome, CompletionError> =
            in_transaction!(self.ports.database, Durability::Full, tx => record(tx, &completion, trace_id, open));
        let outcome = match recorded {
            Err(CompletionError::Failed(Failure::Database(RepositoryError::Violation(Constraint::FileOfUpload)))) => {
                Outcome::Known(self.known(completion.upload_id).await?)
            }
            Err(CompletionError::Failed(Failure::Database(RepositoryError::Violation(Constraint::ForeignKey)))) => {
                return Err(CompletionError::Invalid(self.unknown_owners(&completion).await?));
            }
            outcome => outcome?,
        };
        match outcome {
            Outcome::New(file, job_id) => {
                self.announcer.announce(job_id, trace_id);
                Ok(file)
            }
            Outcome::Known(file) => Ok(file),
        }
    }

    async fn known(&self, id: UploadId) -> Result<File, CompletionError> {
        let mut database = self.ports.database.reader().await?;
        files::find_by_upload(&mut database, id).await?.ok_or(CompletionError::NotFound)
    }

    /// Which of the rows that the file refers to is missing: the databases do not all say.
    async fn unknown_owners(&self, completion: &Completion) -> Result<Vec<FieldError>, CompletionError> {
        let mut database = self.ports.database.reader().await?;
        let upload = uploads::find(&mut database, completion.upload_id).await?.ok_or(CompletionError::NotFound)?;
        let mut errors = Vec::new();
        if let Some(id) = completion.user_id.or(upload.hints.user_id)
            && !owners::user_exists(&mut database, id).await?
        {
            errors.extend(invalid_field("user_id", "there is no such user"));
        }
        if let Some(id) = completion.appointment_id.or(upload.hints.appointment_id)
            && !owners::appointment_exists(&mut database, id).await?
        {
            errors.extend(invalid_field("appointment_id", "there is no such appointment"));
        }
        Ok(errors)
    }
}

async fn record(
    tx: &mut Transaction,
    completion: &Completion,
    trace_id: &str,
    public_objects_are_open: bool,
) -> Result<Outcome, CompletionError> {
    let id = completion.upload_id;
    // First the write, which takes the row's lock: whoever comes second waits here and finds the file.
    let begun = uploads::set_state(tx, id, UploadState::Open, UploadState::Completing).await?;
    let upload = uploads::find(tx, id).await?.ok_or(CompletionError::NotFound)?;
    if !begun {
        let file = files::find_by_upload(tx, id).await?;
        return file.map(Outcome::Known).ok_or(CompletionError::NotFound);
    }
    if upload.expires_at <= now() {
        return Err(CompletionError::NotFound);
    }
    let chunks = chunks::stored(tx, id).await?;
    let file = file_of(completion, &upload, &chunks, public_objects_are_open).map_err(CompletionError::Invalid)?;
    files::insert(tx, &file).await?;
    let job =
        NewJob { id: JobId::random(), kind: assemble_file::NAME, subject: file.id.0, trace_id: trace_id.to_owned() };
    jobs::insert(tx, &job).await?;
    Ok(Outcome::New(file, job.id))
}

/// The file that these chunks make, or what does not fit.
fn file_of(
    completion: &Completion,
    upload: &Upload,
    chunks: &[StoredChunk],
    public_objects_are_open: bool,
) -> Result<File, Vec<FieldError>> {
    check_chunks(completion, chunks)?;
    let hints = &upload.hints;
    let credential = completion.credential.clone().or_else(|| hints.credential.clone());
    let visibility = Visibility::of_credential(credential.is_some());
    if visibility == Visibility::Public && hints.visibility == Some(Visibility::Private) {
        return Err(invalid_field("credential", "field required, because the upload was initialized as private"));
    }
    let location = ObjectLocation::of_file(upload.id, completion.file_extension, visibility);
    // Parts that lie in a bucket that strangers read can only be completed there: refused while nothing is lost.
    let gathered_in_public = upload.target.bucket == Visibility::Public && upload.storage_upload_id.is_some();
    if visibility == Visibility::Private && gathered_in_public && public_objects_are_open {
        let message = "the upload was initialized as public and cannot become private: initialize another one";
        return Err(invalid_field("credential", message));
    }
    Ok(File {
        id: FileId::random(),
        upload_id: upload.id,
        filename: completion.filename.clone().or_else(|| hints.filename.clone()),
        location,
        content_type: completion.content_type.clone(),
        size: completion.total_size,
        crc: combined_crc(chunks),
        detail: completion.detail.clone().or_else(|| hints.detail.clone()),
        credential,
        status: FileStatus::Pending,
        error: None,
        user_id: completion.user_id.or(hints.user_id),
        appointment_id: completion.appointment_id.or(hints.appointment_id),
        created_at: now(),
    })
}

fn check_chunks(completion: &Completion, chunks: &[StoredChunk]) -> Result<(), Vec<FieldError>> {
    let stored: Vec<i64> = chunks.iter().map(|chunk| chunk.index.get()).collect();
    let missing: Vec<i64> = (0..completion.total_chunks).filter(|index| stored.binary_search(index).is_err()).collect();
    if !missing.is_empty() {
        return Err(invalid_field("total_chunks", format!("missing chunks: {}", in_ranges(&missing))));
    }
    let surplus: Vec<i64> = stored.into_iter().filter(|index| *index >= completion.total_chunks).collect();
    if !surplus.is_empty() {
        let message =
            format!("{} chunks expected, but also received: {}", completion.total_chunks, in_ranges(&surplus));
        return Err(invalid_field("total_chunks", message));
    }
    let received: i64 = chunks.iter().map(|chunk| chunk.fingerprint.size).sum();
    if received != completion.total_size {
        let message = format!("the chunks have {received} bytes, but total_size says {}", completion.total_size);
        return Err(invalid_field("total_size", message));
    }
    Ok(())
}

/// The CRC of the whole file, from those of its chunks.
fn combined_crc(chunks: &[StoredChunk]) -> u64 {
    let parts = chunks.iter().map(|chunk| (chunk.fingerprint.crc, chunk.fingerprint.size.cast_unsigned()));
    parts
        .reduce(|(crc, size), (next, next_size)| {
            (checksum_combine(CrcAlgorithm::Crc64Nvme, crc, next, next_size), size + next_size)
        })
        .map_or(0, |(crc, _)| crc)
}

#[cfg(test)]
mod tests {
    use crc_fast::checksum;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::ChunkIndex;
    use crate::domain::chunk::Fingerprint;

    fn chunk(index: i64, bytes: &[u8]) -> StoredChunk {
        StoredChunk {
            index: ChunkIndex::try_from(index).unwrap(),
            fingerprint: Fingerprint {
                size: i64::try_from(bytes.len()).unwrap(),
                crc: checksum(CrcAlgorithm::Crc64Nvme, bytes),
            },
            receipt: String::new(),
        }
    }

    fn completion(total_chunks: i64, total_size: i64) -> Completion {
        Completion {
            upload_id: UploadId::random(),
            total_chunks,
            total_size,
            file_extension: "txt".parse().unwrap(),
            content_type: ContentType::parse("text/plain").unwrap(),
            filename: None,
            credential: None,
            detail: None,
            user_id: None,
            appointment_id: None,
        }
    }

    fn complaint(total_chunks: i64, total_size: i64, chunks: &[StoredChunk]) -> String {
        check_chunks(&completion(total_chunks, total_size), chunks).unwrap_err().remove(0).message
    }

    #[test]
    fn missing_surplus_and_wrong_sizes_are_named() {
        let chunks = [chunk(0, b"ab"), chunk(2, b"c")];
        assert_eq!(complaint(6, 3, &chunks), "missing chunks: 1, 3-5");
        assert_eq!(complaint(1, 2, &chunks), "1 chunks expected, but also received: 2");
        assert_eq!(
            complaint(2, 9, &[chunk(0, b"ab"), chunk(1, b"c")]),
            "the chunks have 3 bytes, but total_size says 9"
        );
        assert!(check_chunks(&completion(0, 0), &[]).is_ok());
    }

    proptest! {
        #[test]
        fn the_combined_crc_is_that_of_the_whole(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..200), 0..10)) {
            let chunks: Vec<_> = pieces.iter().zip(0..).map(|(bytes, index)| chunk(index, bytes)).collect();
            prop_assert_eq!(combined_crc(&chunks), checksum(CrcAlgorithm::Crc64Nvme, &pieces.concat()));
        }
    }
}
