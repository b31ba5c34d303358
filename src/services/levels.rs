//! The metrics that are levels of something outside: what waits in the database, which dependency answers, how full the
//! pools are. They are looked up when somebody asks, but not more often than every few seconds.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::Ports;
use super::health::HealthService;
use crate::repositories::backlog::{self, Backlog};
use crate::repositories::{RepositoryError, now};
use crate::telemetry::metrics::{CONNECTIONS, CONNECTIONS_MAX, DEPENDENCY_UP, JOBS, JOBS_OLDEST, UPLOADS_OPEN};

/// How long a look at the database and the other dependencies is good for.
const FRESH_FOR: Duration = Duration::from_secs(5);
/// How long the database may take to tell.
const PATIENCE: Duration = Duration::from_secs(3);

/// The levels.
#[derive(Clone)]
pub struct LevelService {
    ports: Ports,
    health: HealthService,
    looked: Arc<Mutex<Option<Instant>>>,
}

impl LevelService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports) -> Self {
        Self { health: HealthService::new(ports.clone()), ports, looked: Arc::default() }
    }

    /// Brings the gauges up to date.
    pub async fn refresh(&self) {
        self.look_at_pools();
        // Whoever asks meanwhile waits here, and finds them fresh.
        let mut looked = self.looked.lock().await;
        if looked.is_some_and(|at| at.elapsed() < FRESH_FOR) {
            return;
        }
        tokio::join!(self.look_at_backlog(), self.look_at_dependencies());
        *looked = Some(Instant::now());
    }

    fn look_at_pools(&self) {
        for level in self.ports.database.levels() {
            gauge!(CONNECTIONS, "pool" => level.name, "state" => "in_use").set(f64::from(level.in_use));
            gauge!(CONNECTIONS, "pool" => level.name, "state" => "idle").set(f64::from(level.idle));
            gauge!(CONNECTIONS_MAX, "pool" => level.name).set(f64::from(level.most));
        }
    }

    async fn look_at_dependencies(&self) {
        for dependency in self.health.dependencies().await {
            let up = if dependency.fault.is_none() { 1.0 } else { 0.0 };
            gauge!(DEPENDENCY_UP, "dependency" => dependency.name).set(up);
        }
    }

    async fn look_at_backlog(&self) {
        match timeout(PATIENCE, self.backlog()).await {
            Ok(Ok(backlog)) => show(Some(backlog)),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the backlog is not known");
                show(None);
            }
            Err(_) => {
                tracing::warn!("the backlog is not known: the database takes too long");
                show(None);
            }
        }
    }

    async fn backlog(&self) -> Result<Backlog, RepositoryError> {
        backlog::read(&mut self.ports.database.reader().await?, now()).await
    }
}

/// Shows the backlog. One that is not known is no number: an old one would be taken for the present.
fn show(backlog: Option<Backlog>) {
    let shown = |count: fn(&Backlog) -> i64| backlog.as_ref().map_or(f64::NAN, |backlog| number(count(backlog)));
    gauge!(JOBS, "state" => "due").set(shown(|backlog| backlog.due));
    gauge!(JOBS, "state" => "delayed").set(shown(|backlog| backlog.delayed));
    gauge!(JOBS, "state" => "running").set(shown(|backlog| backlog.running));
    gauge!(JOBS, "state" => "failed").set(shown(|backlog| backlog.failed));
    gauge!(UPLOADS_OPEN).set(shown(|backlog| backlog.open_uploads));
    gauge!(JOBS_OLDEST).set(backlog.map_or(f64::NAN, |backlog| {
        backlog.oldest_due.and_then(|due| (now() - due).to_std().ok()).unwrap_or_default().as_secs_f64()
    }));
}

/// Counts stop far below what a float can tell apart.
fn number(count: i64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
