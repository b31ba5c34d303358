//! Background jobs: one file for each kind, the list of all kinds here, and what runs them.
//! A job's payload is the identifier of what it is about; everything else is read when it runs.

pub mod assemble_file;
pub mod discard_upload;
pub mod remove_file;
mod running;
mod sweeper;
mod tidier;
pub mod worker;

use crate::domain::job::ClaimedJob;
use crate::services::assembly::{AssemblyService, Leftovers};
use crate::services::cause::Cause;
use crate::services::ledger::JobOutcome;

/// The names of all kinds.
pub const NAMES: [&str; 3] = [assemble_file::NAME, discard_upload::NAME, remove_file::NAME];

/// Runs a job of whichever kind it is: the list of all kinds. One that follows from another knows what that left over.
async fn run(assembly: &AssemblyService, job: &ClaimedJob, leftovers: Option<&Leftovers>) -> JobOutcome {
    match job.kind.as_str() {
        assemble_file::NAME => assemble_file::run(assembly, job).await,
        discard_upload::NAME => discard_upload::run(assembly, job, leftovers).await,
        remove_file::NAME => remove_file::run(assembly, job).await,
        other => JobOutcome::Retry(Cause::other(format!("this version of the program knows no job {other}"))),
    }
}
