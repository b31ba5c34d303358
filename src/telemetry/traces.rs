//! Traces, exported by OTLP over HTTP when the operator names a collector. The trace of a request goes on in the jobs
//! that it makes: a job carries the request's `traceparent` (W3C Trace Context section 3.2).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Status, TraceContextExt, TracerProvider};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::subscriber::Interest;
use tracing::{Metadata, Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::LookupSpan;
use uuid::Uuid;

use crate::config::{TraceConfig, TraceSampler};
use crate::spool::blocking;

/// The header, and what jobs carry.
pub const TRACE_PARENT: &str = "traceparent";
/// How long a collector may take for a batch of spans.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a stop may wait for the last batch.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);
/// Whose spans are exported.
const OURS: &str = "filemanager";

/// Lets our own spans through. It wants to be asked each time: where every filter says "always", tracing-subscriber asks
/// none, goes by what they said of the event before, and drops events that nobody wanted to be dropped.
struct Ours;

impl<S> Filter<S> for Ours {
    fn enabled(&self, about: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        about.target().starts_with(OURS)
    }

    fn callsite_enabled(&self, about: &'static Metadata<'static>) -> Interest {
        if about.target().starts_with(OURS) { Interest::sometimes() } else { Interest::never() }
    }
}

static EXPORTED: AtomicBool = AtomicBool::new(false);

/// Sends spans to a collector.
pub struct Exporter {
    provider: SdkTracerProvider,
}

impl Exporter {
    /// An exporter to the configured collector; `program` is the service's name unless the configuration has one.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(config: &TraceConfig, program: &'static str) -> anyhow::Result<Self> {
        // Whoever was first, it is this provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(EXPORT_TIMEOUT).build()?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(config.traces_url())
            .with_headers(config.headers())
            .with_http_client(Collector { client, runtime: Handle::current(), away: AtomicBool::new(false) })
            .build()?;
        let name = config.service_name.clone().unwrap_or_else(|| program.to_owned());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler(config))
            .with_resource(Resource::builder().with_service_name(name).build())
            .build();
        EXPORTED.store(true, Ordering::Relaxed);
        Ok(Self { provider })
    }

    /// What hands our spans to the exporter.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(OURS))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Ours)
    }

    /// Sends what was not sent yet.
    pub async fn stop(self) {
        let stopped =
            blocking(move || self.provider.shutdown_with_timeout(FLUSH_TIMEOUT).map_err(std::io::Error::other));
        if let Err(error) = stopped.await {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

fn sampler(config: &TraceConfig) -> Sampler {
    let ratio = Sampler::TraceIdRatioBased(config.sampler_ratio);
    match config.sampler {
        TraceSampler::AlwaysOn => Sampler::AlwaysOn,
        TraceSampler::AlwaysOff => Sampler::AlwaysOff,
        TraceSampler::Ratio => ratio,
        TraceSampler::ParentOrOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
        TraceSampler::ParentOrOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
        TraceSampler::ParentOrRatio => Sampler::ParentBased(Box::new(ratio)),
    }
}

/// The client of a collector. The exporter calls it from a thread of its own, where no request could be sent.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether it took nothing the last time. That is told once, and not with every batch.
    away: AtomicBool,
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = self.runtime.spawn(async move {
            let answer = client.execute(request.try_into()?).await?;
            let mut response = Response::builder().status(answer.status());
            for (name, value) in answer.headers() {
                response = response.header(name, value);
            }
            Ok::<_, HttpError>(response.body(answer.bytes().await?)?)
        });
        let answer = sent.await?;
        let taken = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        let was_away = self.away.swap(!taken, Ordering::Relaxed);
        match &answer {
            _ if taken && was_away => tracing::info!("the collector takes spans again"),
            _ if taken || was_away => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the collector takes no spans"),
            Err(error) => tracing::warn!(%error, "the collector of spans cannot be reached"),
        }
        answer
    }
}

/// Makes a span that was not entered yet part of the trace that `parent` names: a `traceparent`, or nothing that can be
/// read, which begins a trace. The `traceparent` for what follows from the span, and the trace's identifier, 32
/// hexadecimal digits.
#[must_use]
pub fn continued(span: &Span, parent: &str) -> (String, String) {
    let propagator = TraceContextPropagator::new();
    let carrier = HashMap::from([(TRACE_PARENT.to_owned(), parent.to_owned())]);
    let given = propagator.extract(&carrier);
    // Without an exporter nobody takes it, and what was given is passed on.
    let _ = span.set_parent(given.clone());
    let own = span.context();
    let context = if own.span().span_context().is_valid() { own } else { given };
    if !context.span().span_context().is_valid() {
        return unexported();
    }
    let mut carrier = HashMap::new();
    propagator.inject_context(&context, &mut carrier);
    let trace_id = context.span().span_context().trace_id().to_string();
    (carrier.remove(TRACE_PARENT).unwrap_or_default(), trace_id)
}

/// Whether spans are exported.
#[must_use]
pub fn exported() -> bool {
    EXPORTED.load(Ordering::Relaxed)
}

/// Notes on a request's span what was answered (OpenTelemetry semantic conventions, "HTTP spans").
pub fn answered(span: &Span, status: u16) {
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error(""));
    }
}

/// A trace that begins here and is not exported.
fn unexported() -> (String, String) {
    let (trace_id, span_id) = (Uuid::new_v4().simple().to_string(), rand::random::<u64>() | 1);
    (format!("00-{trace_id}-{span_id:016x}-00"), trace_id)
}
