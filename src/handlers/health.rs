//! The health endpoints.

use crate::app::ApiState;
use crate::dto::health::Ready;

/// Whether the service can do its work; what is wrong goes to the log.
pub async fn ready(state: &ApiState) -> Ready {
    let dependencies = state.health.dependencies().await;
    for dependency in &dependencies {
        if let Some(fault) = &dependency.fault {
            tracing::warn!(dependency = dependency.name, kind = dependency.kind, fault, "a dependency is out");
        }
    }
    Ready::new(&dependencies, state.stages.draining.is_cancelled())
}
