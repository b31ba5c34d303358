//! Proof that what is stored is what was sent.

use crc_fast::{CrcAlgorithm, checksum};
use sha2::{Digest, Sha256};

use crate::support::{Database, Deployment, Queue, Store, bytes, eventually};

const MIB: usize = 1024 * 1024;

fn crc(bytes: &[u8]) -> String {
    format!("crc64nvme:{:016x}", checksum(CrcAlgorithm::Crc64Nvme, bytes))
}

fn sha256(bytes: &[u8]) -> String {
    format!("sha-256:{}", hex::encode(Sha256::digest(bytes)))
}

async fn on_both_stores() -> [Deployment; 2] {
    [Deployment::embedded().await, Deployment::full().await]
}

#[tokio::test]
async fn the_checksum_of_the_whole_file_is_told_and_compared() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        for chunks in [vec![], vec![bytes(5, 1)], vec![bytes(10 * MIB, 1), bytes(10 * MIB, 2), bytes(7, 3)]] {
            let content = chunks.concat();
            for claim in [crc(&content), sha256(&content)] {
                let file = client.upload(&chunks, &[], &[("checksum", &claim)]).await;
                assert!(client.download(&file, None).await == content);
                let got = client.get(&format!("/file/get/{}", file["id"].as_str().unwrap())).await.data();
                assert_eq!(got["checksum"], crc(&content));
            }
        }
    }
}

#[tokio::test]
async fn a_file_with_another_checksum_fails_and_is_not_served() {
    for deployment in on_both_stores().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let chunks = [bytes(10 * MIB, 1), bytes(7, 3)];
        for claim in [crc(b"other"), sha256(b"other")] {
            for hints in [&[][..], &[("file_extension", "txt"), ("visibility", "public")]] {
                let file = client.upload(&chunks, hints, &[("checksum", &claim)]).await;
                let status = client.done(&file, None).await;
                assert_eq!(status["status"], "FAILURE");
                assert!(status["error"].as_str().unwrap().contains("checksum"), "{status}");
                let link = file["download_url"].as_str().unwrap();
                assert_ne!(client.http.get(link).send().await.unwrap().status(), 200);
                let path = format!("/file/download/{}", file["id"].as_str().unwrap());
                assert_eq!(client.get(&path).await.error().0, 409);
                // Trying again does not make it right.
                client.post("/file/upload/retry", &[("file_id", file["id"].as_str().unwrap())]).await.data();
                assert_eq!(client.done(&file, None).await["status"], "FAILURE");
            }
        }
        let unreadable = ["md5:00", "crc64nvme:xyz", "sha-256:00"];
        for claim in unreadable {
            let upload = client.init(&[]).await;
            let (status, errors, _) = client.complete(&upload, 0, 0, &[("checksum", claim)]).await.error();
            assert_eq!(status, 422);
            assert!(errors[0].starts_with("[body->checksum] "), "{errors:?}");
        }
    }
}

#[tokio::test]
async fn what_went_past_the_service_is_proved_by_reading_it_once() {
    let deployment = Deployment::new(Database::MySql, Store::S3, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let content = bytes(15 * MIB, 8);
    for (claim, status) in [
        (crc(&content), "SUCCESS"),
        (sha256(&content), "SUCCESS"),
        (crc(b"other"), "FAILURE"),
        (sha256(b"other"), "FAILURE"),
    ] {
        let upload = client.init(&[("total_size", &content.len().to_string())]).await;
        let links = client.links(&upload, &[0, 1]).await;
        for (link, chunk) in links.iter().zip(content.chunks(10 * MIB)) {
            assert_eq!(client.put_by_link(link, chunk).await, 200);
        }
        let file = client.complete(&upload, 2, content.len(), &[("checksum", &claim)]).await.data();
        assert_eq!(client.done(&file, None).await["status"], status, "{claim}");
        if status == "SUCCESS" {
            let got = client.get(&format!("/file/get/{}", file["id"].as_str().unwrap())).await.data();
            assert_eq!(got["checksum"], crc(&content));
        }
    }
}

#[tokio::test]
async fn bits_that_turn_in_the_staging_file_are_found_by_a_digest() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let content = bytes(MIB, 4);
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, &content).await.data();
    let staged = deployment.folder.path().join("data/staging").join(&upload);
    let mut turned = std::fs::read(&staged).unwrap();
    turned[4711] ^= 1;
    std::fs::write(&staged, turned).unwrap();
    let file = client.complete(&upload, 1, MIB, &[("checksum", &sha256(&content))]).await.data();
    let status = client.done(&file, None).await;
    assert_eq!(status["status"], "FAILURE");
    let cause = eventually("the log tells", async || {
        api.log_json().into_iter().find(|line| line["message"] == "job failed for good")
    })
    .await;
    assert!(cause["cause"].as_str().unwrap().contains("checksum"), "{cause}");
}
