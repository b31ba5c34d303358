//! The doors by which chunks come in beside the form, and what a client is told that has lost its way.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::support::{Client, Database, Deployment, Queue, Store, bytes, eventually, s3};

const MIB: usize = 1024 * 1024;
const UNKNOWN: &str = "f28a2047-2409-4a88-af3b-227038f6c81c";
const NO_UPLOAD: &str = "File directory not found. Please initialize first!";

fn digest(bytes: &[u8]) -> String {
    format!("sha-256=:{}:", BASE64_STANDARD.encode(Sha256::digest(bytes)))
}

async fn on_both_stores() -> [Deployment; 2] {
    [Deployment::embedded().await, Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await]
}

fn invalid(error: &str) -> (u16, Vec<String>, String) {
    (422, vec![error.to_owned()], String::new())
}

fn no_upload() -> (u16, Vec<String>, String) {
    (422, vec![], NO_UPLOAD.to_owned())
}

#[tokio::test]
async fn a_raw_chunk_is_answered_as_one_in_a_form() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let upload = client.init(&[]).await;
        let chunks = [bytes(10 * MIB, 1), bytes(77, 2)];
        for _ in 0..2 {
            for (index, chunk) in chunks.iter().enumerate() {
                let answer = client.raw_chunk(&upload, &format!("{index}/"), chunk, &[]).await;
                assert_eq!(answer.body["message"], "The chunk is uploaded successfully!");
                let data = answer.data();
                assert_eq!(data, serde_json::json!({ "chunk_index": index, "upload_id": upload }));
            }
        }
        let other = client.raw_chunk(&upload, "1", &bytes(77, 3), &[]).await.error();
        assert_eq!(other.0, 409);
        let file = client.complete(&upload, 2, 10 * MIB + 77, &[]).await.data();
        assert!(client.download(&file, None).await == chunks.concat());
        assert_eq!(client.raw_chunk(&upload, "2", b"late", &[]).await.status, 409);
    }
}

#[tokio::test]
async fn a_digest_is_checked_before_a_chunk_is_acknowledged() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        for chunk in [bytes(10 * MIB, 1), bytes(77, 2)] {
            let upload = client.init(&[]).await;
            let wrong = [("content-digest", digest(b"something else"))];
            let headers = wrong.each_ref().map(|(name, value)| (*name, value.as_str()));
            let refused = client.raw_chunk(&upload, "0", &chunk, &headers).await.error();
            assert_eq!(refused, invalid("[header->content-digest] the body has another digest"));
            assert_eq!(client.received(&upload).await, []);
            let right = [("content-digest", digest(&chunk))];
            let headers = right.each_ref().map(|(name, value)| (*name, value.as_str()));
            client.raw_chunk(&upload, "0", &chunk, &headers).await.data();
            client.raw_chunk(&upload, "0", &chunk, &headers).await.data();
            let headers = wrong.each_ref().map(|(name, value)| (*name, value.as_str()));
            assert_eq!(client.raw_chunk(&upload, "0", &chunk, &headers).await.status, 422);
            let file = client.complete(&upload, 1, chunk.len(), &[]).await.data();
            assert!(client.download(&file, None).await == chunk);
        }
    }
}

#[tokio::test]
async fn raw_chunks_that_are_wrong_are_refused() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    let refused = async |index: &str, bytes: &[u8], headers: &[(&str, &str)]| {
        client.raw_chunk(&upload, index, bytes, headers).await.error()
    };
    let too_large = bytes(10 * MIB + 1, 1);
    let too_long = "[body->file] file size is larger than valid chunk size";
    assert_eq!(refused("0", &too_large, &[]).await, invalid(too_long));
    assert_eq!(
        refused("0", b"", &[("content-length", "0")]).await,
        invalid("[body->file] file should have at least 1 byte")
    );
    let negative = "[path->index] input should be greater than or equal to 0";
    assert_eq!(refused("-1", b"a", &[]).await, invalid(negative));
    let large = "[path->index] input should be less than or equal to 9999";
    assert_eq!(refused("10000", b"a", &[]).await, invalid(large));
    let no_number = "[path->index] input should be a valid integer, unable to parse string as an integer";
    assert_eq!(refused("one", b"a", &[]).await, invalid(no_number));
    for digest in ["sha-256=:AAAA:", "sha-512=:AAAA:", "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:", "nonsense=", "sha-256=AAAA"] {
        let (status, errors, _) = refused("0", b"a", &[("content-digest", digest)]).await;
        assert_eq!(status, 422, "{digest}");
        assert!(errors[0].starts_with("[header->content-digest] "), "{errors:?}");
    }
    for unknown in [UNKNOWN, "no-uuid"] {
        assert_eq!(client.raw_chunk(unknown, "0", b"a", &[]).await.error(), no_upload());
    }
    let endless = reqwest::Body::wrap_stream(futures::stream::iter([Ok::<_, std::io::Error>("a")]));
    let url = client.url(&format!("/file/upload/{upload}/chunk/0"));
    let answer = client.http.put(url).body(endless).send().await.unwrap();
    assert_eq!(answer.status(), 411);
    assert_eq!(client.received(&upload).await, []);
}

#[tokio::test]
async fn a_client_that_lost_its_way_is_told_what_is_safe() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let services = deployment.start().await;
        let client = services[0].client();
        let upload = client.init(&[]).await;
        let path = format!("/file/upload/{upload}/");
        let told = client.get(&path).await.data();
        assert_eq!((&told["upload_id"], &told["chunk_size"]), (&upload.as_str().into(), &(10 * MIB).into()));
        assert_eq!((told["state"].as_str(), told["received_bytes"].as_i64()), (Some("open"), Some(0)));
        assert!(told["expires_at"].as_str().unwrap().ends_with('Z'), "{told}");
        assert_eq!(told.as_object().unwrap().len(), 6, "{told}");
        client.chunk(&upload, 2, b"ghi").await.data();
        client.raw_chunk(&upload, "0", b"abcd", &[]).await.data();
        let told = client.get(&path).await.data();
        assert_eq!(told["received"], serde_json::json!([{"index": 0, "size": 4}, {"index": 2, "size": 3}]));
        assert_eq!(told["received_bytes"], 7);
        client.raw_chunk(&upload, "1", b"ef", &[]).await.data();
        let file = client.complete(&upload, 3, 9, &[]).await.data();
        assert_eq!(client.download(&file, None).await, b"abcdefghi");
        let told = client.get(&path).await.data();
        assert_eq!((told["state"].as_str(), told["received_bytes"].as_i64()), (Some("completed"), Some(9)));
        for unknown in [UNKNOWN, "no-uuid"] {
            assert_eq!(client.get(&format!("/file/upload/{unknown}")).await.error(), no_upload());
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    let staged = deployment.folder.path().join("data/staging").join(&upload);
    assert!(staged.exists());
    assert_eq!(client.abort(&upload).await.data()["upload_id"], upload);
    eventually("what was staged is gone", async || (!staged.exists()).then_some(())).await;
    gone(&client, &upload).await;
    let done = client.init(&[]).await;
    client.chunk(&done, 0, b"abc").await.data();
    let file = client.complete(&done, 1, 3, &[]).await.data();
    assert_eq!(client.abort(&done).await.error().0, 409);
    assert_eq!(client.download(&file, None).await, b"abc");
    assert_eq!(client.abort(&done).await.error().0, 409);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_nothing_in_the_store() {
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("total_size", "31457280")]).await;
    client.chunk(&upload, 0, &bytes(10 * MIB, 1)).await.data();
    client.chunk(&upload, 1, b"small").await.data();
    let link = client.links(&upload, &[2]).await.remove(0);
    assert_eq!(client.put_by_link(&link, &bytes(10 * MIB, 2)).await, 200);
    client.abort(&upload).await.data();
    eventually("the multipart upload is over", async || {
        (client.put_by_link(&link, &bytes(10 * MIB, 2)).await != 200).then_some(())
    })
    .await;
    gone(&client, &upload).await;
}

async fn gone(client: &Client, upload: &str) {
    assert_eq!(client.abort(upload).await.error(), no_upload());
    assert_eq!(client.get(&format!("/file/upload/{upload}")).await.error(), no_upload());
    assert_eq!(client.chunk(upload, 1, b"def").await.error(), no_upload());
    assert_eq!(client.raw_chunk(upload, "1", b"def", &[]).await.error(), no_upload());
    assert_eq!(client.complete(upload, 1, 3, &[]).await.error(), no_upload());
    assert_eq!(client.urls(upload, &serde_json::json!({"indexes": [0]})).await.error(), no_upload());
}

#[tokio::test]
async fn an_upload_lives_on_as_long_as_its_client_does() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let deployment = deployment.set("APP_UPLOAD_TTL", "3600");
    let api = deployment.api().await;
    let client = api.client();
    let (left, used) = (client.init(&[]).await, client.init(&[]).await);
    let mut database = crate::support::deployment::mysql(Some(&deployment.settings["MYSQL_DATABASE"])).await;
    let nearly = "UPDATE uploads SET expires_at = TIMESTAMPADD(SECOND, 30, UTC_TIMESTAMP(6))";
    sqlx::query(nearly).execute(&mut database).await.unwrap();
    client.chunk(&used, 0, b"abc").await.data();
    let expires = async |upload: &str| {
        let told = client.get(&format!("/file/upload/{upload}")).await.data()["expires_at"].clone();
        let at: chrono::DateTime<chrono::Utc> = told.as_str().unwrap().parse().unwrap();
        (at - chrono::Utc::now()).num_seconds()
    };
    assert!(expires(&left).await <= 30);
    assert!(expires(&used).await > 3500);
    let over = "UPDATE uploads SET expires_at = '2020-01-01 00:00:00' WHERE id = ?";
    let id = |upload: &str| upload.parse::<uuid::Uuid>().unwrap();
    sqlx::query(over).bind(id(&left)).execute(&mut database).await.unwrap();
    gone(&client, &left).await;
    // The store does not keep for ever what it has of one that goes on and on.
    let old = "UPDATE uploads SET created_at = TIMESTAMPADD(MINUTE, -(29 * 24 * 60 + 30), UTC_TIMESTAMP(6)), \
               expires_at = TIMESTAMPADD(SECOND, 30, UTC_TIMESTAMP(6)) WHERE id = ?";
    sqlx::query(old).bind(id(&used)).execute(&mut database).await.unwrap();
    client.chunk(&used, 1, b"def").await.data();
    let left = expires(&used).await;
    assert!((1500..=1800).contains(&left), "{left}");
}

#[tokio::test]
async fn all_doors_lead_to_one_file() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let size = 50 * MIB + 5;
        let content = bytes(size, 7);
        let chunks: Vec<&[u8]> = content.chunks(10 * MIB).collect();
        let upload = client.init(&[("total_size", &size.to_string())]).await;
        let links = client.links(&upload, &[0, 2, 5]).await;
        client.chunk(&upload, 1, chunks[1]).await.data();
        client.chunk_file_first(&upload, 3, chunks[3]).await.data();
        client.raw_chunk(&upload, "4", chunks[4], &[]).await.data();
        for (link, index) in links.iter().zip([0, 2, 5]) {
            assert_eq!(client.put_by_link(link, chunks[index]).await, 200);
        }
        let expected: Vec<(i64, i64)> =
            (0..).zip(chunks.iter().map(|chunk| i64::try_from(chunk.len()).unwrap())).collect();
        assert_eq!(client.received(&upload).await, expected);
        let file = client.complete(&upload, 6, size, &[]).await.data();
        assert!(client.download(&file, None).await == content);
    }
}

#[tokio::test]
async fn an_upload_whose_parts_the_store_has_thrown_away_is_begun_anew() {
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("file_extension", "txt"), ("visibility", "private")]).await;
    client.chunk(&upload, 0, &bytes(5 * MIB, 1)).await.data();
    throw_parts_away(&upload).await;
    let mut index = 0;
    // A store may close the connection before it is heard, which is a 503 as of any store that is away.
    let told = eventually("its client is told", async || {
        index += 1;
        let answer = client.chunk(&upload, index, &bytes(5 * MIB, 2)).await;
        (answer.status != 503).then_some(answer)
    });
    assert_eq!(told.await.error(), no_upload());
}

#[tokio::test]
async fn an_upload_is_begun_anew_too_when_what_went_past_the_service_was_thrown_away() {
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let size = 5 * MIB + 7;
    let hints = [("total_size", &*size.to_string()), ("file_extension", "txt"), ("visibility", "private")];
    let upload = client.init(&hints).await;
    let links = client.links(&upload, &[0]).await;
    client.put_by_link(&links[0], &bytes(size, 1)).await;
    throw_parts_away(&upload).await;
    assert_eq!(client.get(&format!("/file/upload/{upload}")).await.error(), no_upload());
    assert_eq!(client.complete(&upload, 1, size, &[("credential", r#"{"a": 1}"#)]).await.error(), no_upload());
}

/// As a store does by a rule of its own for what is not finished.
async fn throw_parts_away(upload: &str) {
    let (store, key) = (s3::client().await, format!("{upload}.txt"));
    let begun = store.list_multipart_uploads().bucket("private").prefix(&key).send().await.unwrap();
    let id = begun.uploads()[0].upload_id().unwrap();
    store.abort_multipart_upload().bucket("private").key(&key).upload_id(id).send().await.unwrap();
}
