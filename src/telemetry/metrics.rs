//! The metrics: their names, and their text. Labels have few values: never an identifier, a name, or a path as it came.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::{Gauge, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Requests by how long they took, from the head to the last byte of the answer.
pub const HTTP_SECONDS: &str = "filemanager_http_request_duration_seconds";
/// Requests that are being answered.
pub const HTTP_IN_FLIGHT: &str = "filemanager_http_requests_in_flight";
/// Requests that were told to come back because there was no room.
pub const HTTP_REFUSED: &str = "filemanager_http_refused_total";
/// Open connections.
pub const HTTP_CONNECTIONS: &str = "filemanager_http_connections";
/// Bytes of request bodies.
pub const HTTP_RECEIVED: &str = "filemanager_http_received_bytes_total";
/// Bytes of the bodies of answers.
pub const HTTP_SENT: &str = "filemanager_http_sent_bytes_total";
/// Calls to dependencies by how long they took.
pub const CALL_SECONDS: &str = "filemanager_call_duration_seconds";
/// Calls to dependencies that failed.
pub const CALL_ERRORS: &str = "filemanager_call_errors_total";
/// Whether a dependency answers.
pub const DEPENDENCY_UP: &str = "filemanager_dependency_up";
/// Connections to the database.
pub const CONNECTIONS: &str = "filemanager_database_connections";
/// The most connections to the database.
pub const CONNECTIONS_MAX: &str = "filemanager_database_connections_max";
/// Who waits for a connection to the database.
pub const CONNECTIONS_WAITING: &str = "filemanager_database_connections_waiting";
/// Jobs in the database.
pub const JOBS: &str = "filemanager_jobs";
/// How long the oldest job that is due has waited.
pub const JOBS_OLDEST: &str = "filemanager_jobs_oldest_due_seconds";
/// Jobs that this process runs.
pub const JOBS_RUNNING: &str = "filemanager_jobs_running";
/// Attempts at jobs by how long they took.
pub const JOB_SECONDS: &str = "filemanager_job_duration_seconds";
/// Attempts at jobs that failed.
pub const JOB_FAILURES: &str = "filemanager_job_failures_total";
/// What a comparison of database and store found that a person should look at.
pub const TIDYING_FINDINGS: &str = "filemanager_gc_findings_total";
/// Uploads that are neither completed nor given up.
pub const UPLOADS_OPEN: &str = "filemanager_uploads_open";
/// What runs.
pub const BUILD: &str = "filemanager_build_info";

/// What a metric is, in the words of Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

use Kind::{Counter, Gauge as Level, Histogram};

/// All metrics, with what each of them says. The README describes the same ones.
pub const CATALOGUE: &[(&str, Kind, &str)] = &[
    (HTTP_SECONDS, Histogram, "Seconds from a request's head to the last byte of its answer."),
    (HTTP_IN_FLIGHT, Level, "Requests that are being answered."),
    (HTTP_REFUSED, Counter, "Requests that were told to come back because there was no room."),
    (HTTP_CONNECTIONS, Level, "Open connections."),
    (HTTP_RECEIVED, Counter, "Bytes of request bodies."),
    (HTTP_SENT, Counter, "Bytes of the bodies of answers."),
    (CALL_SECONDS, Histogram, "Seconds that a call to database, store or queue took."),
    (CALL_ERRORS, Counter, "Calls to database, store or queue that failed."),
    (DEPENDENCY_UP, Level, "1 when the dependency answers, else 0."),
    (CONNECTIONS, Level, "Connections of this process to the database."),
    (CONNECTIONS_MAX, Level, "The most connections of this process to the database."),
    (CONNECTIONS_WAITING, Level, "Requests and jobs that wait for a connection to the database."),
    (JOBS, Level, "Jobs in the database, of all processes; counted up to 100000."),
    (JOBS_OLDEST, Level, "Seconds that the oldest job has waited that is due, or that its worker has left."),
    (JOBS_RUNNING, Level, "Jobs that this process runs."),
    (JOB_SECONDS, Histogram, "Seconds that an attempt at a job took."),
    (JOB_FAILURES, Counter, "Attempts at jobs that failed."),
    (
        TIDYING_FINDINGS,
        Counter,
        "Things that a comparison of database and store found and that a person should look at.",
    ),
    (UPLOADS_OPEN, Level, "Uploads that are neither completed nor given up; counted up to 100000."),
    (BUILD, Level, "Always 1; the labels say what runs."),
];

/// Upper bounds of the histograms in seconds: from a statement on SQLite to a copy of a large object.
const SECONDS: [f64; 15] = [0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// The pause between two times that what histograms were told is added up, which nobody else does between scrapes.
const UPKEEP: Duration = Duration::from_secs(1);

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep metrics.
///
/// # Errors
/// When they are kept already.
pub(super) fn start(program: &'static str) -> anyhow::Result<()> {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| anyhow::anyhow!("metrics are kept already"))?;
    for &(name, kind, says) in CATALOGUE {
        match kind {
            Counter => describe_counter!(name, says),
            Level => describe_gauge!(name, says),
            Histogram => describe_histogram!(name, says),
        }
    }
    for limit in ["connections", "requests"] {
        counter!(HTTP_REFUSED, "limit" => limit).increment(0);
    }
    gauge!(HTTP_CONNECTIONS).set(0.0);
    gauge!(BUILD, "program" => program, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let _ = HANDLE.set(handle);
    Ok(())
}

/// Keeps the memory of the histograms bounded until told to stop.
pub async fn keep(stop: CancellationToken) {
    let Some(handle) = HANDLE.get() else { return };
    let mut ticks = interval(UPKEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        handle.run_upkeep();
    }
}

/// All metrics in Prometheus' text format; empty where none are kept.
#[must_use]
pub fn text() -> String {
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

/// One more on a gauge until this is dropped.
pub struct Held(Gauge);

impl Held {
    /// One more on this gauge.
    #[must_use]
    pub fn on(name: &'static str) -> Self {
        let gauge = gauge!(name);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
