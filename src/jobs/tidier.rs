//! Keeps database and store tidy from time to time, one process at a time among all.

use std::time::Duration;

use metrics::counter;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::services::gc::{FINDINGS, GcService};
use crate::telemetry::metrics::TIDYING_FINDINGS;

/// How long to wait after a pass that failed: it begins from the front again, and asks the store for everything. It doubles
/// with each one that fails too.
const AFTER_FAILURE: Duration = Duration::from_mins(1);
const LONGEST_AFTER_FAILURE: Duration = Duration::from_hours(1);

/// Looks every `pause` whether it is time, until told to stop.
pub(super) async fn run(gc: GcService, pause: Duration, stop: CancellationToken) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut penalty = AFTER_FAILURE;
    // Shown from the start: a counter that appears with what it counts has not grown.
    for finding in FINDINGS {
        counter!(TIDYING_FINDINGS, "finding" => finding).increment(0);
    }
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // The log has a line for each thing anyway.
        match gc.clean_if_due(&|_| {}, &stop).await {
            Ok(None) => {}
            Ok(Some(report)) => {
                penalty = AFTER_FAILURE;
                tracing::info!(?report, "compared database and store");
            }
            Err(error) => {
                tracing::warn!(%error, "database and store could not be compared");
                stop.run_until_cancelled(sleep(penalty)).await;
                penalty = (penalty * 2).min(LONGEST_AFTER_FAILURE);
            }
        }
    }
}
