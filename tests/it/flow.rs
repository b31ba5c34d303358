//! The main job on every kind of deployment: chunks in, one object out, a link back.

use futures::future::join_all;
use serde_json::json;

use crate::support::{Client, Database, Deployment, Queue, Store, bytes};

const MIB: usize = 1024 * 1024;

async fn chunks_in_order_become_one_object(client: &Client) {
    let chunks = [bytes(6 * MIB, 1), bytes(6 * MIB, 2), bytes(1234, 3)];
    let file = client.upload(&chunks, &[], &[("filename", "in order.txt")]).await;
    assert_eq!(file["size"], 12 * MIB + 1234);
    assert_eq!(file["filename"], "in order.txt");
    assert!(client.download(&file, None).await == chunks.concat());
}

async fn chunks_of_mixed_sizes_in_any_order_in_parallel_and_repeated_become_one_object(client: &Client) {
    let sizes = [1, 5 * MIB, 7, 6 * MIB + 1, 300_000, 2, 5 * MIB - 1, 9 * MIB];
    let chunks: Vec<Vec<u8>> = sizes.iter().zip(10..).map(|(size, seed)| bytes(*size, seed)).collect();
    let upload = client.init(&[]).await;
    let order = [6, 0, 3, 5, 1, 7, 2, 4, 3, 0, 5];
    let sent = join_all(order.map(|index| client.chunk(&upload, index, &chunks[index]))).await;
    for answer in sent {
        answer.data();
    }
    let file = client.complete(&upload, chunks.len(), sizes.iter().sum(), &[]).await.data();
    assert!(client.download(&file, None).await == chunks.concat());
}

async fn a_file_of_one_small_chunk_and_an_empty_file_work(client: &Client) {
    let small = client.upload(&[b"x".to_vec()], &[("file_extension", "txt"), ("visibility", "public")], &[]).await;
    assert_eq!(client.download(&small, None).await, b"x");
    let empty = client.upload(&[], &[], &[]).await;
    assert_eq!(empty["size"], 0);
    assert_eq!(client.download(&empty, None).await, b"");
}

async fn many_small_chunks_become_one_object(client: &Client) {
    let chunks: Vec<Vec<u8>> = (0..40).map(|i| bytes(1 + i * 37, i as u64)).collect();
    let file = client.upload(&chunks, &[], &[]).await;
    assert!(client.download(&file, None).await == chunks.concat());
}

async fn the_file_may_come_first_and_the_last_chunk_may_claim_the_maximum(client: &Client) {
    let chunks = [bytes(5 * MIB, 1), bytes(5 * MIB + 77, 2), bytes(5 * MIB + 5, 3)];
    let upload = client.init(&[]).await;
    client.chunk_file_first(&upload, 0, &chunks[0]).await.data();
    client.chunk_file_first(&upload, 1, &chunks[1]).await.data();
    client.chunk_saying(&upload, "2", "10485760", &chunks[2]).await.data();
    let file = client.complete(&upload, 3, chunks.concat().len(), &[]).await.data();
    assert!(client.download(&file, None).await == chunks.concat());
}

async fn what_init_is_told_is_kept_and_what_complete_says_wins(client: &Client) {
    let chunks = [bytes(6 * MIB, 1), bytes(10, 2)];
    let hints = [
        ("file_extension", "jpg"),
        ("visibility", "public"),
        ("filename", "hinted.jpg"),
        ("detail", r#"{"n":[1,{"deep":null}]}"#),
        ("content_type", "image/jpeg"),
        ("total_size", "6291466"),
    ];
    let hinted = client.upload(&chunks, &hints, &[("file_extension", "jpg"), ("content_type", "image/jpeg")]).await;
    assert_eq!(hinted["filename"], "hinted.jpg");
    assert_eq!(hinted["detail"], json!({"n": [1, {"deep": null}]}));
    assert!(client.download(&hinted, None).await == chunks.concat());

    let secret = r#"{"user_id": 84793}"#;
    let other = client.upload(&chunks, &hints, &[("file_extension", "png"), ("credential", secret)]).await;
    let path = other["path"].as_str().unwrap();
    assert!(
        path.starts_with("private/") && path.split_once('.').is_some_and(|(_, extension)| extension == "png"),
        "{path}"
    );
    assert!(client.download(&other, Some(secret)).await == chunks.concat());
}

async fn a_private_file_is_seen_with_its_credential_only(client: &Client) {
    let secret = r#"{"user_id": 84793, "page_id": "täg"}"#;
    let file =
        client.upload(&[bytes(100, 1)], &[], &[("credential", secret), ("filename", "a \"b\"/\r\nç語.txt")]).await;
    assert_eq!(file["credential"], json!({"user_id": "84793", "page_id": "täg"}));
    let link = file["download_url"].as_str().unwrap();
    assert!(!link.contains("84793") && !link.contains("user_id"), "{link}");
    assert!(client.download(&file, Some(secret)).await == bytes(100, 1));

    let id = file["id"].as_str().unwrap();
    for route in ["get", "status"] {
        let path = format!("/file/{route}/{id}");
        client.get(&format!("{path}?user_id=84793&page_id=t%C3%A4g")).await.data();
        for wrong in ["", "?user_id=84793", "?user_id=84793&page_id=x", "?user_id=84793&page_id=t%C3%A4g&more=1"] {
            let (status, _, message) = client.get(&format!("{path}{wrong}")).await.error();
            assert_eq!((status, message.as_str()), (403, "Permission denied"), "{wrong}");
        }
    }
    // The link itself is signed: changed or without its signature it opens nothing.
    let file = client.get_with(&format!("/file/get/{id}"), secret).await.data();
    let link = file["download_url"].as_str().unwrap();
    let (plain, signed) = link.split_once('?').expect("a signature");
    let forged = signed.replace("ignature=", "ignature=0");
    for bad in [plain.to_owned(), format!("{plain}?{forged}")] {
        let status = client.http.get(&bad).send().await.unwrap().status().as_u16();
        assert!([400, 403].contains(&status), "{bad}: {status}");
    }
}

async fn all(database: Database, store: Store, queue: Queue) {
    let deployment = Deployment::new(database, store, queue).await;
    let services = deployment.start().await;
    let client = services[0].client();
    chunks_in_order_become_one_object(&client).await;
    chunks_of_mixed_sizes_in_any_order_in_parallel_and_repeated_become_one_object(&client).await;
    a_file_of_one_small_chunk_and_an_empty_file_work(&client).await;
    many_small_chunks_become_one_object(&client).await;
    the_file_may_come_first_and_the_last_chunk_may_claim_the_maximum(&client).await;
    what_init_is_told_is_kept_and_what_complete_says_wins(&client).await;
    a_private_file_is_seen_with_its_credential_only(&client).await;
}

#[tokio::test]
async fn it_works_embedded() {
    all(Database::Sqlite, Store::Directory, Queue::InProcess).await;
}

#[tokio::test]
async fn it_works_on_mysql_s3_and_rabbitmq() {
    all(Database::MySql, Store::S3, Queue::RabbitMq).await;
}

#[tokio::test]
async fn it_works_on_sqlite_and_s3() {
    all(Database::Sqlite, Store::S3, Queue::InProcess).await;
}

#[tokio::test]
async fn it_works_on_mysql_and_a_directory() {
    all(Database::MySql, Store::Directory, Queue::InProcess).await;
}

#[tokio::test]
async fn it_works_on_sqlite_a_directory_and_rabbitmq() {
    all(Database::Sqlite, Store::Directory, Queue::RabbitMq).await;
}
