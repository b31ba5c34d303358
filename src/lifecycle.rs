//! Stopping: the first signal drains, a second one or the end of the time allowed aborts.

use std::process;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a process that was told twice to stop ends with: 128 and the number of SIGINT.
const ABORTED: i32 = 130;

/// Lets the process have as many open files and connections as the system allows it: what it starts with, often 1,024,
/// is a limit for programs that cannot count further.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Cancels `stop` at the first SIGINT or SIGTERM and ends the process at the second.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn stop_on_signal(stop: CancellationToken) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut told = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if told {
                tracing::warn!("told again to stop: ending at once");
                process::exit(ABORTED);
            }
            told = true;
            tracing::info!("stopping: finishing what is under way; tell again to end at once");
            stop.cancel();
        }
    });
    Ok(())
}

/// Waits for the tasks that are under way, but no longer than `patience`; whether all ended.
pub async fn drain(tasks: &TaskTracker, patience: Duration) -> bool {
    tasks.close();
    let drained = timeout(patience, tasks.wait()).await.is_ok();
    if drained {
        tracing::info!("stopped");
    } else {
        let left = tasks.len();
        tracing::warn!(left, "stopped with work under way; what was acknowledged is safe, jobs run again elsewhere");
    }
    drained
}
