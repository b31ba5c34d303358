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

/// Whether the service can do its work.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ready {
    /// `ok`, or `unavailable` when a dependency is out, or `stopping`.
    pub status: &'static str,
    /// `ok` or `unavailable` for each dependency. The causes are in the log.
    pub dependencies: BTreeMap<&'static str, &'static str>,
}

impl Ready {
    /// What the dependencies say together.
    #[must_use]
    pub fn new(dependencies: &[Dependency], stopping: bool) -> Self {
        let word = |fine: bool| if fine { "ok" } else { "unavailable" };
        let all_fine = dependencies.iter().all(|dependency| dependency.fault.is_none());
        Self {
            status: if stopping { "stopping" } else { word(all_fine) },
            dependencies: dependencies
                .iter()
                .map(|dependency| (dependency.name, word(dependency.fault.is_none())))
                .collect(),
        }
    }
}
