//! Uploads that are disturbed.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Bytes;
use uuid::Uuid;

use super::mock::{CHUNK, FILE_ID, Fault, Mock};
use super::{HASTY, checksum, file};
use crate::client::api::Api;
use crate::client::problem::Problem;
use crate::client::server::Server;
use crate::client::source::Source;
use crate::client::state::{Cache, Slot, UploadState};
use crate::client::upload::Uploader;
use crate::domain::Credential;

const CHUNKS: &str = "PUT /file/upload/";
const INIT: &str = "POST /file/upload/init/";
const COMPLETE: &str = "POST /file/upload/complete/";
const LOOK: &str = "GET /file/upload/";
const SIZE: usize = 5 * CHUNK + 7;
const BUSY: Fault = Fault::Status(503, None, "busy");

fn uploader(server: &Server, folder: &Path) -> Uploader {
    Uploader {
        api: Api::new(server.clone(), None, None, HASTY.stall).unwrap(),
        cache: Cache::at(&folder.join("cache")),
        credential: None,
        parallel: 3,
        direct: false,
        prove: true,
        quiet: true,
        policy: HASTY,
    }
}

fn slot(uploader: &Uploader, path: &Path) -> Slot {
    let source = Source::open(path).unwrap();
    uploader.cache.upload(uploader.api.shown(), &source, "", "through the service")
}

/// An upload that the service and the client remember, of which these chunks are there.
fn begun(mock: &Mock, uploader: &Uploader, path: &Path, chunks: BTreeMap<u32, Bytes>) -> Uuid {
    let upload_id = Uuid::new_v4();
    mock.kept().uploads.insert(upload_id, chunks);
    slot(uploader, path).save(&UploadState { upload_id, chunk_size: CHUNK as u64 }).unwrap();
    upload_id
}

fn chunk(bytes: &[u8], index: usize) -> Bytes {
    Bytes::copy_from_slice(&bytes[index * CHUNK..bytes.len().min((index + 1) * CHUNK)])
}

#[tokio::test]
async fn a_file_arrives_whole_and_nothing_is_left_behind() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "Report.PDF", SIZE);
    let done = uploader.upload(&path).await.unwrap();
    assert_eq!((done.id, done.size, done.resumed_bytes), (FILE_ID, SIZE as u64, 0));
    assert_eq!(done.checksum, checksum(&bytes));
    assert!(mock.uploaded() == bytes);
    let told = &mock.kept().told;
    let init = serde_json::json!({
        "filename": "Report.PDF", "total_size": SIZE, "content_type": "application/pdf", "file_extension": "pdf",
        "visibility": "public",
    });
    assert_eq!(told[0], init);
    assert_eq!((&told[1]["total_chunks"], &told[1]["checksum"]), (&6.into(), &checksum(&bytes).into()));
    assert_eq!(slot(&uploader, &path).load::<UploadState>(), None);
}

#[tokio::test]
async fn an_empty_file_has_no_chunks() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let (path, _) = file(folder.path(), "a.txt", 0);
    let done = uploader(&mock.start().await, folder.path()).upload(&path).await.unwrap();
    assert_eq!((done.size, done.checksum), (0, checksum(b"")));
    assert_eq!(mock.asked(CHUNKS), 0);
}

#[tokio::test]
async fn a_credential_makes_it_private_and_is_not_kept_on_disk() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let mut uploader = uploader(&mock.start().await, folder.path());
    uploader.credential = Credential::parse(r#"{"pin":"s3cret"}"#).unwrap();
    mock.fail(COMPLETE, [Fault::Status(400, None, "no")]);
    let (path, _) = file(folder.path(), "a.txt", 10);
    uploader.upload(&path).await.unwrap_err();
    let told = mock.kept().told[0].clone();
    assert_eq!((&told["visibility"], &told["credential"]), (&"private".into(), &r#"{"pin":"s3cret"}"#.into()));
    let states: Vec<_> = std::fs::read_dir(folder.path().join("cache/uploads")).unwrap().map(Result::unwrap).collect();
    assert_eq!(states.len(), 1);
    assert!(!std::fs::read_to_string(states[0].path()).unwrap().contains("s3cret"));
}

#[tokio::test]
async fn faults_of_every_request_are_tried_again() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    mock.fail(INIT, [BUSY, Fault::Cut]);
    mock.fail(CHUNKS, [BUSY, Fault::Cut, Fault::Status(429, None, ""), Fault::Status(408, None, ""), BUSY, BUSY]);
    mock.fail(COMPLETE, [Fault::Cut, BUSY]);
    mock.fail("GET /file/events", [BUSY]);
    mock.fail("GET /file/status", [BUSY, Fault::Cut]);
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    uploader(&mock.start().await, folder.path()).upload(&path).await.unwrap();
    assert_eq!(mock.kept().uploads.len(), 1);
    assert!(mock.uploaded() == bytes);
    assert_eq!(mock.asked(CHUNKS), 6 + 6);
    assert!(mock.kept().faults.iter().all(|(_, faults)| faults.is_empty()));
}

#[tokio::test]
async fn the_service_says_when_to_come_back() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    mock.fail(CHUNKS, [Fault::Status(503, Some(1), "busy")]);
    let (path, _) = file(folder.path(), "a.bin", 10);
    let began = Instant::now();
    uploader(&mock.start().await, folder.path()).upload(&path).await.unwrap();
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn patience_ends_with_what_was_wrong_and_the_upload_can_go_on() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    mock.fail(CHUNKS, vec![Fault::Status(500, None, "the store is full"); 4]);
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, _) = file(folder.path(), "a.bin", 10);
    let problem = uploader.upload(&path).await.unwrap_err();
    assert_eq!(problem.to_string(), "the store is full");
    assert_eq!(mock.asked(CHUNKS), 4);
    assert!(slot(&uploader, &path).load::<UploadState>().is_some());
}

#[tokio::test]
async fn a_refusal_is_not_tried_again() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    mock.fail(INIT, [Fault::Status(422, None, "input should be 'txt'")]);
    let (path, _) = file(folder.path(), "a.exe", 10);
    let problem = uploader(&mock.start().await, folder.path()).upload(&path).await.unwrap_err();
    assert_eq!(problem.to_string(), "input should be 'txt'");
    assert_eq!(mock.asked(INIT), 1);
}

#[tokio::test]
async fn a_service_that_says_nothing_does_not_hang_the_client() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    mock.fail(CHUNKS, [Fault::Silence]);
    let mut uploader = uploader(&mock.start().await, folder.path());
    uploader.api = Api::new(mock.start().await, None, None, Duration::from_millis(200)).unwrap();
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    uploader.upload(&path).await.unwrap();
    assert!(mock.uploaded() == bytes);
}

#[tokio::test]
async fn nobody_there_is_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let uploader = uploader(&"http://127.0.0.1:1".parse().unwrap(), folder.path());
    let (path, _) = file(folder.path(), "a.bin", 1);
    let problem = uploader.upload(&path).await.unwrap_err();
    assert!(problem.is_the_network());
    assert!(problem.to_string().starts_with("cannot connect to http://127.0.0.1:1: "), "{problem}");
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    begun(
        &mock,
        &uploader,
        &path,
        BTreeMap::from([(0, chunk(&bytes, 0)), (3, chunk(&bytes, 3)), (5, chunk(&bytes, 5))]),
    );
    let done = uploader.upload(&path).await.unwrap();
    assert_eq!(done.resumed_bytes, 2 * CHUNK as u64 + 7);
    assert_eq!(done.checksum, checksum(&bytes));
    assert!(mock.uploaded() == bytes);
    assert_eq!((mock.asked(INIT), mock.asked(CHUNKS)), (0, 3));
}

#[tokio::test]
async fn an_upload_that_was_completed_is_waited_for() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "a.bin", CHUNK);
    begun(&mock, &uploader, &path, BTreeMap::from([(0, chunk(&bytes, 0))]));
    mock.kept().phase = Some("completed");
    let done = uploader.upload(&path).await.unwrap();
    assert_eq!((done.checksum, mock.asked(CHUNKS), mock.asked(COMPLETE)), (checksum(&bytes), 0, 1));
}

#[tokio::test]
async fn an_upload_that_the_service_forgot_begins_anew() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    let forgotten = begun(&mock, &uploader, &path, BTreeMap::new());
    mock.kept().uploads.remove(&forgotten);
    let done = uploader.upload(&path).await.unwrap();
    assert_eq!((done.resumed_bytes, mock.asked(LOOK), mock.asked(INIT)), (0, 1, 1));
    assert!(mock.uploaded() == bytes);
}

#[tokio::test]
async fn other_bytes_under_a_number_begin_anew_once() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    // Of another size, so that it is sent again.
    let other = begun(&mock, &uploader, &path, BTreeMap::from([(1, Bytes::from_static(b"other"))]));
    uploader.upload(&path).await.unwrap();
    assert!(!mock.kept().uploads.contains_key(&other));
    assert!(mock.uploaded() == bytes);

    mock.fail(CHUNKS, vec![Fault::Status(409, None, "other bytes"); 20]);
    let problem = uploader.upload(&path).await.unwrap_err();
    assert!(matches!(problem, Problem::Conflict(_)), "{problem}");
    assert_eq!(mock.asked(INIT), 1 + 2);
    assert_eq!(slot(&uploader, &path).load::<UploadState>(), None);
}

#[tokio::test]
async fn chunks_that_complete_misses_are_sent_again() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let uploader = uploader(&mock.start().await, folder.path());
    let (path, bytes) = file(folder.path(), "a.bin", 3 * CHUNK);
    let all = (0..3).map(|index| (index, chunk(&bytes, index as usize))).collect();
    begun(&mock, &uploader, &path, all);
    mock.fail(COMPLETE, [Fault::Lose(1)]);
    uploader.upload(&path).await.unwrap();
    assert!(mock.uploaded() == bytes);
    assert_eq!((mock.asked(LOOK), mock.asked(CHUNKS), mock.asked(COMPLETE)), (2, 1, 2));
}

#[tokio::test]
async fn a_failure_is_told_in_the_words_of_the_service() {
    for no_events in [false, true] {
        let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
        mock.kept().fate = Some(("FAILURE", "the object is shorter than the upload"));
        mock.kept().no_events = no_events;
        let uploader = uploader(&mock.start().await, folder.path());
        let (path, _) = file(folder.path(), "a.bin", 10);
        let problem = uploader.upload(&path).await.unwrap_err();
        assert_eq!(problem.to_string(), "the object is shorter than the upload");
        assert_eq!(mock.asked("GET /file/status"), if no_events { 3 } else { 0 });
        assert_eq!(slot(&uploader, &path).load::<UploadState>(), None);
    }
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_not_uploaded() {
    let shorter = |path: &Path| std::fs::write(path, b"shorter").unwrap();
    let touched = |path: &Path| File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    for change in [shorter, touched] {
        let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
        let uploader = uploader(&mock.start().await, folder.path());
        let (path, _) = file(folder.path(), "a.bin", SIZE);
        // The service being busy gives the moment at which to change it: opened, and nothing read.
        mock.fail(INIT, [Fault::Status(503, Some(1), "busy")]);
        let change = async {
            while mock.asked(INIT) == 0 {
                tokio::task::yield_now().await;
            }
            change(&path);
        };
        let (done, ()) = tokio::join!(uploader.upload(&path), change);
        assert!(matches!(done, Err(Problem::Changed)), "{done:?}");
        assert_eq!((mock.asked("DELETE"), mock.asked(COMPLETE)), (1, 0));
        assert!(mock.kept().uploads.is_empty());
    }
}

#[tokio::test]
async fn direct_chunks_go_to_links_and_new_ones_are_asked_for_when_they_are_over() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let mut uploader = uploader(&mock.start().await, folder.path());
    (uploader.direct, uploader.prove, uploader.parallel) = (true, false, 1);
    let (path, bytes) = file(folder.path(), "a.bin", SIZE);
    mock.fail(CHUNKS, [Fault::Status(403, None, "expired")]);
    let done = uploader.upload(&path).await.unwrap();
    assert_eq!(done.checksum, checksum(&bytes));
    assert!(mock.uploaded() == bytes);
    let links = mock.kept().requests.iter().filter(|request| request.ends_with("/urls")).count();
    assert_eq!((links, mock.asked(CHUNKS)), (2, 7));
    assert!(mock.kept().told[1]["checksum"].is_null());
}

#[tokio::test]
async fn a_file_without_an_extension_is_refused_before_anything_is_sent() {
    let (mock, folder) = (Mock::default(), tempfile::tempdir().unwrap());
    let (path, _) = file(folder.path(), "Makefile", 10);
    let problem = uploader(&mock.start().await, folder.path()).upload(&path).await.unwrap_err();
    assert!(problem.to_string().contains("no extension"), "{problem}");
    assert!(mock.kept().requests.is_empty());
}
