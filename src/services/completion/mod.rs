//! Complete: the one transaction that turns an upload into a file and its job.

mod checks;

use self::checks::{file_of, with_sent};
use super::ledger::Announcer;
use super::uploads::direct;
use super::{Failure, FieldError, Ports, invalid_field};
use crate::domain::file::File;
use crate::domain::job::NewJob;
use crate::domain::upload::UploadState;
use crate::domain::{
    AppointmentId, Checksum, ContentType, Credential, Detail, FileExtension, FileName, JobId, UploadId, UserId,
};
use crate::failpoint;
use crate::jobs::assemble_file;
use crate::repositories::{
    Constraint, Deadlocked, Durability, RepositoryError, Transaction, chunks, files, in_transaction, jobs, now, owners,
    uploads,
};
use crate::storage::Sent;

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
    /// The checksum that it must have.
    pub checksum: Option<Checksum>,
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
        let sent = self.sent_past_us(completion.upload_id).await?;
        let recorded: Result<Outcome, CompletionError> = in_transaction!(self.ports.database, Durability::Full, tx => record(tx, &completion, trace_id, open, &sent));
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
                failpoint::reach("complete.committed");
                self.announcer.announce(job_id, trace_id);
                failpoint::reach("complete.announced");
                Ok(file)
            }
            Outcome::Known(file) => Ok(file),
        }
    }

    /// What the client sent straight to the store; asked before the transaction, which must not wait for a store.
    async fn sent_past_us(&self, id: UploadId) -> Result<Sent, CompletionError> {
        let (upload, chunks) = {
            let mut database = self.ports.database.reader().await?;
            let upload = uploads::find(&mut database, id).await?;
            match upload.filter(|upload| upload.direct && upload.state == UploadState::Open) {
                Some(upload) => (upload, chunks::stored(&mut database, id).await?),
                None => return Ok(Sent::default()),
            }
        };
        Ok(direct::sent(&self.ports, &upload, &chunks).await?)
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
    sent: &Sent,
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
    let (chunks, adopted) =
        with_sent(&upload, chunks::stored(tx, id).await?, sent).map_err(CompletionError::Invalid)?;
    if !adopted.is_empty() {
        chunks::adopt(tx, id, &adopted).await?;
    }
    let file = file_of(completion, &upload, &chunks, public_objects_are_open).map_err(CompletionError::Invalid)?;
    failpoint::reach("complete.checked");
    files::insert(tx, &file).await?;
    let job =
        NewJob { id: JobId::random(), kind: assemble_file::NAME, subject: file.id.0, trace_id: trace_id.to_owned() };
    jobs::insert(tx, &job).await?;
    failpoint::reach("complete.recorded");
    Ok(Outcome::New(file, job.id))
}
