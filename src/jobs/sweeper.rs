//! Looks from time to time for what nobody was told of.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::services::maintenance::MaintenanceService;

/// Sweeps every `pause` until told to stop. A sweep may be left off at any point: the next one goes on.
pub(super) async fn run(maintenance: MaintenanceService, pause: Duration, stop: CancellationToken) {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = true;
    let sweeping = async {
        loop {
            ticks.tick().await;
            first &= !sweep(&maintenance, first).await;
        }
    };
    stop.run_until_cancelled(sweeping).await;
}

/// Whether what is due could be announced.
async fn sweep(maintenance: &MaintenanceService, first: bool) -> bool {
    let announced = maintenance.announce_due(first).await;
    match &announced {
        Ok(0) => {}
        Ok(announced) => tracing::debug!(announced, "announced jobs that were due"),
        Err(error) => tracing::warn!(%error, "could not look for jobs that are due"),
    }
    match maintenance.expire_uploads().await {
        Ok(0) => {}
        Ok(expired) => tracing::info!(expired, "ended uploads that nobody completed in time"),
        Err(error) => tracing::warn!(%error, "could not look for uploads whose time is over"),
    }
    announced.is_ok()
}
