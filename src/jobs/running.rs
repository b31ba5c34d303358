//! What operators see of the jobs that a process runs.

use std::time::Instant;

use metrics::{counter, histogram};

use super::NAMES;
use crate::services::cause::Reason;
use crate::services::ledger::{JobOutcome, Written};
use crate::telemetry::metrics::{Held, JOB_FAILURES, JOB_SECONDS, JOBS_RUNNING};

const DONE: &str = "done";
const AGAIN: &str = "again";
const FAILED: &str = "failed";
const LOST: &str = "lost";
/// For good too, but by the caller's fault: nobody need look.
const REFUSED: &str = "refused";

/// Shows every ending from the start, with none yet, because a counter that appears with its first failure has not grown.
pub(super) fn show_all_kinds() {
    for kind in NAMES {
        for outcome in [DONE, AGAIN, FAILED, LOST, REFUSED] {
            let _ = histogram!(JOB_SECONDS, "kind" => kind, "outcome" => outcome);
        }
        for reason in Reason::ALL {
            counter!(JOB_FAILURES, "kind" => kind, "reason" => reason.name()).increment(0);
        }
    }
}

/// An attempt at a job; one that is dropped before its end was lost to another worker.
pub(super) struct Running {
    kind: &'static str,
    started: Instant,
    outcome: &'static str,
    _held: Held,
}

impl Running {
    pub(super) fn begin(kind: &'static str) -> Self {
        Self { kind, started: Instant::now(), outcome: LOST, _held: Held::on(JOBS_RUNNING) }
    }

    /// Records how it ended, with its own outcome if it came to one.
    pub(super) fn end(mut self, written: &Written, outcome: Option<&JobOutcome>) {
        let cause = match outcome {
            Some(JobOutcome::Retry(cause) | JobOutcome::Insist(cause) | JobOutcome::Fail { cause, .. }) => Some(cause),
            _ => None,
        };
        self.outcome = match written {
            Written::Done(_) => DONE,
            Written::Again(_) | Written::HandedBack => AGAIN,
            Written::Failed if cause.is_some_and(|cause| cause.reason == Reason::Caller) => REFUSED,
            Written::Failed => FAILED,
            Written::Lost => LOST,
        };
        if let Some(cause) = cause {
            counter!(JOB_FAILURES, "kind" => self.kind, "reason" => cause.reason.name()).increment(1);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        histogram!(JOB_SECONDS, "kind" => self.kind, "outcome" => self.outcome).record(self.started.elapsed());
    }
}
