//! The health endpoints.

use crate::app::ApiState;
use crate::dto::health::{Ready, Stage};

/// Whether the service can do its work; what is wrong goes to the log.
pub async fn ready(state: &ApiState) -> Ready {
    let dependencies = state.health.dependencies().await;
    for dependency in &dependencies {
        if let Some(fault) = &dependency.fault {
            tracing::warn!(dependency = dependency.name, kind = dependency.kind, fault, "a dependency is out");
        }
    }
    let at = match (state.stages.draining.is_cancelled(), state.prepared.is_cancelled()) {
        (true, _) => Stage::Stopping,
        (false, true) => Stage::Serving,
        (false, false) => Stage::Starting,
    };
    Ready::new(&dependencies, at)
}
