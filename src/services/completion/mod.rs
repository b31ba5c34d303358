//! Complete: the one transaction that turns an upload into a file and its job.

mod checks;

use tokio_util::task::TaskTracker;
use tracing::Instrument;

use self::checks::{file_of, leaves_the_public, misfits, with_sent};
use super::ledger::Announcer;
use super::uploads::direct;
use super::{Failure, FieldError, Ports, invalid_field};
use crate::config::ContentCheck;
use crate::domain::audit::{Action, Entry};
use crate::domain::chunk::StoredChunk;
use crate::domain::file::File;
use crate::domain::job::NewJob;
use crate::domain::limits::{Exceeded, Usage};
use crate::domain::upload::{Upload, UploadState};
use crate::domain::upload_grant::Beyond;
use crate::domain::{
    AppointmentId, Caller, Checksum, ContentType, Credential, Detail, FileExtension, FileName, JobId, TenantId,
    UploadId, UserId,
};
use crate::failpoint;
use crate::jobs::assemble_file;
use crate::repositories::chunks::Chunks;
use crate::repositories::{
    Constraint, Deadlocked, Durability, RepositoryError, Session, Transaction, audit, chunks, files, in_transaction,
    jobs, now, owners, tenants, uploads,
};
use crate::storage::{Openness, StorageError};

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
    /// The caller's upload token does not allow this.
    #[error("{0}")]
    NotAllowed(Beyond),
    /// The caller's tenant may not have so much.
    #[error("{0}")]
    Exceeded(Exceeded),
    /// What the caller says does not fit what has arrived.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// A dependency failed.
    #[error(transparent)]
    Failed(Failure),
}

impl From<Failure> for CompletionError {
    fn from(failure: Failure) -> Self {
        match failure {
            // Its client can only begin another one.
            Failure::Storage(StorageError::Lost(_)) => Self::NotFound,
            failure => Self::Failed(failure),
        }
    }
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

/// What became of an upload.
pub struct Completed {
    /// The file.
    pub file: File,
    /// Whether the caller has shown what a private file needs: by making it, or by telling its credential again.
    pub is_proven: bool,
}

enum Outcome {
    New(File, JobId),
    Known(File),
    /// Nothing is recorded: the store has to be asked first what the client of this upload sent straight to it.
    Direct(Upload),
}

/// Complete.
#[derive(Clone)]
pub struct CompletionService {
    ports: Ports,
    announcer: Announcer,
    check: ContentCheck,
    tasks: TaskTracker,
}

impl CompletionService {
    /// A service on these ports. What is being recorded is tracked by `tasks`, so that a stop waits for it.
    #[must_use]
    pub fn new(ports: Ports, announcer: Announcer, check: ContentCheck, tasks: TaskTracker) -> Self {
        Self { ports, announcer, check, tasks }
    }

    /// Records the file and its job and announces the job. The same upload gives the same file, however often
    /// and by however many callers at once.
    ///
    /// # Errors
    /// See [`CompletionError`]; nothing has changed then.
    pub async fn complete(
        &self,
        caller: &Caller,
        completion: Completion,
        trace_id: &str,
    ) -> Result<Completed, CompletionError> {
        // A task of its own, because a request that is cut off is dropped at any point, and a file that is recorded must
        // be announced.
        let (service, caller, trace_id) = (self.clone(), caller.clone(), trace_id.to_owned());
        let completing = async move { service.complete_to_the_end(&caller, completion, &trace_id).await };
        let completing = self.tasks.spawn(completing.in_current_span());
        completing.await.map_err(|error| CompletionError::Failed(Failure::Broken(error.to_string())))?
    }

    async fn complete_to_the_end(
        &self,
        caller: &Caller,
        completion: Completion,
        trace_id: &str,
    ) -> Result<Completed, CompletionError> {
        let outcome = match self.record(caller, &completion, trace_id, None).await? {
            // Asked outside of a transaction, which must not wait for a store.
            Outcome::Direct(upload) => match direct::sent(&self.ports, &upload).await {
                Ok(sent) => self.record(caller, &completion, trace_id, Some(&sent)).await?,
                // Another complete may have been quicker, and its job has ended what was asked about.
                Err(error) => match self.record(caller, &completion, trace_id, None).await? {
                    Outcome::Direct(_) => return Err(error.into()),
                    outcome => outcome,
                },
            },
            outcome => outcome,
        };
        match outcome {
            Outcome::New(file, job_id) => {
                failpoint::reach("complete.committed");
                self.announcer.announce(job_id, trace_id);
                failpoint::reach("complete.announced");
                Ok(Completed { file, is_proven: true })
            }
            Outcome::Known(file) => {
                let told = completion.credential.as_ref();
                let is_proven = file.credential.as_ref().is_none_or(|kept| told.is_some_and(|told| kept.admits(told)));
                Ok(Completed { file, is_proven })
            }
            Outcome::Direct(_) => Err(CompletionError::Failed(Failure::Busy)),
        }
    }

    /// Records the file and its job, unless that was done.
    async fn record(
        &self,
        caller: &Caller,
        completion: &Completion,
        trace_id: &str,
        sent: Option<&[StoredChunk]>,
    ) -> Result<Outcome, CompletionError> {
        let openness = self.ports.storage.openness();
        let recorded: Result<Outcome, CompletionError> = in_transaction!(self.ports.database, Durability::Full, tx => record(tx, caller, completion, trace_id, openness, sent, self.check));
        match recorded {
            Err(CompletionError::Failed(Failure::Database(RepositoryError::Violation(Constraint::FileOfUpload)))) => {
                Ok(Outcome::Known(self.known(completion.upload_id).await?))
            }
            Err(CompletionError::Failed(Failure::Database(RepositoryError::Violation(Constraint::ForeignKey)))) => {
                Err(self.owners_gone(caller, completion).await?)
            }
            outcome => outcome,
        }
    }

    async fn known(&self, id: UploadId) -> Result<File, CompletionError> {
        let mut database = self.ports.database.reader().await?;
        files::find_by_upload(&mut database, id).await?.ok_or(CompletionError::NotFound)
    }

    /// Which of the rows that the file refers to has gone since it was looked for.
    async fn owners_gone(&self, caller: &Caller, completion: &Completion) -> Result<CompletionError, CompletionError> {
        let mut database = self.ports.database.reader().await?;
        let upload = uploads::find(&mut database, completion.upload_id).await?.ok_or(CompletionError::NotFound)?;
        let (user, appointment) = (completion.user_id, completion.appointment_id);
        let (user, appointment) = (user.or(upload.hints.user_id), appointment.or(upload.hints.appointment_id));
        Ok(CompletionError::Invalid(unknown_owners(&mut database, caller, &upload.tenant, user, appointment).await?))
    }
}

/// Which of the rows that a file refers to its tenant does not have, or the user that the caller is.
async fn unknown_owners(
    session: &mut impl Session,
    caller: &Caller,
    tenant: &TenantId,
    user: Option<UserId>,
    appointment: Option<AppointmentId>,
) -> Result<Vec<FieldError>, RepositoryError> {
    let mut errors = Vec::new();
    if let Some(id) = user
        && !owners::user_exists(session, tenant, id).await?
    {
        errors.extend(invalid_field("user_id", "there is no such user"));
    }
    if let Some(id) = appointment
        && !owners::appointment_exists(session, tenant, id, caller.user).await?
    {
        errors.extend(invalid_field("appointment_id", "there is no such appointment"));
    }
    Ok(errors)
}

/// Counts a file for its tenant, last of all, because others of a tenant with limits wait from here on.
async fn count(tx: &mut Transaction, file: &File) -> Result<(), CompletionError> {
    let Some(tenant) = tenants::count(tx, &file.tenant, file.size, 1).await? else { return Ok(()) };
    tenant.limits.check_size(file.size).map_err(CompletionError::Exceeded)?;
    let usage = Usage { bytes: tenant.bytes, files: tenant.files, uploads: 0 };
    tenant.limits.check(&usage).map_err(CompletionError::Exceeded)
}

async fn record(
    tx: &mut Transaction,
    caller: &Caller,
    completion: &Completion,
    trace_id: &str,
    openness: Openness,
    sent: Option<&[StoredChunk]>,
    check: ContentCheck,
) -> Result<Outcome, CompletionError> {
    let id = completion.upload_id;
    // First the write, which takes the row's lock: whoever comes second waits here and finds the file.
    let begun = uploads::begin_completing(tx, id, sent.is_some()).await?;
    let upload = uploads::find(tx, id).await?;
    let upload = upload.filter(|upload| caller.sees_upload(upload)).ok_or(CompletionError::NotFound)?;
    if !begun && upload.state == UploadState::Open {
        return Ok(Outcome::Direct(upload));
    }
    if !begun {
        let file = files::find_by_upload(tx, id).await?;
        return file.map(Outcome::Known).ok_or(CompletionError::NotFound);
    }
    if upload.expires_at <= now() {
        return Err(CompletionError::NotFound);
    }
    let Chunks { stored, reserved } = chunks::all(tx, id, now()).await?;
    let (chunks, adopted) = with_sent(&upload, stored, sent.unwrap_or_default()).map_err(CompletionError::Invalid)?;
    if !adopted.is_empty() {
        chunks::adopt(tx, id, &adopted).await?;
    }
    let file = file_of(caller, completion, &upload, &chunks)?;
    if openness == Openness::Unasked && leaves_the_public(&upload, &file) {
        let cause = "the store was not asked yet whether strangers read the public bucket".to_owned();
        return Err(CompletionError::Failed(StorageError::Unavailable(cause).into()));
    }
    let mut wrong = misfits(completion, &upload, &file, &chunks, check, openness);
    wrong.extend(unknown_owners(tx, caller, &file.tenant, file.user_id, file.appointment_id).await?);
    if !wrong.is_empty() {
        return Err(CompletionError::Invalid(wrong));
    }
    // A store may lay the bytes of one that is too many into the object that is about to be made.
    if reserved.iter().any(|index| index.get() >= completion.total_chunks) {
        return Err(CompletionError::Failed(Failure::Busy));
    }
    failpoint::reach("complete.checked");
    files::insert(tx, &file).await?;
    audit::insert(tx, &Entry::of(caller, Action::CreateFile, file.id, file.created_at)).await?;
    let job =
        NewJob { id: JobId::random(), kind: assemble_file::NAME, subject: file.id.0, trace_id: trace_id.to_owned() };
    jobs::insert(tx, &job).await?;
    count(tx, &file).await?;
    failpoint::reach("complete.recorded");
    Ok(Outcome::New(file, job.id))
}
