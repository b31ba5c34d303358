//! A collector of traces: takes OTLP over HTTP and keeps what it got.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message;

/// A span as it was exported.
#[derive(Debug, Clone)]
pub struct Span {
    /// The service's name.
    pub service: String,
    pub name: String,
    pub trace: String,
    pub id: String,
    pub parent: String,
}

#[derive(Default)]
struct Got {
    spans: Vec<Span>,
    /// Everything that came, for looking for what should not be there.
    texts: Vec<String>,
    headers: Vec<HeaderMap>,
}

pub struct Collector {
    pub endpoint: String,
    got: Arc<Mutex<Got>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let got: Arc<Mutex<Got>> = Arc::default();
        let kept = Arc::clone(&got);
        let take = post(async move |headers: HeaderMap, body: Bytes| {
            let request = ExportTraceServiceRequest::decode(body).expect("an export request");
            let mut kept = kept.lock().unwrap();
            kept.headers.push(headers);
            kept.texts.push(format!("{request:?}"));
            kept.spans.extend(spans(request));
        });
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/traces", take)).await });
        Self { endpoint, got }
    }

    pub fn spans(&self) -> Vec<Span> {
        self.got.lock().unwrap().spans.clone()
    }

    pub fn text(&self) -> String {
        self.got.lock().unwrap().texts.concat()
    }

    pub fn headers(&self) -> Vec<HeaderMap> {
        self.got.lock().unwrap().headers.clone()
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let attributes = group.resource.expect("a resource").attributes;
        let name = attributes.into_iter().find(|attribute| attribute.key == "service.name").expect("a service's name");
        let Some(Value::StringValue(service)) = name.value.and_then(|value| value.value) else { panic!("no text") };
        for span in group.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            spans.push(Span {
                service: service.clone(),
                name: span.name,
                trace: hex::encode(span.trace_id),
                id: hex::encode(span.span_id),
                parent: hex::encode(span.parent_span_id),
            });
        }
    }
    spans
}
