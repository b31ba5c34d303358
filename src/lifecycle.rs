//! Stopping, in stages: the first signal begins it, a second one ends the process at once.

use std::future::Future;
use std::process::{self, ExitCode};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::telemetry;

/// The end of the time allowed that is kept for giving jobs back, at most; never more than a quarter of it.
const HAND_BACK: Duration = Duration::from_secs(5);
/// What a process that was told twice to stop ends with: 128 and the number of SIGINT.
const ABORTED: i32 = 130;

/// Runs a program, and says why it failed if it does. What cannot be broken off, such as a large file that is being copied,
/// does not keep the process from ending when the program is over.
pub fn run(name: &str, program: impl Future<Output = anyhow::Result<ExitCode>>) -> ExitCode {
    let ended = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let ended = runtime.block_on(program);
        runtime.shutdown_background();
        ended
    });
    ended.unwrap_or_else(|error| {
        telemetry::say_last(name, &error);
        ExitCode::FAILURE
    })
}

/// Lets the process have as many open files and connections as the system allows it: what it starts with, often 1,024,
/// is a limit for programs that cannot count further.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// The stages of a stop, each cancelled when it begins.
#[derive(Debug, Clone, Default)]
pub struct Stages {
    /// Not ready any more, so that balancers send requests elsewhere; no job is begun. Requests are still taken.
    pub draining: CancellationToken,
    /// No new request is taken; those under way are finished.
    pub closing: CancellationToken,
    /// Time is running out: jobs under way are given back.
    pub hurry: CancellationToken,
    /// Time has run out: nothing is waited for any more.
    pub over: CancellationToken,
}

impl Stages {
    /// Goes from stage to stage once the first is cancelled: requests are taken for `delay` more, and all shall be over
    /// after `patience`.
    pub fn follow(&self, delay: Duration, patience: Duration) {
        let Self { draining, closing, hurry, over } = self.clone();
        tokio::spawn(async move {
            draining.cancelled().await;
            sleep(delay).await;
            closing.cancel();
            let left = patience.saturating_sub(delay);
            let handing_back = HAND_BACK.min(patience / 4).min(left);
            sleep(left.saturating_sub(handing_back)).await;
            hurry.cancel();
            sleep(handing_back).await;
            over.cancel();
        });
    }

    /// Runs what the process is there for, and then waits for the tasks that are under way, but for neither longer than a
    /// stop may take: both may depend on a server that says nothing any more.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn work(
        &self,
        tasks: &TaskTracker,
        work: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        let all = async {
            work.await?;
            tasks.close();
            tasks.wait().await;
            Ok(())
        };
        if let Some(ended) = self.over.run_until_cancelled(all).await {
            return ended.inspect(|()| tracing::info!("stopped"));
        }
        let left = tasks.len();
        tracing::warn!(left, "stopped with work under way; what was acknowledged is safe, jobs run again elsewhere");
        Ok(())
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
