//! Calls to what the service depends on: each is timed, counted when it fails, and a span where traces are exported.

use std::future::Future;
use std::time::Instant;

use metrics::{counter, histogram};
use tracing::Instrument;
use tracing::field::Empty;

use super::metrics::{CALL_ERRORS, CALL_SECONDS};

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The database.
    Database,
    /// The object store.
    Store,
    /// The job queue.
    Queue,
}

impl Dependency {
    /// Its name in labels, and in the health routes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Store => "store",
            Self::Queue => "queue",
        }
    }
}

/// Tells a dependency's failure from an answer that somebody may not like.
pub trait Fault {
    /// Whether the dependency failed to do its part.
    fn is_fault(&self) -> bool;
}

/// Makes a call and records how long it took and whether it failed. One that is given up half-way is not recorded.
///
/// # Errors
/// Those of the call.
pub async fn observed<T, E: Fault>(
    dependency: Dependency,
    operation: &'static str,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let dependency = dependency.name();
    let span = tracing::trace_span!(
        "call",
        otel.name = %format_args!("{dependency} {operation}"),
        otel.kind = "client",
        otel.status_code = Empty
    );
    let started = Instant::now();
    let outcome = call.instrument(span.clone()).await;
    let failed = outcome.as_ref().is_err_and(Fault::is_fault);
    if failed {
        span.record("otel.status_code", "ERROR");
    }
    histogram!(CALL_SECONDS, "dependency" => dependency, "operation" => operation).record(started.elapsed());
    counter!(CALL_ERRORS, "dependency" => dependency, "operation" => operation).increment(u64::from(failed));
    outcome
}
