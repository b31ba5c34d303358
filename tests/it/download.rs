//! The download route: RFC 9110 at the wire, and the clients that people use.

use std::process::Command;

use reqwest::{Method, Response};
use serde_json::Value;

use crate::support::browser::Browser;
use crate::support::deployment::run;
use crate::support::{Client, Database, Deployment, Queue, Service, Store, bytes, eventually};

const MIB: usize = 1024 * 1024;

struct Fixture {
    client: Client,
    url: String,
    content: Vec<u8>,
    services: Vec<Service>,
    _deployment: Deployment,
}

impl Fixture {
    async fn new(deployment: Deployment, content: Vec<u8>, completion: &[(&str, &str)]) -> Self {
        let services = deployment.start().await;
        let client = services[0].client();
        let chunks: Vec<Vec<u8>> = content.chunks(10 * MIB).map(<[u8]>::to_vec).collect();
        let file = client.upload(&chunks, &[], completion).await;
        let url = download_url(&client, &file);
        client.done(&file, None).await;
        Self { client, url, content, services, _deployment: deployment }
    }

    /// The same 100 kB on both stores.
    async fn on_both_stores() -> [Self; 2] {
        Self::of_both_stores(bytes(100_000, 1)).await
    }

    async fn of_both_stores(content: Vec<u8>) -> [Self; 2] {
        let s3 = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
        [Self::new(Deployment::embedded().await, content.clone(), &[]).await, Self::new(s3, content, &[]).await]
    }

    async fn ask(&self, method: Method, headers: &[(&str, &str)]) -> Response {
        let request = self.client.http.request(method, &self.url);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.expect("an answer")
    }

    async fn get(&self, headers: &[(&str, &str)]) -> Response {
        self.ask(Method::GET, headers).await
    }
}

fn download_url(client: &Client, file: &Value) -> String {
    client.url(&format!("/file/download/{}", file["id"].as_str().unwrap()))
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

async fn body(response: Response) -> Vec<u8> {
    response.bytes().await.expect("a body").to_vec()
}

#[tokio::test]
async fn a_file_comes_with_what_describes_it() {
    for fixture in Fixture::on_both_stores().await {
        for method in [Method::GET, Method::HEAD] {
            let response = fixture.ask(method.clone(), &[]).await;
            assert_eq!(response.status(), 200);
            assert_eq!(header(&response, "content-length"), "100000");
            assert_eq!(header(&response, "content-type"), "text/plain");
            assert_eq!(header(&response, "accept-ranges"), "bytes");
            assert_eq!(header(&response, "x-content-type-options"), "nosniff");
            assert_eq!(header(&response, "cache-control"), "public, no-cache");
            let etag = header(&response, "etag");
            assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() > 2, "{etag}");
            assert!(header(&response, "last-modified").ends_with("GMT"));
            let expected = if method == Method::GET { fixture.content.clone() } else { Vec::new() };
            assert!(body(response).await == expected);
        }
    }
}

#[tokio::test]
async fn one_range_is_sent_as_asked_for() {
    for fixture in Fixture::on_both_stores().await {
        for (range, start, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=99999-", 99_999, 100_000),
            ("bytes=10-99", 10, 100),
            ("bytes=-500", 99_500, 100_000),
            ("bytes=-200000", 0, 100_000),
            ("bytes=50000-999999", 50_000, 100_000),
            ("BYTES=1-2", 1, 3),
            ("bytes=5-9,200000-", 5, 10),
        ] {
            let response = fixture.get(&[("range", range)]).await;
            assert_eq!(response.status(), 206, "{range}");
            assert_eq!(header(&response, "content-range"), format!("bytes {start}-{}/100000", end - 1));
            assert_eq!(header(&response, "content-length"), (end - start).to_string());
            assert!(body(response).await == fixture.content[start..end], "{range}");
        }
        // HEAD has no ranges, and other units are not ours.
        assert_eq!(fixture.ask(Method::HEAD, &[("range", "bytes=0-0")]).await.status(), 200);
        assert_eq!(fixture.get(&[("range", "lines=1-2")]).await.status(), 200);
    }
}

#[tokio::test]
async fn several_ranges_are_sent_as_parts() {
    for fixture in Fixture::on_both_stores().await {
        let response = fixture.get(&[("range", "bytes=500-599, 0-9, -3")]).await;
        assert_eq!(response.status(), 206);
        let content_type = header(&response, "content-type").to_owned();
        let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect(&content_type).to_owned();
        assert_eq!(header(&response, "content-range"), "");
        let length: usize = header(&response, "content-length").parse().unwrap();
        let body = body(response).await;
        assert_eq!(body.len(), length);
        let part = |start: usize, end: usize| {
            let range = format!("bytes {start}-{}/100000", end - 1);
            let head = format!("\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: {range}\r\n\r\n");
            [head.into_bytes(), fixture.content[start..end].to_vec()].concat()
        };
        let end = format!("\r\n--{boundary}--\r\n").into_bytes();
        assert!(body == [part(500, 600), part(0, 10), part(99_997, 100_000), end].concat());
    }
}

#[tokio::test]
async fn ranges_that_overlap_are_sent_once() {
    for fixture in Fixture::on_both_stores().await {
        let response = fixture.get(&[("range", "bytes=10-20,15-30,0-9")]).await;
        assert_eq!(header(&response, "content-range"), "bytes 0-30/100000");
        assert!(body(response).await == fixture.content[..31]);
        let response = fixture.get(&[("range", "bytes=0-,0-,0-,0-")]).await;
        assert_eq!(header(&response, "content-length"), "100000");
    }
}

#[tokio::test]
async fn ranges_that_cannot_be_sent_are_a_416() {
    let many = format!("bytes={}", (0..10_000).map(|n| format!("{}-{}", n * 3, n * 3)).collect::<Vec<_>>().join(","));
    for fixture in Fixture::on_both_stores().await {
        for range in ["bytes=100000-", "bytes=-0", "bytes=9-2", "bytes=", "bytes=x-y", "bytes=0-1,9-2", &many] {
            let response = fixture.get(&[("range", range)]).await;
            let shown = &range[..range.len().min(40)];
            assert_eq!(response.status(), 416, "{shown}");
            assert_eq!(header(&response, "content-range"), "bytes */100000", "{shown}");
            let answer: Value = response.json().await.unwrap();
            assert_eq!(answer["success"], false);
        }
    }
}

#[tokio::test]
async fn conditions_decide_what_is_sent() {
    for fixture in Fixture::on_both_stores().await {
        let first = fixture.get(&[]).await;
        let etag = header(&first, "etag").to_owned();
        let modified = header(&first, "last-modified").to_owned();
        let weak = format!("W/{etag}");
        let several = format!("\"other\", {etag}");
        let long_ago = "Mon, 01 Jan 2001 00:00:00 GMT";
        for (name, value, status) in [
            ("if-none-match", etag.as_str(), 304),
            ("if-none-match", &weak, 304),
            ("if-none-match", &several, 304),
            ("if-none-match", "*", 304),
            ("if-none-match", "\"other\"", 200),
            ("if-modified-since", &modified, 304),
            ("if-modified-since", long_ago, 200),
            ("if-modified-since", "nonsense", 200),
            ("if-match", &etag, 200),
            ("if-match", "*", 200),
            ("if-match", "\"other\"", 412),
            ("if-unmodified-since", &modified, 200),
            ("if-unmodified-since", long_ago, 412),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let response = fixture.ask(method, &[(name, value)]).await;
                assert_eq!(response.status(), status, "{name}: {value}");
                if status == 304 {
                    assert_eq!(header(&response, "etag"), etag);
                    assert_eq!(header(&response, "last-modified"), modified);
                    assert!(body(response).await.is_empty());
                }
            }
        }
        // If-None-Match counts before If-Modified-Since.
        let both = [("if-none-match", "\"other\""), ("if-modified-since", &modified)];
        assert_eq!(fixture.get(&both).await.status(), 200);
        for (value, status) in
            [(etag.as_str(), 206), (&modified, 206), (&weak, 200), ("\"other\"", 200), (long_ago, 200)]
        {
            let response = fixture.get(&[("range", "bytes=0-9"), ("if-range", value)]).await;
            assert_eq!(response.status(), status, "if-range: {value}");
        }
        let unsatisfiable = [("range", "bytes=100000-"), ("if-range", "\"other\"")];
        assert_eq!(fixture.get(&unsatisfiable).await.status(), 200);
    }
}

#[tokio::test]
async fn an_empty_file_is_sent_as_one() {
    for fixture in Fixture::of_both_stores(Vec::new()).await {
        for (range, status) in [(None, 200), (Some("bytes=0-"), 416), (Some("bytes=-1"), 200), (Some("bytes=0-0"), 416)]
        {
            let headers: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
            let response = fixture.get(&headers).await;
            assert_eq!(response.status(), status, "{range:?}");
            if status == 200 {
                assert!(body(response).await.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn nothing_that_a_file_holds_runs_in_a_browser() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    for (content_type, kind) in [
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/pdf", "attachment"),
        ("text/plain", "inline"),
        ("image/png", "inline"),
        ("video/mp4", "inline"),
        ("audio/mpeg", "inline"),
    ] {
        let completion = [("content_type", content_type), ("filename", "Übersicht \"1\".txt")];
        let file = client.upload(&[b"<script>".to_vec()], &[], &completion).await;
        client.done(&file, None).await;
        let response = client.http.get(download_url(&client, &file)).send().await.unwrap();
        let disposition = header(&response, "content-disposition");
        let named = "; filename=\"_bersicht _1_.txt\"; filename*=UTF-8''%C3%9Cbersicht%20%221%22.txt";
        assert_eq!(disposition, format!("{kind}{named}"));
        assert_eq!(header(&response, "content-type"), content_type);
        let policy = header(&response, "content-security-policy");
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{policy}");
    }
}

#[tokio::test]
async fn a_private_file_needs_its_link_or_its_credential_and_one_that_is_not_stored_is_a_409() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let credential = [("credential", r#"{"user_id": 84793}"#)];
    let file = client.upload(&[b"secret".to_vec()], &[], &credential).await;
    client.done(&file, Some(r#"{"user_id": "84793"}"#)).await;
    let url = download_url(&client, &file);
    let ask = async |url: String| client.http.get(url).send().await.unwrap();
    assert_eq!(ask(url.clone()).await.status(), 403);
    assert_eq!(ask(format!("{url}?user_id=1")).await.status(), 403);
    assert_eq!(ask(format!("{url}?user_id=84793")).await.status(), 200);
    let link = file["download_url"].as_str().unwrap().to_owned();
    let response = ask(link.clone()).await;
    assert_eq!(header(&response, "cache-control"), "private, no-cache");
    assert_eq!(body(response).await, b"secret");
    assert_eq!(ask(link.replace("expires=", "expires=1")).await.status(), 403);
    assert_eq!(client.http.head(link.replace("signature=", "signature=00")).send().await.unwrap().status(), 403);
    // The key is kept: the link outlives the process.
    drop(api);
    let deployment = deployment.set("APP_PORT", client.base.rsplit(':').next().unwrap());
    let _api = deployment.api().await;
    assert_eq!(body(ask(link).await).await, b"secret");

    let failed = [("checksum", "crc64nvme:0000000000000001")];
    let file = client.upload(&[b"abc".to_vec()], &[], &failed).await;
    client.done(&file, None).await;
    for method in [Method::GET, Method::HEAD] {
        let response = client.http.request(method, download_url(&client, &file)).send().await.unwrap();
        assert_eq!(response.status(), 409);
    }
    let unknown = client.url("/file/download/f28a2047-2409-4a88-af3b-227038f6c81c");
    assert_eq!(client.http.head(unknown).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_download_that_is_cut_off_frees_its_connection_to_the_store() {
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let fixture = Fixture::new(deployment, bytes(40 * MIB, 3), &[]).await;
    let service = &fixture.services[0];
    let sockets = || {
        let folder = format!("/proc/{}/fd", service.pid().as_raw_nonzero());
        let links = std::fs::read_dir(folder).unwrap().filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
    };
    let before = sockets();
    let mut responses = Vec::new();
    for _ in 0..20 {
        let mut response = fixture.get(&[]).await;
        response.chunk().await.unwrap().expect("some bytes");
        responses.push(response);
    }
    assert!(sockets() >= before + 20);
    drop(responses);
    eventually("the sockets are closed", async || (sockets() <= before + 2).then_some(())).await;
}

async fn curl(folder: &std::path::Path, arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail-with-body"]).args(arguments).current_dir(folder);
    let (status, output, complaint) = run(command).await;
    assert!(status.success(), "curl {arguments:?}: {output}{complaint}");
    output
}

#[tokio::test]
async fn curl_resumes_asks_for_ranges_and_downloads_in_parallel() {
    let s3 = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    for deployment in [Deployment::embedded().await, s3] {
        let fixture = Fixture::new(deployment, bytes(12 * MIB + 345, 2), &[("filename", "named.txt")]).await;
        let (url, folder) = (fixture.url.as_str(), tempfile::tempdir().unwrap());
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join("half"), &fixture.content[..7_340_033]).unwrap();
        curl(folder.path(), &["-C", "-", "-o", "half", url]).await;
        assert!(read("half") == fixture.content);
        curl(folder.path(), &["--range", "1000-1999", "-o", "range", url]).await;
        assert!(read("range") == fixture.content[1000..2000]);
        curl(folder.path(), &["-Z", "-o", "a", url, "-o", "b", url, "-o", "c", url]).await;
        for name in ["a", "b", "c"] {
            assert!(read(name) == fixture.content, "{name}");
        }
        curl(folder.path(), &["-O", "-J", url]).await;
        assert!(read("named.txt") == fixture.content);
        let etags = ["--etag-save", "etag", "--etag-compare", "etag", "-o", "cached", url];
        curl(folder.path(), &etags).await;
        let told = curl(folder.path(), &[&["-w", "%{http_code} %{size_download}"][..], &etags].concat()).await;
        assert_eq!(told, "304 0");
    }
}

/// Half a minute of moving picture, too large for a browser to take in one go.
async fn film(folder: &std::path::Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    let picture = "testsrc2=size=320x240:rate=25,noise=alls=60:allf=t";
    command.args(["-v", "error", "-f", "lavfi", "-i", picture, "-t", "30", "-pix_fmt", "yuv420p"]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", "-g", "25", "film.mp4"]).current_dir(folder);
    let (status, _, complaint) = run(command).await;
    assert!(status.success(), "{complaint}");
    std::fs::read(folder.join("film.mp4")).unwrap()
}

#[tokio::test]
async fn a_browser_seeks_in_a_film() {
    let folder = tempfile::tempdir().unwrap();
    let content = film(folder.path()).await;
    assert!(content.len() > 20 * MIB, "{}", content.len());
    let completion = [("content_type", "video/mp4"), ("file_extension", "mp4")];
    let fixture = Fixture::new(Deployment::embedded().await, content, &completion).await;
    let page = r#"<!doctype html><video id="film" muted preload="metadata" src="URL"></video><script>
        const film = document.getElementById('film');
        const tell = (what) => fetch('/tell', { method: 'POST', body: JSON.stringify(what) });
        film.onloadedmetadata = () => { film.currentTime = 25; };
        film.onseeked = () => tell({ at: film.currentTime, duration: film.duration, width: film.videoWidth });
        film.onerror = () => tell({ error: film.error.message });
        </script>"#;
    let browser = Browser::open(page.replace("URL", &fixture.url)).await;
    assert_eq!(browser.told().await, serde_json::json!({ "at": 25, "duration": 30, "width": 320 }));
    drop(browser);
    // It came there by a range of its own, not by reading up to it.
    let size = fixture.content.len() as u64;
    eventually("the log tells of the ranges", async || {
        let lines = fixture.services[0].log_json();
        let partial: Vec<u64> = lines
            .iter()
            .filter(|line| line["span"]["route"] == "/api/v1/file/download/{file_id}" && line["status"] == 206)
            .map(|line| line["bytes_out"].as_u64().unwrap())
            .collect();
        (partial.len() >= 2 && partial.iter().all(|sent| *sent < size)).then_some(())
    })
    .await;
}
