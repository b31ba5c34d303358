//! Removes what is in the store of a file that was deleted. Its identifier is the file's and its subject the upload, both
//! of which have no other row by the time it is done.

use crate::domain::job::ClaimedJob;
use crate::services::assembly::AssemblyService;
use crate::services::ledger::JobOutcome;

/// The kind's name in the database.
pub const NAME: &str = "remove_file";

pub(super) async fn run(assembly: &AssemblyService, job: &ClaimedJob) -> JobOutcome {
    assembly.remove(job).await
}
