//! `filemanager retry`: has all files tried again that were given up.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::ended;
use crate::repositories::now;
use crate::services::retries::RetryService;

/// What to do about them.
#[derive(Debug, Args)]
pub struct RetryArguments {
    /// Tell which files would be tried again, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Does it, and prints a line for each.
///
/// # Errors
/// When the database is away.
pub async fn run(retries: &RetryService, arguments: RetryArguments) -> anyhow::Result<ExitCode> {
    let RetryArguments { dry_run } = arguments;
    // Not those that fail again meanwhile.
    let before = now();
    let (mut queued, mut files) = (0_u64, retries.given_up(before, None).await?);
    while let Some(last) = files.last() {
        for file in &files {
            if dry_run || retries.retry(file).await? {
                queued += 1;
                // Who reads may go away; what is being done is done all the same.
                drop(writeln!(io::stdout(), "{}  {}", file.id, file.tenant));
            }
        }
        files = retries.given_up(before, Some(last)).await?;
    }
    let will = if dry_run { "would be" } else { "will be" };
    ended(writeln!(io::stdout(), "{queued} files that were given up {will} tried again").map_err(Into::into))
}
