//! Removes what an upload left behind that was completed or given up. Its subject is the upload.

use crate::domain::job::ClaimedJob;
use crate::services::assembly::{AssemblyService, Leftovers};
use crate::services::ledger::JobOutcome;

/// The kind's name in the database.
pub const NAME: &str = "discard_upload";

pub(super) async fn run(assembly: &AssemblyService, job: &ClaimedJob, known: Option<&Leftovers>) -> JobOutcome {
    assembly.discard(job, known).await
}
