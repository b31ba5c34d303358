//! Chunks that go past the service, and what complete makes of them.

use aws_sdk_s3::types::{CorsConfiguration, CorsRule};
use serde_json::json;

use crate::support::client::Answer;
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Client, Database, Deployment, Queue, Service, Store, bytes, eventually, s3};

const MIB: usize = 1024 * 1024;
const CHUNK: usize = 10 * MIB;

async fn with_s3() -> (Deployment, Service, Client) {
    let deployment = Deployment::new(Database::MySql, Store::S3, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    (deployment, api, client)
}

fn refusal(answer: Answer) -> String {
    let (status, mut errors, _) = answer.error();
    assert_eq!((status, errors.len()), (422, 1), "{errors:?}");
    errors.remove(0)
}

#[tokio::test]
async fn one_client_sends_chunks_by_links_whatever_the_store() {
    let hinted = [("file_extension", "txt"), ("visibility", "public")];
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let services = deployment.start().await;
        let client = services[0].client();
        for (size, hints) in [(2 * CHUNK + 9, &[][..]), (2 * CHUNK, &hinted), (9, &hinted), (9, &[])] {
            let content = bytes(size, 3);
            let mut fields = hints.to_vec();
            let total = size.to_string();
            fields.push(("total_size", &total));
            let upload = client.init(&fields).await;
            let count = i64::try_from(size.div_ceil(CHUNK)).unwrap();
            let indexes: Vec<i64> = (0..count).rev().collect();
            for (link, index) in client.links(&upload, &indexes).await.iter().zip(indexes) {
                let chunk = content.chunks(CHUNK).nth(usize::try_from(index).unwrap()).unwrap();
                assert_eq!(client.put_by_link(link, chunk).await, 200);
            }
            let file = client.complete(&upload, size.div_ceil(CHUNK), size, &[]).await.data();
            assert!(client.download(&file, None).await == content);
            assert_eq!(client.received(&upload).await.len(), size.div_ceil(CHUNK));
        }
    }
}

#[tokio::test]
async fn what_does_not_add_up_in_the_store_is_refused_and_can_be_mended() {
    let (_deployment, _api, client) = with_s3().await;
    let size = 2 * CHUNK + 100;
    let content = bytes(size, 5);
    let chunks: Vec<&[u8]> = content.chunks(CHUNK).collect();
    let upload = client.init(&[("total_size", &size.to_string())]).await;
    let links = client.links(&upload, &[0, 1, 2]).await;
    assert_eq!(client.put_by_link(&links[0], chunks[0]).await, 200);
    assert_eq!(client.put_by_link(&links[2], chunks[2]).await, 200);
    let complete = async || client.complete(&upload, 3, size, &[]).await;
    assert_eq!(refusal(complete().await), "[body->total_chunks] missing chunks: 1");
    // The length is signed with the link: neither less than the chunk nor more.
    for other in [&chunks[1][..6 * MIB], &bytes(CHUNK + 1, 5)] {
        assert_ne!(client.put_by_link(&links[1], other).await, 200, "{}", other.len());
    }
    assert_eq!(refusal(complete().await), "[body->total_chunks] missing chunks: 1");
    assert_eq!(client.received(&upload).await, [(0, 10_485_760), (2, 100)]);
    // Sent twice: the last one counts, as nothing was acknowledged.
    assert_eq!(client.put_by_link(&links[0], &bytes(CHUNK, 99)).await, 200);
    assert_eq!(client.put_by_link(&links[0], chunks[0]).await, 200);
    assert_eq!(client.put_by_link(&links[1], chunks[1]).await, 200);
    let told = refusal(client.complete(&upload, 2, size, &[]).await);
    assert_eq!(told, "[body->total_chunks] 2 chunks expected, but also received: 2");
    let told = refusal(client.complete(&upload, 3, size + 1, &[]).await);
    assert!(told.starts_with("[body->total_size] "), "{told}");
    let file = complete().await.data();
    assert!(client.download(&file, None).await == content);
    assert_ne!(client.put_by_link(&links[0], chunks[0]).await, 200);
    assert_eq!(client.urls(&upload, &json!({"indexes": [0]})).await.error().0, 409);
}

/// Neither what is sent by a link, nor what begins to be sent and is cut, which some stores take for a part that is younger.
#[tokio::test]
async fn a_link_does_not_change_what_was_acknowledged() {
    let (_deployment, _api, client) = with_s3().await;
    let size = 2 * CHUNK + 9;
    let content = bytes(size, 1);
    let chunks: Vec<&[u8]> = content.chunks(CHUNK).collect();
    let upload = client.init(&[("total_size", &size.to_string())]).await;
    client.raw_chunk(&upload, "0", chunks[0], &[]).await.data();
    let links = client.links(&upload, &[0, 1, 2]).await;
    assert!(links[0].contains("/chunk/0"), "what came to the service goes there again: {}", links[0]);
    assert_eq!(client.put_by_link(&links[0], &bytes(CHUNK, 2)).await, 409);
    assert_eq!(client.put_by_link(&links[0], chunks[0]).await, 200);
    assert_eq!(client.put_by_link(&links[2], chunks[2]).await, 200);
    client.raw_chunk(&upload, "1", chunks[1], &[]).await.data();
    client.cut_by_link(&links[1], &bytes(CHUNK, 3)).await;
    assert_eq!(client.received(&upload).await.len(), 3);
    let file = client.complete(&upload, 3, size, &[]).await.data();
    assert!(client.download(&file, None).await == content);
}

/// The job of the first one ends in the store what the other asks about.
#[tokio::test]
async fn a_complete_that_comes_too_late_to_the_store_gives_the_same_file() {
    let deployment = Deployment::full().await;
    let (quick, _worker) = (deployment.api().await, deployment.worker().await);
    let (endpoint, ..) = s3::endpoint().await;
    let gate = Proxy::to(endpoint.trim_start_matches("http://").to_owned()).await;
    let slow = deployment.set("MINIO_ENDPOINT", format!("127.0.0.1:{}", gate.port)).api().await;
    let (client, content) = (quick.client(), bytes(CHUNK, 6));
    let upload = client.init(&[("total_size", &CHUNK.to_string())]).await;
    let link = client.links(&upload, &[0]).await.remove(0);
    assert_eq!(client.put_by_link(&link, &content).await, 200);
    gate.set(Fault::Older(u64::MAX));
    let late = tokio::spawn({
        let (client, upload) = (slow.client(), upload.clone());
        async move { client.complete(&upload, 1, CHUNK, &[]).await }
    });
    eventually("it asks the store", async || (gate.held() > 0).then_some(())).await;
    let file = client.complete(&upload, 1, CHUNK, &[]).await.data();
    assert!(client.download(&file, None).await == content);
    gate.open();
    assert_eq!(late.await.unwrap().data()["id"], file["id"]);
}

/// What was cut on its way through the service may come to the store later than what is sent by a link.
#[tokio::test]
async fn a_chunk_that_was_begun_at_the_service_is_sent_to_it_again() {
    let (_deployment, api, client) = with_s3().await;
    let content = bytes(CHUNK, 4);
    let upload = client.init(&[("total_size", &CHUNK.to_string())]).await;
    let (_never, go_on) = tokio::sync::oneshot::channel();
    let cut = tokio::spawn({
        let (client, upload, content) = (api.client(), upload.clone(), content.clone());
        async move { client.chunk_in_halves(&upload, 0, &content, go_on).await }
    });
    let link = eventually("its link leads to the service", async || {
        let link = client.links(&upload, &[0]).await.remove(0);
        link.contains("/chunk/0").then_some(link)
    })
    .await;
    cut.abort();
    assert_eq!(client.put_by_link(&link, &content).await, 200);
    let file = client.complete(&upload, 1, CHUNK, &[]).await.data();
    assert!(client.download(&file, None).await == content);
}

#[tokio::test]
async fn links_are_given_for_chunks_that_the_file_has() {
    let (_deployment, _api, client) = with_s3().await;
    let size = (2 * CHUNK + 1).to_string();
    let upload = client.init(&[("total_size", &size)]).await;
    let refused = async |body: serde_json::Value| refusal(client.urls(&upload, &body).await);
    assert_eq!(refused(json!({})).await, "[body->indexes] field required");
    assert_eq!(refused(json!({"indexes": []})).await, "[body->indexes] list should have at least 1 item");
    let many: Vec<i64> = vec![0; 1001];
    assert_eq!(refused(json!({"indexes": many})).await, "[body->indexes] list should have at most 1000 items");
    for wrong in [json!("x"), json!(["a"]), json!([0.5]), json!({"a": 1}), json!(7)] {
        let told = refused(json!({ "indexes": wrong })).await;
        assert_eq!(told, "[body->indexes] input should be a valid list of integers");
    }
    let told = refused(json!({"indexes": [0, 3]})).await;
    assert_eq!(told, "[body->indexes] input should be less than or equal to 2");
    let told = refused(json!({"indexes": [-1]})).await;
    assert_eq!(told, "[body->indexes] input should be greater than or equal to 0");
    let unsized_upload = client.init(&[]).await;
    let told = refusal(client.urls(&unsized_upload, &json!({"indexes": [0]})).await);
    assert_eq!(told, "[body->indexes] the upload must be initialized with its total_size");
    // Again whenever asked, and many at once.
    let links = client.links(&upload, &[1, 1]).await;
    assert_eq!(client.links(&upload, &[1]).await.len(), 1);
    assert_eq!(client.put_by_link(&links[1], &bytes(CHUNK, 1)).await, 200);
    let large = client.init(&[("total_size", &(1000 * CHUNK).to_string())]).await;
    assert_eq!(client.links(&large, &(0..1000).collect::<Vec<_>>()).await.len(), 1000);
}

#[tokio::test]
async fn chunks_that_the_store_would_not_take_get_no_links() {
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let deployment = deployment.set("APP_MAX_CHUNK_SIZE", "1048576");
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("total_size", "2097152")]).await;
    let told = refusal(client.urls(&upload, &json!({"indexes": [0]})).await);
    assert!(told.starts_with("[body->indexes] the store takes chunks of 5242880 bytes or more"), "{told}");
    let small = client.init(&[("total_size", "9")]).await;
    let link = client.links(&small, &[0]).await.remove(0);
    assert_eq!(client.put_by_link(&link, b"one chunk").await, 200);
    let file = client.complete(&small, 1, 9, &[]).await.data();
    assert_eq!(client.download(&file, None).await, b"one chunk");
}

#[tokio::test]
async fn a_link_to_this_service_is_good_for_one_chunk_and_a_while() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("total_size", "6")]).await;
    let link = client.links(&upload, &[0]).await.remove(0);
    for forged in [
        link.replace("/chunk/0", "/chunk/1"),
        link.replace("expires=", "expires=1"),
        format!("{link}0"),
        link.replace("signature=", "signature=00"),
    ] {
        assert_eq!(client.put_by_link(&forged, b"abcdef").await, 403, "{forged}");
    }
    assert_eq!(client.put_by_link(&link, b"abcdef").await, 200);
    let file = client.complete(&upload, 1, 6, &[]).await.data();
    assert_eq!(client.download(&file, None).await, b"abcdef");
}

#[tokio::test]
async fn pages_may_send_chunks_to_the_buckets_and_an_operators_rules_stay() {
    let mut deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    for (name, bucket) in [("MINIO_PUBLIC_BUCKET", "cors-public"), ("MINIO_PRIVATE_BUCKET", "cors-private")] {
        deployment = deployment.set(name, bucket);
    }
    let store = s3::client().await;
    // Buckets may be left from another run.
    let _ = store.create_bucket().bucket("cors-private").send().await;
    let rule = CorsRule::builder().id("theirs").allowed_origins("https://elsewhere.example").allowed_methods("GET");
    let rules = CorsConfiguration::builder().cors_rules(rule.build().unwrap()).build().unwrap();
    store.put_bucket_cors().bucket("cors-private").cors_configuration(rules).send().await.unwrap();
    let origins = async |bucket: &str| -> Vec<String> {
        let Ok(kept) = store.get_bucket_cors().bucket(bucket).send().await else { return Vec::new() };
        let rules = kept.cors_rules().iter();
        rules.flat_map(|rule| rule.allowed_origins().iter().cloned()).collect()
    };
    for origin in ["https://first.example", "https://second.example"] {
        deployment = deployment.set("APP_CORS_ORIGINS", origin);
        let _api = deployment.api().await;
        for (bucket, theirs) in [("cors-public", false), ("cors-private", true)] {
            let kept = eventually("the bucket lets the page in", async || {
                let kept = origins(bucket).await;
                kept.contains(&origin.to_owned()).then_some(kept)
            })
            .await;
            assert!(kept.contains(&"http://localhost:3000".to_owned()), "{kept:?}");
            assert_eq!(kept.contains(&"https://elsewhere.example".to_owned()), theirs, "{kept:?}");
            assert_eq!(kept.iter().filter(|kept| kept.contains("first") || kept.contains("second")).count(), 1);
        }
    }
}
