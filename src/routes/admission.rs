//! Admits requests while there is room for them. One that finds none waits a little, then is told to come back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::errors::ApiError;
use crate::config::LimitConfig;
use crate::telemetry::metrics::HTTP_REFUSED;

/// How long a request waits for room. Its body waits at the sender meanwhile.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most memory that one body takes on its way to the store, in bytes.
const BODY_MEMORY: u64 = 256 * 1024;
/// What permits for memory count, in bytes.
const PAGE: u64 = 4096;

/// Marks the requests of a connection that is one too many.
#[derive(Debug, Clone, Copy)]
pub struct Crowded;

/// Held by a request until its answer is sent.
#[derive(Clone)]
pub(super) struct Admitted {
    _request: Arc<OwnedSemaphorePermit>,
}

/// The room that there is.
#[derive(Clone)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    limits: LimitConfig,
}

impl Admission {
    pub(super) fn new(limits: LimitConfig) -> Self {
        let pages = usize::try_from(limits.body_bytes / PAGE).unwrap_or(usize::MAX);
        Self {
            requests: Arc::new(Semaphore::new(limits.requests.min(Semaphore::MAX_PERMITS))),
            pages: Arc::new(Semaphore::new(pages.min(Semaphore::MAX_PERMITS))),
            limits,
        }
    }

    /// Room for a request, and for its body; the setting that keeps it out if there is none in time.
    async fn room(&self, body: u64) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), String> {
        let none = |name: &str, limit: u64| format!("{name} is {limit}, and so much was under way for {PATIENCE:?}");
        let request = timeout(PATIENCE, Arc::clone(&self.requests).acquire_owned()).await;
        let Ok(Ok(request)) = request else { return Err(none("APP_MAX_REQUESTS", self.limits.requests as u64)) };
        let pages = u32::try_from(body.min(BODY_MEMORY).div_ceil(PAGE)).unwrap_or(u32::MAX);
        let memory = timeout(PATIENCE, Arc::clone(&self.pages).acquire_many_owned(pages)).await;
        let Ok(Ok(memory)) = memory else { return Err(none("APP_MAX_BYTES_IN_FLIGHT", self.limits.body_bytes)) };
        Ok((request, memory))
    }
}

/// Lets a request in, or refuses it. Those who watch over the service always come in.
pub(super) async fn admit(State(admission): State<Admission>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/metrics" || path.starts_with("/health/") {
        return next.run(request).await;
    }
    if request.extensions().get::<Crowded>().is_some() {
        let cause = format!("APP_MAX_CONNECTIONS is {}, and so many are open", admission.limits.connections);
        return refused("connections", cause);
    }
    match admission.room(announced(&request)).await {
        Ok((room, memory)) => {
            let mut response = next.run(request).await;
            drop(memory);
            response.extensions_mut().insert(Admitted { _request: Arc::new(room) });
            response
        }
        Err(cause) => refused("requests", cause),
    }
}

/// How long a request says that its body is, in bytes; as long as can be if it does not say.
fn announced(request: &Request) -> u64 {
    let headers = request.headers();
    let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    told.unwrap_or(if headers.contains_key(header::TRANSFER_ENCODING) { u64::MAX } else { 0 })
}

fn refused(limit: &'static str, cause: String) -> Response {
    counter!(HTTP_REFUSED, "limit" => limit).increment(1);
    ApiError::unavailable(cause).into_response()
}
