//! Looks from time to time for what nobody was told of.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::services::maintenance::{Announced, MaintenanceService};

/// Sweeps every `pause` until told to stop. A sweep may be left off at any point: the next one goes on. Where the queue
/// does not take what is due, `refused` is told.
pub(super) async fn run(
    maintenance: MaintenanceService,
    pause: Duration,
    refused: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = true;
    let sweeping = async {
        loop {
            ticks.tick().await;
            first &= !sweep(&maintenance, first, &refused).await;
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

/// Whether what is due could be announced.
async fn sweep(maintenance: &MaintenanceService, first: bool, refused: &Notify) -> bool {
    let announced = maintenance.announce_due(first).await;
    match &announced {
        Ok(announced) if announced.refused => refused.notify_one(),
        Ok(Announced { jobs: 0, .. }) => {}
        Ok(announced) => tracing::debug!(jobs = announced.jobs, "announced jobs that were due"),
        Err(error) => tracing::warn!(%error, "could not look for jobs that are due"),
    }
    match maintenance.expire_uploads().await {
        Ok(0) => {}
        Ok(expired) => tracing::info!(expired, "ended uploads that nobody completed in time"),
        Err(error) => tracing::warn!(%error, "could not look for uploads whose time is over"),
    }
    announced.is_ok()
}
