//! The record, where no transaction is at hand to write it in; and reading it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use tokio_util::task::TaskTracker;

use super::Failure;
use crate::domain::Caller;
use crate::domain::audit::{Action, Entry, Subject};
use crate::domain::file::File;
use crate::repositories::{Database, Durability, audit, now};

/// Who reads a private file in many ranges is noted once in this time.
const NOTED_EVERY: Duration = Duration::from_mins(1);
const MOST_KNOWN: u64 = 10_000;
/// How many lines are read at a time.
const PAGE: i64 = 1000;

/// The record.
#[derive(Clone)]
pub struct AuditService {
    database: Database,
    noted: Cache<(Action, Subject, String), ()>,
    tasks: TaskTracker,
}

impl AuditService {
    /// A service on this database.
    #[must_use]
    pub fn new(database: Database, tasks: TaskTracker) -> Self {
        let noted = Cache::builder().max_capacity(MOST_KNOWN).time_to_live(NOTED_EVERY).build();
        Self { database, noted, tasks }
    }

    /// Notes in the background, among the lines of the file's tenant, that the caller reads a private file. What cannot be
    /// written is told in the log.
    pub fn note_reading(&self, caller: &Caller, action: Action, file: &File) {
        let entry = Entry { tenant: file.tenant.clone(), ..Entry::of(caller, action, file.id, now()) };
        let key = (action, entry.subject, format!("{} {:?}", entry.actor, entry.address));
        if self.noted.contains_key(&key) {
            return;
        }
        self.noted.insert(key, ());
        let database = self.database.clone();
        self.tasks.spawn(async move {
            let noted = async { audit::insert(&mut database.writer(Durability::Relaxed).await?, &entry).await };
            if let Err(error) = noted.await {
                let Entry { actor, action, subject, .. } = &entry;
                tracing::error!(%error, actor, action = action.as_str(), %subject, "a line of the record could not be written");
            }
        });
    }

    /// Lines since a time, in their order, to `take` until it says that it has enough.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn since(&self, since: DateTime<Utc>, mut take: impl FnMut(&Entry) -> bool) -> Result<(), Failure> {
        let mut after = 0;
        loop {
            let lines = audit::page(&mut self.database.reader().await?, since, after, PAGE).await?;
            let Some((last, _)) = lines.last() else { return Ok(()) };
            after = *last;
            if !lines.iter().all(|(_, entry)| take(entry)) {
                return Ok(());
            }
        }
    }
}
