//! The life of a job in the database: announced, claimed, prolonged, ended. What a job does is in `jobs`.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::Instrument;
use uuid::Uuid;

use super::assembly::Leftovers;
use super::cause::Cause;
use super::uploads::lasting;
use super::{Failure, Ports};
use crate::domain::file::FileStatus;
use crate::domain::job::{ClaimedJob, NewJob, backoff};
use crate::domain::upload::UploadState;
use crate::domain::{FileId, JobId, UploadId};
use crate::jobs::{assemble_file, discard_upload};
use crate::queue::Notice;
use crate::repositories::jobs::Ending;
use crate::repositories::{Durability, RepositoryError, Transaction, files, in_transaction, jobs, now, uploads};

/// What is told to a person when a job was tried as often as it may be.
pub(super) const GIVEN_UP: &str = "The file could not be stored, because the object store did not take it. Please try again, and \
                        tell the operator of this service if it stays.";

/// Announces jobs in the background, because no caller should wait for the broker.
#[derive(Clone)]
pub struct Announcer {
    ports: Ports,
    tasks: TaskTracker,
}

impl Announcer {
    /// An announcer whose work in flight is tracked by `tasks`.
    #[must_use]
    pub fn new(ports: Ports, tasks: TaskTracker) -> Self {
        Self { ports, tasks }
    }

    /// Announces a job that counts as announced already. Where that fails, the sweeper does it later.
    pub fn announce(&self, job_id: JobId, trace_id: &str) {
        let notice = Notice { job_id, trace_id: trace_id.to_owned() };
        let ports = self.ports.clone();
        self.tasks.spawn(async move { deliver(&ports, &notice).await }.in_current_span());
    }

    /// Announces jobs, one after the other, that count as announced already. Once the queue does not take one, the sweeper
    /// announces the others.
    pub fn announce_all(&self, jobs: Vec<JobId>, trace_id: &str) {
        let (ports, trace_id) = (self.ports.clone(), trace_id.to_owned());
        let announced = async move {
            for job_id in jobs {
                if !deliver(&ports, &Notice { job_id, trace_id: trace_id.clone() }).await {
                    return;
                }
            }
        };
        self.tasks.spawn(announced.in_current_span());
    }

    /// Announces a job after a pause.
    pub fn announce_after(&self, pause: Duration, job_id: JobId, trace_id: &str) {
        let notice = Notice { job_id, trace_id: trace_id.to_owned() };
        let ports = self.ports.clone();
        // Not tracked: a stop need not wait for it, the sweeper of the next start finds the job.
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            deliver(&ports, &notice).await;
        });
    }
}

/// Hands a notice to the queue; whether it took it. When it did not, the job no longer counts as announced.
pub(super) async fn deliver(ports: &Ports, notice: &Notice) -> bool {
    let Err(error) = ports.queue.announce(notice).await else { return true };
    tracing::warn!(job_id = %notice.job_id, %error, "the job was not announced; it waits in the database");
    let unmarked = async {
        let mut database = ports.database.writer(Durability::Relaxed).await?;
        jobs::unmark_published(&mut database, notice.job_id).await
    };
    if let Err(error) = unmarked.await {
        tracing::debug!(job_id = %notice.job_id, %error, "the job counts as announced until the sweeper looks again");
    }
    false
}

/// How a job that ran has ended, in the job's own words.
#[derive(Debug)]
pub enum JobOutcome {
    /// It did what it was for.
    Done,
    /// It made the object of a file.
    Made {
        /// Of which upload.
        upload: UploadId,
        /// What the upload left behind in the store, if anything.
        leftovers: Option<Arc<Leftovers>>,
        /// The CRC of the whole file, if it has come to be known.
        crc: Option<u64>,
    },
    /// It may work later.
    Retry(Cause),
    /// It must be done, however often it is tried.
    Insist(Cause),
    /// It cannot be done.
    Fail {
        /// For a person.
        sentence: String,
        /// For the log and metrics.
        cause: Cause,
    },
}

/// A job that follows from another one, and that the same worker holds already.
#[derive(Debug)]
pub struct FollowUp {
    /// The job, which removes what an upload left behind.
    pub job: ClaimedJob,
    /// What that is.
    pub leftovers: Arc<Leftovers>,
}

/// What was written down of an ending.
#[derive(Debug)]
pub enum Written {
    /// The job is done, and another one may follow from it.
    Done(Option<FollowUp>),
    /// The job has failed for good.
    Failed,
    /// The job will run again after this pause.
    Again(Duration),
    /// The job waits for another worker, as if this one had never had it.
    HandedBack,
    /// Somebody else has the job by now: nothing was written.
    Lost,
}

/// The book of jobs.
#[derive(Clone)]
pub struct Ledger {
    ports: Ports,
    lease: Duration,
    max_attempts: i64,
}

impl Ledger {
    /// A book on these ports.
    #[must_use]
    pub fn new(ports: Ports, lease: Duration, max_attempts: i64) -> Self {
        Self { ports, lease, max_attempts }
    }

    /// Takes a job that is due; `None` when somebody else has it or it is done.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn claim(&self, id: JobId) -> Result<Option<ClaimedJob>, Failure> {
        in_transaction!(self.ports.database, Durability::Relaxed, tx => self.try_claim(tx, id))
    }

    async fn try_claim(&self, tx: &mut Transaction, id: JobId) -> Result<Option<ClaimedJob>, Failure> {
        let now = now();
        let claimed = jobs::claim(tx, id, Uuid::new_v4(), now, now + lasting(self.lease)).await?;
        if let Some(job) = claimed.as_ref().filter(|job| job.kind == assemble_file::NAME) {
            set_status(tx, job, FileStatus::Started, None).await?;
        }
        Ok(claimed)
    }

    /// Whether a job that makes a file was begun as often as it may be, and its workers ended each time without a word: it
    /// may be the job that ends them.
    #[must_use]
    pub fn is_worn_out(&self, job: &ClaimedJob) -> bool {
        job.kind == assemble_file::NAME && job.attempts > self.max_attempts
    }

    /// Prolongs a lease; whether the worker still had it.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn prolong(&self, job: &ClaimedJob) -> Result<bool, Failure> {
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        Ok(jobs::prolong(&mut database, job, now() + lasting(self.lease)).await?)
    }

    /// Gives a job back undone, and not counted as an attempt; whether the worker still had it.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn hand_back(&self, job: &ClaimedJob) -> Result<bool, Failure> {
        in_transaction!(self.ports.database, Durability::Relaxed, tx => self.try_hand_back(tx, job))
    }

    async fn try_hand_back(&self, tx: &mut Transaction, job: &ClaimedJob) -> Result<bool, Failure> {
        let had = jobs::hand_back(tx, job).await?;
        if had && job.kind == assemble_file::NAME {
            set_status(tx, job, FileStatus::Pending, None).await?;
        }
        Ok(had)
    }

    /// Writes down how a job ended, and what follows from it. It need not survive a power cut, as the job would run again and
    /// find everything done; but it must before the chunks are removed from which that was made.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn end(&self, job: &ClaimedJob, outcome: &JobOutcome) -> Result<Written, Failure> {
        match outcome {
            JobOutcome::Done => {
                let mut database = self.ports.database.writer(Durability::Relaxed).await?;
                let had = jobs::end(&mut database, job, Ending::Done).await?;
                Ok(if had { Written::Done(None) } else { Written::Lost })
            }
            JobOutcome::Made { upload, leftovers, crc } => {
                let durability = if leftovers.is_some() { Durability::Full } else { Durability::Relaxed };
                in_transaction!(self.ports.database, durability, tx => self.finish_file(tx, job, *upload, leftovers.as_ref(), *crc))
            }
            JobOutcome::Retry(cause) if job.attempts >= self.max_attempts => self.fail(job, GIVEN_UP, cause).await,
            JobOutcome::Fail { sentence, cause } => self.fail(job, sentence, cause).await,
            JobOutcome::Retry(cause) | JobOutcome::Insist(cause) => {
                in_transaction!(self.ports.database, Durability::Relaxed, tx => try_again(tx, job, cause))
            }
        }
    }

    /// Makes the file downloadable, if it was not deleted meanwhile; then the job that removes what its upload left behind
    /// follows, if there is anything.
    async fn finish_file(
        &self,
        tx: &mut Transaction,
        job: &ClaimedJob,
        upload: UploadId,
        leftovers: Option<&Arc<Leftovers>>,
        crc: Option<u64>,
    ) -> Result<Written, Failure> {
        if !jobs::end(tx, job, Ending::Done).await? {
            return Ok(Written::Lost);
        }
        if !set_status(tx, job, FileStatus::Success, None).await? {
            return Ok(Written::Done(None));
        }
        if let Some(crc) = crc {
            files::set_crc(tx, FileId(job.subject), crc).await?;
        }
        uploads::set_state(tx, upload, UploadState::Completing, UploadState::Completed).await?;
        let Some(leftovers) = leftovers else { return Ok(Written::Done(None)) };
        let discard = discard_of(upload, &job.trace_id);
        let job = jobs::insert_claimed(tx, &discard, now() + lasting(self.lease)).await?;
        Ok(Written::Done(Some(FollowUp { job, leftovers: Arc::clone(leftovers) })))
    }

    async fn fail(&self, job: &ClaimedJob, sentence: &str, cause: &Cause) -> Result<Written, Failure> {
        in_transaction!(self.ports.database, Durability::Relaxed, tx => try_fail(tx, job, sentence, cause))
    }
}

async fn try_fail(tx: &mut Transaction, job: &ClaimedJob, sentence: &str, cause: &Cause) -> Result<Written, Failure> {
    if !jobs::end(tx, job, Ending::Failed { cause: &cause.text }).await? {
        return Ok(Written::Lost);
    }
    if job.kind == assemble_file::NAME {
        set_status(tx, job, FileStatus::Failure, Some(sentence)).await?;
    }
    Ok(Written::Failed)
}

async fn try_again(tx: &mut Transaction, job: &ClaimedJob, cause: &Cause) -> Result<Written, Failure> {
    let pause = backoff(job.attempts);
    if !jobs::end(tx, job, Ending::Again { run_at: now() + lasting(pause), cause: &cause.text }).await? {
        return Ok(Written::Lost);
    }
    if job.kind == assemble_file::NAME {
        set_status(tx, job, FileStatus::Pending, None).await?;
    }
    Ok(Written::Again(pause))
}

/// Moves the file of a job that is held: only its holder does, so it is in one of these states.
async fn set_status(
    tx: &mut Transaction,
    job: &ClaimedJob,
    to: FileStatus,
    error: Option<&str>,
) -> Result<bool, RepositoryError> {
    files::set_status(tx, FileId(job.subject), [FileStatus::Pending, FileStatus::Started], to, error).await
}

/// Inserts the job that removes what an upload left behind.
pub(super) async fn insert_discard(
    tx: &mut Transaction,
    upload: UploadId,
    trace_id: &str,
) -> Result<JobId, RepositoryError> {
    let job = discard_of(upload, trace_id);
    jobs::insert(tx, &job).await?;
    Ok(job.id)
}

fn discard_of(upload: UploadId, trace_id: &str) -> NewJob {
    NewJob { id: JobId::random(), kind: discard_upload::NAME, subject: upload.0, trace_id: trace_id.to_owned() }
}
