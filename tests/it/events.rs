//! Server-sent events about a file's status.

use futures::StreamExt;
use serde_json::Value;

use crate::support::deployment::from_services;
use crate::support::proxy::Proxy;
use crate::support::{Client, Deployment, Service};

/// One event: its fields.
#[derive(Debug, Default, Clone)]
struct Event {
    id: Option<String>,
    name: Option<String>,
    data: Value,
}

struct Events {
    stream: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    received: String,
}

impl Events {
    async fn of(client: &Client, file: &Value, headers: &[(&str, &str)]) -> Self {
        let response = ask(client, file, headers).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { stream: response.bytes_stream().boxed(), received: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((block, rest)) = self.received.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.received = rest;
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
                continue;
            }
            let bytes = self.stream.next().await?.ok()?;
            self.received.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }

    async fn all(mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

fn parse(block: &str) -> Option<Event> {
    let mut event = Event::default();
    for (field, value) in block.lines().filter_map(|line| line.split_once(": ")) {
        match field {
            "id" => event.id = Some(value.to_owned()),
            "event" => event.name = Some(value.to_owned()),
            "data" => event.data = serde_json::from_str(value).unwrap(),
            _ => {}
        }
    }
    (event.data != Value::Null).then_some(event)
}

async fn ask(client: &Client, file: &Value, headers: &[(&str, &str)]) -> reqwest::Response {
    let request = client.http.get(client.url(&format!("/file/events/{}", file["id"].as_str().unwrap())));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

fn statuses(events: &[Event]) -> Vec<&str> {
    events.iter().filter(|event| event.name.is_none()).map(|event| event.data["status"].as_str().unwrap()).collect()
}

/// Two APIs and a worker whose broker can be cut off, so that a file waits for as long as a test wants it to.
async fn two_apis() -> (Deployment, Proxy, Vec<Service>) {
    let broker = format!("{}:{}", from_services("TEST_RABBITMQ_HOST"), from_services("TEST_RABBITMQ_PORT"));
    let gate = Proxy::to(broker).await;
    let deployment =
        Deployment::full().await.set("RABBITMQ_HOST", "127.0.0.1").set("RABBITMQ_PORT", gate.port.to_string());
    let services = vec![deployment.api().await, deployment.api().await, deployment.worker().await];
    (deployment, gate, services)
}

#[tokio::test]
async fn every_node_tells_each_change_and_then_the_end() {
    let (_deployment, gate, services) = two_apis().await;
    let (here, there) = (services[0].client(), services[1].client());
    gate.shut();
    let file = here.upload(&[b"abc".to_vec()], &[], &[]).await;
    let mut first = Events::of(&here, &file, &[]).await;
    let mut second = Events::of(&there, &file, &[]).await;
    let known = first.next().await.unwrap();
    assert_eq!((known.data["status"].as_str(), &known.id), (Some("PENDING"), &second.next().await.unwrap().id));
    // Who comes again with what it knows is told nothing twice.
    let again = Events::of(&there, &file, &[("last-event-id", known.id.as_deref().unwrap())]).await;
    gate.open();
    let (first, second, again) = (first.all().await, second.all().await, again.all().await);
    for events in [&first, &second, &again] {
        assert_eq!(*statuses(events).last().unwrap(), "SUCCESS", "{events:?}");
        assert!(!statuses(events).contains(&"PENDING"), "{events:?}");
        let end = events.last().unwrap();
        assert_eq!((end.name.as_deref(), &end.data["status"]), (Some("end"), &"SUCCESS".into()));
    }
    let success = first.iter().rev().find(|event| event.name.is_none()).unwrap();
    let over = ask(&there, &file, &[("last-event-id", success.id.as_deref().unwrap())]).await;
    assert_eq!(over.status(), 204);
    let late = Events::of(&there, &file, &[]).await.all().await;
    assert_eq!(statuses(&late), ["SUCCESS"]);
}

#[tokio::test]
async fn a_failure_is_told_with_its_sentence() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let claim = [("checksum", "crc64nvme:0000000000000001")];
    let file = client.upload(&[b"abc".to_vec()], &[], &claim).await;
    let events = Events::of(&client, &file, &[]).await.all().await;
    assert_eq!(*statuses(&events).last().unwrap(), "FAILURE");
    let sentence = events.last().unwrap().data["error"].as_str().unwrap();
    assert!(sentence.contains("checksum"), "{sentence}");
}

#[tokio::test]
async fn only_who_may_see_a_file_is_told_of_it() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let credential = [("credential", r#"{"user_id": 84793}"#)];
    let file = client.upload(&[b"abc".to_vec()], &[], &credential).await;
    let path = format!("/file/events/{}", file["id"].as_str().unwrap());
    assert_eq!(client.get(&path).await.error(), (403, vec![], "Permission denied".to_owned()));
    assert_eq!(client.get(&format!("{path}?user_id=1")).await.error().0, 403);
    assert_eq!(client.get("/file/events/f28a2047-2409-4a88-af3b-227038f6c81c").await.error().0, 404);
    let events = Events::of(&client, &file, &[("x-file-credential", r#"{"user_id": "84793"}"#)]).await;
    assert_eq!(*statuses(&events.all().await).last().unwrap(), "SUCCESS");
}

#[tokio::test]
async fn a_stop_ends_the_events_so_that_the_client_comes_again() {
    let (_deployment, gate, mut services) = two_apis().await;
    let client = services[0].client();
    gate.shut();
    let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
    let mut events = Events::of(&client, &file, &[]).await;
    assert_eq!(events.next().await.unwrap().data["status"], "PENDING");
    services[0].signal(rustix::process::Signal::TERM);
    assert!(events.all().await.is_empty());
    assert_eq!(services[0].ended().await.code(), Some(0));
    gate.open();
    let events = Events::of(&services[1].client(), &file, &[]).await;
    assert_eq!(*statuses(&events.all().await).last().unwrap(), "SUCCESS");
}
