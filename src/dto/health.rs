//! Bodies of the health routes.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::services::health::Dependency;

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Live {
    /// Always `ok`.
    pub status: &'static str,
}

/// Where the service is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The database does not have its schema yet.
    Starting,
    /// It takes requests.
    Serving,
    /// It was told to stop.
    Stopping,
}

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ok`, or `unavailable` when a dependency is out, or `starting`, or `stopping`.
    pub status: &'static str,
    /// `ok` or `unavailable` for each dependency. The causes are in the log.
    pub dependencies: BTreeMap<&'static str, &'static str>,
}

impl Ready {
    /// What the dependencies say together.
    #[must_use]
    pub fn new(dependencies: &[Dependency], stage: Stage) -> Self {
        let word = |fine: bool| if fine { "ok" } else { "unavailable" };
        let all_fine = dependencies.iter().all(|dependency| dependency.fault.is_none());
        Self {
            status: match stage {
                Stage::Starting if all_fine => "starting",
                Stage::Stopping => "stopping",
                Stage::Starting | Stage::Serving => word(all_fine),
            },
            dependencies: dependencies
                .iter()
                .map(|dependency| (dependency.name, word(dependency.fault.is_none())))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_service_that_serves_with_all_its_dependencies_is_ready() {
        let with = |fault: Option<&str>, stage| {
            let dependency = Dependency { name: "store", kind: "S3", fault: fault.map(str::to_owned) };
            Ready::new(&[dependency], stage).status
        };
        assert_eq!(with(None, Stage::Serving), "ok");
        assert_eq!(with(None, Stage::Starting), "starting");
        assert_eq!(with(Some("away"), Stage::Starting), "unavailable");
        assert_eq!(with(Some("away"), Stage::Serving), "unavailable");
        assert_eq!(with(None, Stage::Stopping), "stopping");
    }
}
