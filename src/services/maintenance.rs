//! What every worker does from time to time: announce again what is due, and end uploads whose time is over.

use chrono::TimeDelta;

use super::ledger::deliver;
use super::uploads::give_up;
use super::{Failure, Ports};
use crate::domain::{JobId, UploadId};
use crate::failpoint;
use crate::queue::Notice;
use crate::repositories::{Durability, RepositoryError, in_transaction, jobs, now, uploads};

/// How many jobs, and how many uploads, one sweep deals with at the most.
const BATCH: i64 = 500;
/// How long a job counts as announced. A queue that is longer than this gets some notices twice, which is harmless.
const ANNOUNCED_FOR: TimeDelta = TimeDelta::seconds(30);
/// The trace of work that no request asked for.
const NO_TRACE: &str = "00000000000000000000000000000000";

/// What every worker does from time to time.
#[derive(Clone)]
pub struct MaintenanceService {
    ports: Ports,
}

impl MaintenanceService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Announces the jobs that are due and that nobody was told of lately; how many. The first time, a queue that
    /// did not outlive the last process is told of all.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn announce_due(&self, first: bool) -> Result<usize, Failure> {
        if failpoint::is_off("sweeper") {
            return Ok(0);
        }
        let now = now();
        let forgotten = first && !self.ports.queue.is_durable();
        let before = if forgotten { now } else { now - ANNOUNCED_FOR };
        let due = jobs::due(&mut self.ports.database.reader().await?, now, before, BATCH).await?;
        let mut announced = 0;
        for (job_id, trace_id) in due {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            let ours = jobs::mark_published(&mut database, job_id, now, before).await?;
            drop(database);
            if ours {
                deliver(&self.ports, &Notice { job_id, trace_id }).await;
                announced += 1;
            }
        }
        Ok(announced)
    }

    /// Jobs that are due, for a worker whom the queue tells nothing.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn due(&self) -> Result<Vec<Notice>, Failure> {
        let now = now();
        let due = jobs::due(&mut self.ports.database.reader().await?, now, now, BATCH).await?;
        Ok(due.into_iter().map(|(job_id, trace_id)| Notice { job_id, trace_id }).collect())
    }

    /// Ends uploads that nobody completed in time, and has what was staged removed; how many.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn expire_uploads(&self) -> Result<usize, Failure> {
        let expired = uploads::expired(&mut self.ports.database.reader().await?, now(), BATCH).await?;
        let mut ended = 0;
        for id in expired {
            ended += usize::from(self.expire(id).await?);
        }
        Ok(ended)
    }

    async fn expire(&self, id: UploadId) -> Result<bool, Failure> {
        let job_id: Result<Option<JobId>, RepositoryError> =
            in_transaction!(self.ports.database, Durability::Full, tx => give_up(tx, id, NO_TRACE));
        let job_id = job_id?;
        if let Some(job_id) = job_id {
            deliver(&self.ports, &Notice { job_id, trace_id: NO_TRACE.to_owned() }).await;
        }
        Ok(job_id.is_some())
    }
}
