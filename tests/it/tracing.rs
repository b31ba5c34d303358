//! What a collector of traces gets.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use rustix::process::Signal;

use crate::support::collector::{Collector, Span};
use crate::support::deployment::{from_services, run};
use crate::support::proxy::Proxy;
use crate::support::{Client, Deployment, Service, bytes, eventually};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The client of somebody who has begun a trace.
fn tracing_client(api: &Service, sampled: bool) -> Client {
    let client = api.client();
    let parent = format!("00-{TRACE}-{CALLER}-{:02x}", u8::from(sampled));
    let mut headers = HeaderMap::from_iter([("traceparent".parse().unwrap(), HeaderValue::from_str(&parent).unwrap())]);
    headers.extend(client.key.iter().map(|key| (AUTHORIZATION, format!("Bearer {key}").parse().unwrap())));
    let http = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
    Client { http, ..client }
}

/// Stops all, which sends what was not sent yet.
async fn stop(services: Vec<Service>) {
    for mut service in services {
        service.signal(Signal::TERM);
        assert_eq!(service.ended().await.code(), Some(0));
    }
}

async fn job_is_done(services: &[Service]) {
    let worker = services.last().unwrap();
    eventually("the job's line is in the log", async || {
        worker.log().iter().any(|line| line.contains("\"job done\"")).then_some(())
    })
    .await;
}

fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no {name:?} among {names:?}"))
}

#[tokio::test]
async fn an_upload_is_one_trace_from_its_caller_to_the_finished_job() {
    for (deployment, worker) in
        [(Deployment::embedded().await, "filemanager"), (Deployment::full().await, "filemanager-worker")]
    {
        let collector = Collector::start().await;
        let secret = "canary-4711";
        let deployment = deployment
            .set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
            .set("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter%202,other=x");
        let services = deployment.start().await;
        let client = tracing_client(&services[0], true);
        let credential = format!(r#"{{"token": "{secret}"}}"#);
        let file = client.upload(&[bytes(100, 1)], &[], &[("credential", &credential)]).await;
        assert_eq!(client.done(&file, Some(&credential)).await["status"], "SUCCESS");
        client.get(&format!("/file/get/{}?token={secret}", file["id"].as_str().unwrap())).await.data();
        job_is_done(&services).await;
        let logged = services.last().unwrap().log_json();
        let done = logged.iter().find(|line| line["message"] == "job done").unwrap();
        assert_eq!(done["span"]["trace_id"], TRACE);
        stop(services).await;

        let spans: Vec<Span> = collector.spans().into_iter().filter(|span| span.trace == TRACE).collect();
        let complete = named(&spans, "POST /api/v1/file/upload/complete");
        assert_eq!((complete.service.as_str(), complete.parent.as_str()), ("filemanager", CALLER));
        let job = named(&spans, "job");
        assert_eq!((job.service.as_str(), &job.parent), (worker, &complete.id));
        let perform = named(&spans, "assemble_file");
        assert_eq!(perform.parent, job.id);
        assert_eq!(named(&spans, "store assemble").parent, perform.id);
        let chunk = named(&spans, "POST /api/v1/file/upload/chunk");
        assert_eq!(named(&spans, "store put_chunk").parent, chunk.id);
        assert_eq!(named(&spans, "queue announce").parent, complete.id);
        assert!(spans.iter().any(|span| span.name == "database jobs" && span.service == worker));

        assert!(collector.headers().iter().all(|headers| headers["api-key"] == "hunter 2"));
        let text = collector.text();
        let key = deployment.settings.get("MINIO_SECRET_KEY").map_or("no store, no key", String::as_str);
        for hidden in [secret, "token=", "hunter", key] {
            assert!(!text.contains(hidden), "{hidden} is in the traces");
        }
    }
}

#[tokio::test]
async fn the_trace_goes_on_though_the_broker_was_away() {
    let gate =
        Proxy::to(format!("{}:{}", from_services("TEST_RABBITMQ_HOST"), from_services("TEST_RABBITMQ_PORT"))).await;
    let collector = Collector::start().await;
    let deployment = Deployment::full().await.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint);
    let deployment = deployment.set("RABBITMQ_HOST", "127.0.0.1").set("RABBITMQ_PORT", gate.port.to_string());
    let services = deployment.start().await;
    gate.shut();
    let client = tracing_client(&services[0], true);
    let file = client.upload(&[bytes(100, 1)], &[], &[]).await;
    eventually("the notice is lost", async || {
        services[0].log().iter().any(|line| line.contains("it waits in the database")).then_some(())
    })
    .await;
    gate.open();
    assert_eq!(client.done(&file, None).await["status"], "SUCCESS");
    job_is_done(&services).await;
    stop(services).await;
    let spans = collector.spans();
    let complete = named(&spans, "POST /api/v1/file/upload/complete");
    assert!(spans.iter().any(|span| span.name == "job" && span.trace == TRACE && span.parent == complete.id));
}

#[tokio::test]
async fn a_trace_that_its_caller_does_not_want_is_not_exported_and_goes_on_all_the_same() {
    let collector = Collector::start().await;
    let deployment = Deployment::full().await.set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint);
    let services = deployment.start().await;
    let file = tracing_client(&services[0], false).upload(&[bytes(100, 1)], &[], &[]).await;
    // Somebody else's trace, which the service begins, is exported.
    services[0].client().done(&file, None).await;
    job_is_done(&services).await;
    let logged = services[1].log_json();
    assert!(logged.iter().any(|line| line["message"] == "job done" && line["span"]["trace_id"] == TRACE));
    stop(services).await;
    let spans = collector.spans();
    assert!(spans.iter().any(|span| span.name == "GET /api/v1/file/status/{file_id}" && span.parent.is_empty()));
    let unwanted: Vec<_> = spans.iter().filter(|span| span.trace == TRACE).collect();
    assert!(unwanted.is_empty(), "{unwanted:?}");
}

#[tokio::test]
async fn a_service_without_a_collector_passes_the_trace_on() {
    let deployment = Deployment::full().await;
    let services = deployment.start().await;
    let file = tracing_client(&services[0], true).upload(&[bytes(100, 1)], &[], &[]).await;
    services[0].client().done(&file, None).await;
    job_is_done(&services).await;
    for service in &services {
        assert!(service.log_json().iter().any(|line| line["span"]["trace_id"] == TRACE));
    }
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody_and_is_named_in_the_log() {
    let deployment = Deployment::embedded().await.set("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let mut api = deployment.api().await;
    let client = api.client();
    let file = client.upload(&[bytes(100, 1)], &[], &[]).await;
    assert_eq!(client.done(&file, None).await["status"], "SUCCESS");
    api.signal(Signal::TERM);
    assert_eq!(api.ended().await.code(), Some(0));
    let log = api.log().join("\n");
    assert!(log.contains("the collector of spans cannot be reached"), "{log}");
}

#[tokio::test]
async fn the_samplers_and_the_names_are_those_of_opentelemetry() {
    let collector = Collector::start().await;
    let deployment = Deployment::embedded()
        .await
        .set("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint)
        .set("OTEL_SERVICE_NAME", "files-of-anna")
        .set("OTEL_TRACES_SAMPLER", "traceidratio");
    for (ratio, exported) in [("0", false), ("1", true)] {
        let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
        command.env("OTEL_TRACES_SAMPLER_ARG", ratio);
        let api = Service::start(command, "ready").await;
        api.client_with(deployment.key()).init(&[]).await;
        stop(vec![api]).await;
        assert_eq!(collector.spans().iter().any(|span| span.service == "files-of-anna"), exported, "{ratio}");
    }
    for (name, value) in [
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_TRACES_SAMPLER_ARG", "1.5"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"),
        ("WORKER_METRICS_PORT", "http"),
    ] {
        let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
        command.env(name, value);
        let (status, _, complaint) = run(command).await;
        assert!(!status.success() && complaint.contains(&format!("{name} is ")), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}
