//! Deleting files: out of every list at once, out of the store by jobs that are tried until it is done.

use super::ledger::Announcer;
use super::{Failure, Ports};
use crate::domain::{Caller, JobId};
use crate::jobs::{assemble_file, remove_file};
use crate::repositories::removal::{self, Doomed, Kinds};
use crate::repositories::{Durability, RepositoryError, in_transaction};

/// How many files one transaction deletes: a long one would keep others from writing.
const BATCH: i64 = 500;
const KINDS: Kinds = Kinds { making: assemble_file::NAME, removing: remove_file::NAME };

/// Deletes these files; how many there were.
pub(super) async fn delete_files(
    ports: &Ports,
    announcer: &Announcer,
    caller: &Caller,
    doomed: Doomed,
    trace_id: &str,
) -> Result<usize, Failure> {
    let mut deleted = 0;
    loop {
        let files = removal::find(&mut ports.database.reader().await?, doomed, BATCH).await?;
        if files.is_empty() {
            return Ok(deleted);
        }
        let jobs: Result<Vec<JobId>, RepositoryError> = in_transaction!(
            ports.database, Durability::Full, tx => removal::delete(tx, caller, &files, KINDS, trace_id));
        let jobs = jobs?;
        deleted += jobs.len();
        announcer.announce_all(jobs, trace_id);
    }
}
