//! The metrics endpoint.

use crate::services::levels::LevelService;
use crate::telemetry::metrics::text;

/// All metrics, as they are now.
pub async fn metrics(levels: &LevelService) -> String {
    levels.refresh().await;
    text()
}
