//! Whether each dependency answers.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Ports;
use crate::repositories::health;

/// How long a look is good for: whoever asks more often, and anybody may, asks nobody else.
const FRESH_FOR: Duration = Duration::from_secs(1);
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

/// When it was looked, and what was found.
type Look = (Instant, [Dependency; 3]);

/// Whether each dependency answers.
#[derive(Clone)]
pub struct HealthService {
    ports: Ports,
    looked: Arc<Mutex<Option<Look>>>,
}

impl HealthService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { ports, looked: Arc::default() }
    }

    /// What is known of all dependencies, and was found out within the last second.
    pub async fn dependencies(&self) -> [Dependency; 3] {
        // Whoever asks meanwhile waits here, and finds it fresh.
        let mut looked = self.looked.lock().await;
        if let Some((_, found)) = looked.as_ref().filter(|(at, _)| at.elapsed() < FRESH_FOR) {
            return found.clone();
        }
        let found = self.look().await;
        *looked = Some((Instant::now(), found.clone()));
        found
    }

    /// Asks all dependencies at once.
    async fn look(&self) -> [Dependency; 3] {
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
