//! What every worker does from time to time: announce again what is due, and end uploads whose time is over.

use chrono::{DateTime, TimeDelta};

use super::ledger::{deliver, insert_discard};
use super::{Failure, Ports};
use crate::domain::{JobId, UploadId};
use crate::failpoint;
use crate::queue::Notice;
use crate::repositories::{Durability, RepositoryError, Transaction, in_transaction, jobs, now, uploads};

/// How many jobs, and how many uploads, one sweep deals with at the most.
const BATCH: i64 = 500;
/// How long a job counts as announced. Where jobs wait for longer, some notices come twice, which is harmless.
const ANNOUNCED_FOR: TimeDelta = TimeDelta::seconds(30);
/// The trace of work that no request asked for.
const NO_TRACE: &str = "00000000000000000000000000000000";

/// How the announcing of what is due went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Announced {
    /// How many jobs were announced.
    pub jobs: usize,
    /// Whether there are some that the queue did not take.
    pub refused: bool,
}

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

    /// Announces the jobs that are due and that nobody was told of lately. The first time, a queue that did not outlive the
    /// last process is told of all. A queue that does not take one is left alone until the next time. One in which more
    /// wait than could be announced is told of no job twice, which would only be in the way of others.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn announce_due(&self, first: bool) -> Result<Announced, Failure> {
        let mut announced = Announced::default();
        if failpoint::is_off("sweeper") {
            return Ok(announced);
        }
        let now = now();
        let forgotten = first && !self.ports.queue.is_durable();
        let mut before = if forgotten { now } else { now - ANNOUNCED_FOR };
        let mut due = jobs::due(&mut self.ports.database.reader().await?, now, before, BATCH).await?;
        if due.is_empty() {
            return Ok(announced);
        }
        match self.ports.queue.waiting().await {
            Ok(waiting) if waiting >= BATCH.cast_unsigned() => {
                before = DateTime::UNIX_EPOCH;
                due = jobs::due(&mut self.ports.database.reader().await?, now, before, BATCH).await?;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, jobs = due.len(), "what is due cannot be announced; it waits in the database");
                return Ok(Announced { jobs: 0, refused: true });
            }
        }
        for (job_id, trace_id) in due {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            let ours = jobs::mark_published(&mut database, job_id, now, before).await?;
            drop(database);
            if ours {
                if !deliver(&self.ports, &Notice { job_id, trace_id }).await {
                    announced.refused = true;
                    break;
                }
                announced.jobs += 1;
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
        let (mut ended, mut taken) = (0, true);
        for id in expired {
            let job_id: Result<Option<JobId>, RepositoryError> =
                in_transaction!(self.ports.database, Durability::Full, tx => expire(tx, id));
            let Some(job_id) = job_id? else { continue };
            ended += 1;
            // Once the queue does not take one, the others are announced by a later sweep.
            taken = taken && deliver(&self.ports, &Notice { job_id, trace_id: NO_TRACE.to_owned() }).await;
        }
        Ok(ended)
    }
}

/// Ends an upload whose time is over; the job that removes what was staged, or `None` when somebody was quicker, or goes on.
async fn expire(tx: &mut Transaction, id: UploadId) -> Result<Option<JobId>, RepositoryError> {
    if !uploads::expire(tx, id, now()).await? {
        return Ok(None);
    }
    insert_discard(tx, id, NO_TRACE).await.map(Some)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;
    use crate::app::App;
    use crate::config::{Config, Role};
    use crate::domain::job::NewJob;
    use crate::jobs::assemble_file;
    use crate::queue::fake::FakeQueue;

    #[tokio::test]
    async fn where_many_notices_wait_no_job_is_told_of_twice() {
        let data = tempfile::tempdir().unwrap();
        let settings = [("APP_DATA_DIR".to_owned(), data.path().display().to_string())];
        let app = App::build(Config::parse(Role::Api, settings.into()).unwrap(), "test").unwrap();
        app.migrate().await.unwrap();
        let (told, untold) = (JobId::random(), JobId::random());
        {
            let mut writer = app.ports().database.writer(Durability::Full).await.unwrap();
            for id in [told, untold] {
                let (kind, subject) = (assemble_file::NAME, Uuid::new_v4());
                jobs::insert(&mut writer, &NewJob { id, kind, subject, trace_id: String::new() }).await.unwrap();
                jobs::unmark_published(&mut writer, id).await.unwrap();
            }
            let long_ago = now() - ANNOUNCED_FOR - TimeDelta::seconds(1);
            assert!(jobs::mark_published(&mut writer, told, long_ago, now()).await.unwrap());
        }
        let announced = async |waiting| {
            let queue = Arc::new(FakeQueue { waiting, ..FakeQueue::default() });
            let ports = Ports { queue: queue.clone(), ..app.ports().clone() };
            MaintenanceService::new(ports).announce_due(false).await.unwrap();
            queue.announced.lock().unwrap().clone()
        };
        assert_eq!(announced(BATCH.unsigned_abs()).await, [untold]);
        assert_eq!(announced(BATCH.unsigned_abs() - 1).await, [told]);
    }
}
