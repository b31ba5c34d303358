//! Makes the object of a completed upload. Its subject is the file.

use crate::domain::job::ClaimedJob;
use crate::services::assembly::AssemblyService;
use crate::services::ledger::JobOutcome;

/// The kind's name in the database.
pub const NAME: &str = "assemble_file";

pub(super) async fn run(assembly: &AssemblyService, job: &ClaimedJob) -> JobOutcome {
    assembly.assemble(job).await
}
