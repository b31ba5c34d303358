//! What is inside: the first bytes of files are looked at, noted, and, if the operator wants, held against them.

use serde_json::Value;

use crate::support::{Client, Database, Deployment, Queue, Store, bytes};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR and more";
const PAGE: &[u8] = b"<!doctype html><html><script>alert(1)</script>";

async fn on_both_stores() -> [Deployment; 2] {
    [Deployment::embedded().await, Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await]
}

fn named(extension: &'static str, content_type: &'static str) -> [(&'static str, &'static str); 2] {
    [("file_extension", extension), ("content_type", content_type)]
}

/// An upload whose one chunk goes past the service.
async fn by_link(client: &Client, content: &[u8]) -> String {
    let upload = client.init(&[("total_size", &content.len().to_string())]).await;
    let links = client.post(&format!("/file/upload/{upload}/urls"), &[("indexes", "[0]")]).await.data();
    let link = links["urls"][0]["url"].as_str().expect("a link").to_owned();
    assert_eq!(client.put_by_link(&link, content).await, 200);
    upload
}

async fn found(client: &Client, file: &Value) -> Value {
    client.done(file, None).await;
    client.get(&format!("/file/get/{}", file["id"].as_str().unwrap())).await.data()["found_type"].clone()
}

#[tokio::test]
async fn what_is_found_is_noted_by_whichever_door_it_came() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let file = client.upload(&[PNG.to_vec()], &[], &named("png", "image/png")).await;
        assert_eq!(file["found_type"], "image/png");
        let lie = client.upload(&[PAGE.to_vec()], &[], &named("png", "image/png")).await;
        assert_eq!(found(&client, &lie).await, "text/html");
        let upload = by_link(&client, PNG).await;
        let file = client.complete(&upload, 1, PNG.len(), &named("png", "image/png")).await.data();
        assert_eq!(found(&client, &file).await, "image/png");
        let noise = client.upload(&[bytes(9000, 7)], &[], &[]).await;
        assert_eq!(noise["found_type"], "application/octet-stream");
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_can_be_refused() {
    for deployment in on_both_stores().await {
        let deployment = deployment.set("APP_CONTENT_CHECK", "reject");
        let services = deployment.start().await;
        let client = services[0].client();
        let upload = client.init(&[]).await;
        client.chunk(&upload, 0, PAGE).await.data();
        let (status, errors, _) = client.complete(&upload, 1, PAGE.len(), &named("png", "image/png")).await.error();
        assert_eq!(
            (status, errors),
            (422, vec!["[body->file_extension] the file's first bytes are those of text/html".into()])
        );
        // It may still become what it is.
        let file = client.complete(&upload, 1, PAGE.len(), &named("html", "text/html")).await.data();
        assert_eq!(client.download(&file, None).await, PAGE);
        let upload = by_link(&client, PAGE).await;
        let completed = client.complete(&upload, 1, PAGE.len(), &named("png", "image/png")).await;
        if !deployment.settings.contains_key("MINIO_ENDPOINT") {
            // The link led to the service, which saw it come in.
            assert_eq!(completed.status, 422);
            continue;
        }
        let file = completed.data();
        let status = client.done(&file, None).await;
        assert_eq!(status["status"], "FAILURE");
        assert_eq!(status["error"], "The file is not what its extension and content type say.");
    }
}

#[tokio::test]
async fn a_first_chunk_that_is_too_short_to_tell_hides_nothing_and_accuses_nobody() {
    for deployment in on_both_stores().await {
        let deployment = deployment.set("APP_CONTENT_CHECK", "reject");
        let services = deployment.start().await;
        let client = services[0].client();
        let program = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 60]].concat();
        let pieces = |content: &[u8]| vec![content[..1].to_vec(), content[1..].to_vec()];
        let lie = client.upload(&pieces(&program), &[], &named("txt", "text/plain")).await;
        let status = client.done(&lie, None).await;
        assert_eq!(status["error"], "The file is not what its extension and content type say.");
        let honest = client.upload(&pieces(PNG), &[], &named("png", "image/png")).await;
        assert_eq!(found(&client, &honest).await, "image/png");
    }
}

#[tokio::test]
async fn the_operator_says_which_extensions_are_accepted_and_whether_anybody_looks() {
    let deployment =
        Deployment::embedded().await.set("APP_ACCEPTED_EXTENSIONS", "webp,txt").set("APP_CONTENT_CHECK", "off");
    let service = deployment.api().await;
    let client = service.client();
    let file = client.upload(&[bytes(9, 1)], &[], &named("webp", "image/webp")).await;
    assert_eq!(file["found_type"], Value::Null);
    assert_eq!(client.download(&file, None).await, bytes(9, 1));
    let (status, errors, _) = client.post("/file/upload/init", &[("file_extension", "png")]).await.error();
    assert_eq!((status, errors), (422, vec!["[body->file_extension] input should be 'webp' or 'txt'".into()]));
    drop(service);
    // What was accepted once can still be read.
    let deployment = deployment.set("APP_ACCEPTED_EXTENSIONS", "txt");
    let service = deployment.api().await;
    assert_eq!(service.client().download(&file, None).await, bytes(9, 1));
}
