//! What a crowd, or one bad caller, must not take away from the others.

use futures::future::join_all;
use reqwest::multipart::{Form, Part};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::scrape::Scrape;
use crate::support::{Client, Deployment, Service, bytes, eventually};

const HEAD: &str = "POST /api/v1/file/upload/init HTTP/1.1\r\nHost: x\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n";

/// A connection on which `first` was sent, with a credential where one is needed.
async fn open(api: &Service, first: &str) -> TcpStream {
    connect(api, &with_credential(api, first)).await
}

fn with_credential(api: &Service, first: &str) -> String {
    first.replacen("Host: x\r\n", &format!("Host: x\r\n{}", api.client().header()), 1)
}

async fn connect(api: &Service, first: &str) -> TcpStream {
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    stream
}

/// All that the server says until it closes the connection, or resets it.
async fn rest(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Sends a byte now and then until the server has closed the connection; what it said.
async fn trickle(mut stream: TcpStream) -> String {
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let send = async {
        while writer.write_all(b"a").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = reader.read_to_end(&mut answer) => {}
        () = send => {}
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// What a hundred callers hear who begin with `first`.
async fn crowd<F>(api: &Service, first: &str, then: fn(TcpStream) -> F) -> Vec<String>
where
    F: Future<Output = String>,
{
    // Once, because to make a client takes long enough for connections to end meanwhile.
    let first = with_credential(api, first);
    join_all((0..100).map(async |_| then(connect(api, &first).await).await)).await
}

async fn in_flight(api: &Service, count: u64) {
    eventually(&format!("{count} requests are in flight"), async || {
        (Scrape::api(api).await.value("filemanager_http_requests_in_flight", &[]) == count).then_some(())
    })
    .await;
}

/// The answer is a refusal in the envelope that says when to come back.
async fn is_refused(client: &Client) {
    let answer = client.http.get(client.url("/users")).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers()["retry-after"].to_str().unwrap().parse::<u32>().unwrap() > 0);
    let body: serde_json::Value = answer.json().await.unwrap();
    assert_eq!((&body["success"], body["errors"].as_array().map(Vec::len)), (&false.into(), Some(0)), "{body}");
}

#[tokio::test]
async fn a_crowd_of_tricklers_is_gone_and_honest_callers_are_served_meanwhile() {
    let deployment = Deployment::embedded().await.set("APP_HEAD_TIMEOUT", "2").set("APP_BODY_TIMEOUT", "2");
    let api = deployment.api().await;
    let heads = crowd(&api, "GET /api/v1/users HTT", trickle);
    let bodies = crowd(&api, HEAD, trickle);
    let idle = crowd(&api, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", rest);
    let honest = async {
        let (client, chunk) = (api.client(), bytes(100_000, 1));
        for _ in 0..20 {
            let file = client.upload(std::slice::from_ref(&chunk), &[], &[]).await;
            assert!(client.download(&file, None).await == chunk);
        }
    };
    let (heads, bodies, idle, ()) = futures::join!(heads, bodies, idle, honest);
    for answer in heads.iter().chain(&bodies) {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(bodies.iter().any(|answer| answer.contains("The body came too slowly.")), "{}", bodies[0]);
    assert!(idle.iter().all(|answer| answer.starts_with("HTTP/1.1 200")), "{}", idle[0]);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_to_come_back_and_health_is_seen_by_them() {
    let deployment = Deployment::embedded().await.set("APP_MAX_CONNECTIONS", "10");
    let api = deployment.api().await;
    let crowd = join_all((0..10).map(|_| open(&api, "GET /api/v1/users HTT"))).await;
    // They are counted once they are accepted, in the order in which they came.
    let client = api.client();
    is_refused(&client).await;
    let health = open(&api, "GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(rest(health).await.starts_with("HTTP/1.1 200"));
    assert!(Scrape::api(&api).await.value("filemanager_http_refused_total", &["limit=\"connections\""]) >= 1);
    drop(crowd);
    eventually("there is room again", async || {
        let answer = client.http.get(client.url("/users")).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_beyond_the_limit_wait_and_are_then_told_to_come_back() {
    let deployment = Deployment::embedded().await.set("APP_MAX_REQUESTS", "4");
    let api = deployment.api().await;
    let crowd = join_all((0..4).map(|_| open(&api, HEAD))).await;
    in_flight(&api, 5).await;
    is_refused(&api.client()).await;
    // One that waits goes on when there is room.
    let waiting = tokio::spawn({
        let client = api.client();
        async move { client.get("/users").await }
    });
    in_flight(&api, 6).await;
    drop(crowd);
    waiting.await.unwrap().data();
}

#[tokio::test]
async fn bodies_beyond_the_limit_wait_and_are_then_told_to_come_back() {
    let deployment = Deployment::embedded().await.set("APP_MAX_BYTES_IN_FLIGHT", (1 << 20).to_string());
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    let head = |index: usize| {
        format!(
            "PUT /api/v1/file/upload/{upload}/chunk/{index} HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\nabc"
        )
    };
    let heads: Vec<_> = (0..4).map(head).collect();
    let crowd = join_all(heads.iter().map(|head| open(&api, head))).await;
    in_flight(&api, 5).await;
    let answer = client.http.put(client.url(&format!("/file/upload/{upload}/chunk/9"))).body(bytes(300_000, 1));
    assert_eq!(answer.send().await.unwrap().status(), 503);
    // What has no body needs no room for it.
    client.get("/users").await.data();
    drop(crowd);
    client.raw_chunk(&upload, "9", &bytes(300_000, 1), &[]).await.data();
}

#[tokio::test]
async fn a_caller_that_takes_nothing_of_its_answer_is_given_up() {
    let deployment = Deployment::embedded().await.set("APP_READ_TIMEOUT", "1");
    let api = deployment.api().await;
    let client = api.client();
    let file = client.upload(&[bytes(10 << 20, 1), bytes(10 << 20, 2)], &[], &[]).await;
    client.done(&file, None).await;
    let path = format!("/api/v1/file/download/{}", file["id"].as_str().unwrap());
    let _silent = open(&api, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
    in_flight(&api, 2).await;
    in_flight(&api, 1).await;
}

#[tokio::test]
async fn forms_have_the_size_that_the_setting_says() {
    let deployment = Deployment::embedded().await.set("APP_MAX_FORM_SIZE", "200000");
    let api = deployment.api().await;
    let client = api.client();
    for (size, status) in [(190_000, 200), (201_000, 413)] {
        let form = format!("padding={}", "a".repeat(size));
        let request = client.http.post(client.url("/file/upload/init"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        assert_eq!(request.send().await.unwrap().status(), status, "{size}");
    }
    // A chunk's form as well, before its file and behind it.
    let padded = |form: Form| (0..30).fold(form, |form, n| form.text(format!("padding{n}"), "a".repeat(10_000)));
    let with_file = |form: Form| form.part("file", Part::bytes(b"abc".to_vec()).file_name("blob"));
    for form in [with_file(padded(Form::new())), padded(with_file(Form::new()))] {
        let request = client.http.post(client.url("/file/upload/chunk")).multipart(form);
        assert_eq!(request.send().await.unwrap().status(), 413);
    }
}
