//! Another try for all files that were given up, for operators who have mended what was to blame.

use chrono::{DateTime, Utc};

use super::files::{FileError, requeue};
use super::ledger::GIVEN_UP;
use super::{Failure, Ports};
use crate::domain::{Caller, JobId};
use crate::jobs::assemble_file;
use crate::repositories::files::GivenUp;
use crate::repositories::{Durability, Transaction, files, in_transaction, jobs};

/// How many files are read at a time.
const PAGE: i64 = 500;

/// Another try for files that were given up.
#[derive(Clone)]
pub struct RetryService {
    ports: Ports,
}

impl RetryService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Some of the files that are in FAILURE since before a time because they were tried as often as they may be, the longest
    /// there first, behind one of them. Those that failed by their own bytes are not among them, because another try would
    /// not mend them.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn given_up(&self, before: DateTime<Utc>, after: Option<&GivenUp>) -> Result<Vec<GivenUp>, Failure> {
        let mut database = self.ports.database.reader().await?;
        Ok(files::given_up(&mut database, assemble_file::NAME, GIVEN_UP, before, after, PAGE).await?)
    }

    /// Queues one of them again, for the next sweep of any worker; whether nobody was quicker.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn retry(&self, file: &GivenUp) -> Result<bool, Failure> {
        match in_transaction!(self.ports.database, Durability::Full, tx => requeue_unannounced(tx, file)) {
            Ok(_) => Ok(true),
            Err(FileError::Failed(failure)) => Err(failure),
            Err(_) => Ok(false),
        }
    }
}

async fn requeue_unannounced(tx: &mut Transaction, file: &GivenUp) -> Result<JobId, FileError> {
    let job_id = requeue(tx, &Caller::operator(file.tenant.clone()), file.id, &file.trace_id).await?;
    jobs::unmark_published(tx, job_id).await?;
    Ok(job_id)
}
