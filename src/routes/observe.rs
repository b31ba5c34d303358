//! One line in the log for each request, and the identifiers that go with it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

/// Carries the request's identifier, which the caller may choose.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACE_PARENT: &str = "traceparent";
const MAX_REQUEST_ID: usize = 64;

/// The trace of a request: 32 hexadecimal digits (W3C Trace Context section 3.2.2.3).
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

/// Gives the request its identifiers and logs it once its answer is sent or given up.
pub(super) async fn request(mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let request_id = request_id(&request);
    let trace = Trace(trace_id(&request));
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        route,
        request_id,
        trace_id = trace.0,
        upload_id = Empty,
        file_id = Empty,
    );
    request.extensions_mut().insert(trace);
    let received = Arc::new(Count::default());
    let count = Arc::clone(&received);
    let request = request.map(|body| Body::new(Counted::new(body, count, None)));
    let mut response = next.run(request).instrument(span.clone()).await;
    if !received.ended.load(Ordering::Relaxed) {
        // What is left of the request is not read, so the connection cannot be used again (RFC 9112 section 9.3).
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let line = Line { span, status: response.status(), started, received, sent: Arc::default() };
    response.map(|body| Body::new(Counted::new(body, Arc::clone(&line.sent), Some(line))))
}

fn request_id(request: &Request) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let usable = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(usable).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn trace_id(request: &Request) -> String {
    let given = request.headers().get(TRACE_PARENT).and_then(|value| value.to_str().ok());
    let id = given.and_then(|text| text.split('-').nth(1));
    let usable =
        |id: &&str| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id.bytes().any(|b| b != b'0');
    id.filter(usable).map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_ascii_lowercase)
}

/// The log line of a request, written when it is dropped: with the last byte of the answer, or when the caller left.
struct Line {
    span: Span,
    status: StatusCode,
    started: Instant,
    received: Arc<Count>,
    sent: Arc<Count>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let status = self.status.as_u16();
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let bytes_in = self.received.bytes.load(Ordering::Relaxed);
        let bytes_out = self.sent.bytes.load(Ordering::Relaxed);
        tracing::info!(status, duration_ms, bytes_in, bytes_out, "request");
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
    line: Option<Line>,
}

impl Counted {
    fn new(body: Body, count: Arc<Count>, line: Option<Line>) -> Self {
        let counted = Self { body, count, line };
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
                this.note_end();
            }
            Poll::Ready(None) => this.count.ended.store(true, Ordering::Relaxed),
            Poll::Ready(Some(Err(error))) if this.line.is_some() => {
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
