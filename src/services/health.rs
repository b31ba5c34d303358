//! Whether each dependency answers.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;

use super::Ports;
use crate::repositories::health;

/// How long a dependency may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A dependency, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// What it is to the service.
    pub name: &'static str,
    /// Which kind was configured.
    pub kind: &'static str,
    /// `None` when it answers; else the cause, for the log.
    pub fault: Option<String>,
}

/// Whether each dependency answers.
#[derive(Clone)]
pub struct HealthService {
    ports: Ports,
}

impl HealthService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports }
    }

    /// Asks all dependencies at once.
    pub async fn dependencies(&self) -> [Dependency; 3] {
        let Ports { database, storage, queue } = &self.ports;
        let (of_database, of_storage, of_queue) =
            tokio::join!(fault(health::probe(database)), fault(storage.probe()), fault(queue.probe()));
        [
            Dependency { name: "database", kind: database.kind(), fault: of_database },
            Dependency { name: "store", kind: storage.kind(), fault: of_storage },
            Dependency { name: "queue", kind: queue.kind(), fault: of_queue },
        ]
    }
}

async fn fault<E: std::fmt::Display>(probe: impl Future<Output = Result<(), E>>) -> Option<String> {
    match timeout(PATIENCE, probe).await {
        Ok(answer) => answer.err().map(|error| error.to_string()),
        Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}
