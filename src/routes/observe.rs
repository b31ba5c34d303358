//! What is seen of each request: one line in the log, its metrics, its trace, and the identifiers that go with it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use metrics::{Counter, counter, histogram};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

use super::admission::Admitted;
use super::origin::{Origin, Peer, TrustedProxies};
use crate::telemetry::metrics::{HTTP_IN_FLIGHT, HTTP_RECEIVED, HTTP_SECONDS, HTTP_SENT, Held};
use crate::telemetry::traces::{self, TRACE_PARENT};

/// Carries the request's identifier, which the caller may choose.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 64;

/// The `traceparent` for what follows from a request (W3C Trace Context section 3.2).
#[derive(Debug, Clone)]
pub(super) struct Trace(pub(super) String);

/// Notes the upload that the request is about.
pub(super) fn note_upload(id: &str) {
    Span::current().record("upload_id", id);
}

/// Notes the file that the request is about.
pub(super) fn note_file(id: &str) {
    Span::current().record("file_id", id);
}

/// Gives the request its identifiers, and records it once its answer is sent or given up.
pub(super) async fn request(State(proxies): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let request_id = request_id(&request);
    if let Some(peer) = request.extensions().get::<Peer>() {
        let origin = proxies.origin(*peer, request.headers());
        request.extensions_mut().insert(origin);
    }
    let (mut seen, trace) = Seen::begin(&request, &request_id);
    request.extensions_mut().insert(trace);
    let received = counter!(HTTP_RECEIVED, "route" => Arc::clone(&seen.route));
    let count = Arc::clone(&seen.received);
    let request = request.map(|body| Body::new(Counted::new(body, count, received, None)));
    let mut response = next.run(request).instrument(seen.span.clone()).await;
    if !seen.received.ended.load(Ordering::Relaxed) {
        // What is left of the request is not read, so the connection cannot be used again (RFC 9112 section 9.3).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    seen.status = Some(response.status());
    seen.admitted = response.extensions_mut().remove::<Admitted>();
    let sent = counter!(HTTP_SENT, "route" => Arc::clone(&seen.route));
    response.map(|body| Body::new(Counted::new(body, Arc::clone(&seen.sent), sent, Some(seen))))
}

fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(usable).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The methods that are labels; callers may make up others.
fn method_label(method: &Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

fn status_label(status: Option<StatusCode>) -> &'static str {
    match status.map(|status| status.as_u16() / 100) {
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(_) => "5xx",
        None => "none",
    }
}

/// What is to be recorded of a request, done when this is dropped: with the last byte of the answer, or when the caller left.
struct Seen {
    span: Span,
    method: &'static str,
    route: Arc<str>,
    /// Unknown until there is an answer.
    status: Option<StatusCode>,
    started: Instant,
    received: Arc<Count>,
    sent: Arc<Count>,
    _in_flight: Held,
    admitted: Option<Admitted>,
}

impl Seen {
    fn begin(request: &Request, request_id: &str) -> (Self, Trace) {
        let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str);
        let method = method_label(request.method());
        let span = tracing::info_span!(
            "request",
            otel.name = traces::exported().then(|| format!("{method} {route}")),
            otel.kind = traces::exported().then_some("server"),
            method = %request.method(),
            route,
            request_id,
            trace_id = Empty,
            upload_id = Empty,
            file_id = Empty,
            client = request.extensions().get::<Origin>().map(|origin| tracing::field::display(origin.0)),
        );
        let given = request.headers().get(TRACE_PARENT).and_then(|value| value.to_str().ok());
        let (trace, trace_id) = traces::continued(&span, given.unwrap_or_default());
        span.record("trace_id", trace_id);
        let seen = Self {
            span,
            method,
            route: route.into(),
            status: None,
            started: Instant::now(),
            received: Arc::default(),
            sent: Arc::default(),
            _in_flight: Held::on(HTTP_IN_FLIGHT),
            admitted: None,
        };
        (seen, Trace(trace))
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let duration = self.started.elapsed();
        let (route, status) = (Arc::clone(&self.route), status_label(self.status));
        histogram!(HTTP_SECONDS, "method" => self.method, "route" => route, "status" => status).record(duration);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bytes_in = self.received.bytes.load(Ordering::Relaxed);
        let bytes_out = self.sent.bytes.load(Ordering::Relaxed);
        let Some(status) = self.status else {
            tracing::info!(duration_ms, bytes_in, bytes_out, "the caller left before the answer");
            return;
        };
        traces::answered(&self.span, status.as_u16());
        tracing::info!(status = status.as_u16(), duration_ms, bytes_in, bytes_out, "request");
    }
}

/// What went by of a body.
#[derive(Default)]
struct Count {
    bytes: AtomicU64,
    ended: AtomicBool,
}

/// A body whose bytes are counted.
struct Counted {
    body: Body,
    count: Arc<Count>,
    total: Counter,
    /// Recorded with the last byte.
    seen: Option<Seen>,
}

impl Counted {
    fn new(body: Body, count: Arc<Count>, total: Counter, seen: Option<Seen>) -> Self {
        let counted = Self { body, count, total, seen };
        counted.note_end();
        counted
    }

    fn note_end(&self) {
        if http_body::Body::is_end_stream(&self.body) {
            self.count.ended.store(true, Ordering::Relaxed);
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = self.get_mut();
        let frame = Pin::new(&mut this.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                this.count.bytes.fetch_add(length, Ordering::Relaxed);
                this.total.increment(length);
                this.note_end();
            }
            Poll::Ready(None) => this.count.ended.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Err(error))) if this.seen.is_some() => {
                tracing::error!(%error, "the answer broke off");
            }
            _ => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
