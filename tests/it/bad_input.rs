//! Input that no honest client sends, and connections that break.

use std::fs;
use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Client, Deployment, Service, bytes, eventually};

/// Sends raw bytes and reads the answer until the server closes.
pub async fn raw(api: &Service, head: &str, parts: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(api.address()).await.unwrap();
    // The server may answer and close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    for part in parts {
        if stream.write_all(part).await.is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn chunk_head(upload: &str, size: usize) -> String {
    let field =
        |name: &str, value: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let form = [field("upload_id", upload), field("chunk_index", "0"), field("chunk_size", &size.to_string())].concat()
        + "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    let length = form.len() + size + "\r\n--B--\r\n".len();
    format!(
        "POST /api/v1/file/upload/chunk/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: multipart/form-data; boundary=B\r\nContent-Length: {length}\r\n\r\n{form}"
    )
}

/// Cuts connections in the middle of a chunk; the chunk must not be there, and must succeed when it is sent again.
async fn a_cut_chunk_leaves_nothing(deployment: Deployment) {
    let services = deployment.start().await;
    let client = services[0].client();
    let chunk = bytes(6 << 20, 1);
    for cut in [0, 1, 100_000, chunk.len() - 1, chunk.len(), chunk.len() + 5] {
        let upload = client.init(&[("file_extension", "txt"), ("visibility", "public")]).await;
        let mut stream = TcpStream::connect(services[0].address()).await.unwrap();
        stream.write_all(chunk_head(&upload, chunk.len()).as_bytes()).await.unwrap();
        let body = [&chunk[..], b"\r\n--B--\r\n"].concat();
        stream.write_all(&body[..cut]).await.unwrap();
        drop(stream);
        let (status, errors, _) = client.complete(&upload, 1, chunk.len(), &[]).await.error();
        assert_eq!((status, errors[0].as_str()), (422, "[body->total_chunks] missing chunks: 0"), "cut at {cut}");
        client.chunk(&upload, 0, &chunk).await.data();
        let file = client.complete(&upload, 1, chunk.len(), &[]).await.data();
        assert!(client.download(&file, None).await == chunk, "cut at {cut}");
    }
}

#[tokio::test]
async fn a_chunk_that_is_cut_off_leaves_nothing_in_a_directory() {
    a_cut_chunk_leaves_nothing(Deployment::embedded().await).await;
}

#[tokio::test]
async fn a_chunk_that_is_cut_off_leaves_nothing_in_s3() {
    a_cut_chunk_leaves_nothing(Deployment::full().await).await;
}

#[tokio::test]
async fn an_upload_id_that_is_a_path_touches_no_file() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    for id in ["../../etc", "/etc/passwd", "..%2f..%2fetc", "f28a2047-2409-4a88-af3b-227038f6c81c/../../x", "\0", "."] {
        assert_eq!(client.chunk(id, 0, b"abc").await.status, 422, "{id:?}");
        assert_eq!(client.complete(id, 1, 3, &[]).await.status, 422, "{id:?}");
    }
    let entries: Vec<_> =
        fs::read_dir(deployment.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, ["data"]);
    assert_eq!(fs::read_dir(deployment.folder.path().join("data/staging")).unwrap().count(), 0);
}

async fn oversized(client: &Client, form: Vec<u8>, content_type: &str) -> u16 {
    let request = client.http.post(client.url("/file/upload/complete")).header("content-type", content_type).body(form);
    // The server may close before it has read everything, which is as good as a refusal.
    request.send().await.map_or(0, |answer| answer.status().as_u16())
}

#[tokio::test]
async fn oversized_forms_are_refused_in_little_memory() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    client.init(&[]).await;
    let before = api.peak_memory_mib();
    let field =
        |name: &str, value: &str| format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let ten_mb = "x".repeat(10_000_000);
    let multipart = "multipart/form-data; boundary=B";
    for (what, form, content_type) in [
        ("a field of 10 MB", field("filename", &ten_mb) + "--B--", multipart),
        ("10,000 fields", field("f", "1").repeat(10_000) + "--B--", multipart),
        ("a field's header of 10 MB", format!("--B\r\nX: {ten_mb}\r\n\r\nx\r\n--B--"), multipart),
        ("10 MB of nothing", ten_mb.clone(), multipart),
        ("10 MB of text", format!("filename={ten_mb}"), "application/x-www-form-urlencoded"),
        ("10 MB of JSON", format!("{{\"filename\": \"{ten_mb}\"}}"), "application/json"),
        ("a boundary of 10 kB", String::new(), &format!("multipart/form-data; boundary={}", "b".repeat(10_000))),
    ] {
        let status = oversized(&client, form.into_bytes(), content_type).await;
        assert!(status == 0 || (400..500).contains(&status), "{what}: {status}");
    }
    let grown = api.peak_memory_mib() - before;
    assert!(grown < 16, "the process grew by {grown} MiB");
    client.init(&[]).await;
}

#[tokio::test]
async fn malformed_requests_get_a_4xx_and_the_service_goes_on() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let post = |content_type: &str, length: usize| {
        format!(
            "POST /api/v1/file/upload/complete HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    for (content_type, body) in [
        ("multipart/form-data", &b"--B--"[..]),
        ("multipart/form-data; boundary=\"\"", b"----"),
        ("multipart/form-data; boundary=B", b"no form"),
        ("application/json", b"{"),
        ("application/json", b"[1]"),
        ("text/plain", b"hello"),
        ("///", b"x"),
        (
            "multipart/form-data; boundary=B",
            b"--B\r\nContent-Disposition: form-data; name=\"filename\"\r\n\r\n\xff\xfe\r\n--B--",
        ),
    ] {
        let answer = raw(&api, &post(content_type, body.len()), &[body]).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{content_type}: {answer}");
        assert!(answer.contains("\"success\":false"), "{content_type}: {answer}");
    }
    client.init(&[]).await;
}

#[tokio::test]
async fn a_body_that_trickles_is_closed() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    let head = chunk_head(&upload, 1000);
    // One byte, then silence: the server has to end it.
    let head = head.replacen("Host: x\r\n", &format!("Host: x\r\n{}", client.header()), 1);
    let answer = raw(&api, &head, &[b"x"]).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    client.chunk(&upload, 0, b"abc").await.data();
}

#[tokio::test]
async fn an_answer_reaches_a_client_that_still_sends() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    // 30 MiB where 10 are allowed, by a client that reads only when it has sent everything.
    let (status, errors, _) = client.chunk_saying(&upload, "0", "10485760", &bytes(30 << 20, 1)).await.error();
    assert_eq!((status, errors[0].as_str()), (422, "[body->file] file size is larger than valid chunk size"));
}

#[tokio::test]
async fn temporary_files_are_gone_when_nobody_uses_them() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk_file_first(&upload, 0, &bytes(3 << 20, 1)).await.data();
    let file = client.complete(&upload, 1, 3 << 20, &[]).await.data();
    assert!(client.download(&file, None).await == bytes(3 << 20, 1));
    let empty = |path: &Path| fs::read_dir(path).unwrap().next().is_none();
    let data = deployment.folder.path().join("data");
    eventually("nothing temporary is left", async || {
        (empty(&data.join("tmp")) && empty(&data.join("staging"))).then_some(())
    })
    .await;
}
