//! Downloads that are disturbed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{IF_RANGE, RANGE};

use super::mock::{Broken, FILE_ID, Fault, Mock};
use super::{HASTY, checksum, file};
use crate::client::api::Api;
use crate::client::download::{Downloader, Place};
use crate::client::server::Server;
use crate::client::state::{Cache, DownloadState};
use crate::client::target::part_of;
use crate::domain::Credential;

const SIZE: usize = 3_000_000;
const GET: &str = "GET /file/download/";

fn downloader(server: &Server, folder: &Path) -> Downloader {
    Downloader {
        api: Api::new(server.clone(), None, None, HASTY.stall).unwrap(),
        cache: Cache::at(&folder.join("cache")),
        force: false,
        quiet: true,
        policy: HASTY,
    }
}

/// A service that has a file, and its bytes.
fn stored(folder: &Path) -> (Mock, Vec<u8>) {
    let (_, bytes) = file(folder, "original", SIZE);
    let mock = Mock::default();
    {
        let mut kept = mock.kept();
        (kept.stored, kept.etag) = (Bytes::from(bytes.clone()), "\"one\"");
        (kept.checksum, kept.filename) = (Some(checksum(&bytes)), Some("../a b.bin"));
    }
    (mock, bytes)
}

#[tokio::test]
async fn a_file_comes_whole_under_its_own_name_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    let downloader = downloader(&mock.start().await, folder.path());
    let into = folder.path().join("into");
    fs::create_dir(&into).unwrap();
    let done = downloader.download(FILE_ID, &Place::Folder(into.clone())).await.unwrap();
    assert_eq!(done.path, Some(into.join("a b.bin")));
    assert!(fs::read(into.join("a b.bin")).unwrap() == bytes);
    assert_eq!(fs::read_dir(&into).unwrap().count(), 1);
}

#[tokio::test]
async fn a_cut_download_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    mock.kept().broken.extend([Broken::Short(1_500_000), Broken::Silent(500_000)]);
    mock.fail(GET, [Fault::Status(503, None, "busy"), Fault::Cut]);
    let mut downloader = downloader(&mock.start().await, folder.path());
    downloader.api = Api::new(mock.start().await, None, None, Duration::from_millis(500)).unwrap();
    let path = folder.path().join("a");
    downloader.download(FILE_ID, &Place::File(path.clone())).await.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
    let kept = mock.kept();
    assert_eq!(kept.fetched_with.len(), 3);
    assert!(!kept.fetched_with[0].contains_key(RANGE));
    assert_eq!(kept.fetched_with[1][RANGE], "bytes=1500000-");
    assert_eq!(
        (&kept.fetched_with[2][RANGE], &kept.fetched_with[2][IF_RANGE]),
        (&"bytes=2000000-".parse().unwrap(), &"\"one\"".parse().unwrap())
    );
}

/// What a run that was killed leaves behind.
fn interrupted(downloader: &Downloader, path: &Path, part: &[u8]) {
    let part_path = part_of(path);
    fs::write(&part_path, part).unwrap();
    let slot = downloader.cache.download(downloader.api.shown(), FILE_ID, &part_path);
    slot.save(&DownloadState { etag: "\"one\"".to_owned() }).unwrap();
}

#[tokio::test]
async fn a_killed_download_goes_on_if_the_file_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    let downloader = downloader(&mock.start().await, folder.path());
    let path = folder.path().join("a");
    interrupted(&downloader, &path, &bytes[..1_000_001]);
    let done = downloader.download(FILE_ID, &Place::File(path.clone())).await.unwrap();
    assert_eq!(done.resumed_bytes, 1_000_001);
    assert_eq!(mock.kept().fetched_with[0][RANGE], "bytes=1000001-");
    assert!(fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn a_killed_download_of_another_version_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    mock.kept().etag = "\"two\"";
    let downloader = downloader(&mock.start().await, folder.path());
    let path = folder.path().join("a");
    interrupted(&downloader, &path, &vec![9; 1_000_000]);
    downloader.download(FILE_ID, &Place::File(path.clone())).await.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn wrong_bytes_are_found_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    let downloader = downloader(&mock.start().await, folder.path());
    let path = folder.path().join("a");
    let mut wrong = bytes[..1000].to_vec();
    wrong[500] ^= 1;
    interrupted(&downloader, &path, &wrong);
    let problem = downloader.download(FILE_ID, &Place::File(path.clone())).await.unwrap_err();
    assert!(problem.to_string().contains("wrong checksum"), "{problem}");
    assert!(!path.exists() && !part_of(&path).exists());
    downloader.download(FILE_ID, &Place::File(path.clone())).await.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn a_file_that_exists_is_not_replaced_unless_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, bytes) = stored(folder.path());
    let mut downloader = downloader(&mock.start().await, folder.path());
    let (path, place) = (folder.path().join("a"), Place::File(folder.path().join("a")));
    fs::write(&path, b"mine").unwrap();
    let problem = downloader.download(FILE_ID, &place).await.unwrap_err();
    assert!(problem.to_string().contains("--force"), "{problem}");
    assert_eq!((fs::read(&path).unwrap(), mock.asked(GET)), (b"mine".to_vec(), 0));
    downloader.force = true;
    downloader.download(FILE_ID, &place).await.unwrap();
    assert!(fs::read(path).unwrap() == bytes);
}

#[tokio::test]
async fn a_file_that_is_not_stored_is_not_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, _) = stored(folder.path());
    mock.kept().fate = Some(("STARTED", ""));
    let downloader = downloader(&mock.start().await, folder.path());
    let problem = downloader.download(FILE_ID, &Place::File(folder.path().join("a"))).await.unwrap_err();
    assert!(problem.to_string().contains("still storing"), "{problem}");
    assert_eq!(mock.asked(GET), 0);
}

#[tokio::test]
async fn a_private_file_is_asked_for_with_its_credential() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, _) = stored(folder.path());
    let mut downloader = downloader(&mock.start().await, folder.path());
    mock.fail("GET /file/get/", [Fault::Status(403, None, "Permission denied")]);
    let problem = downloader.download(FILE_ID, &Place::File(folder.path().join("a"))).await.unwrap_err();
    assert!(problem.to_string().contains("--private"), "{problem}");
    let credential = Credential::parse(r#"{"user_id":"1"}"#).unwrap();
    downloader.api = Api::new(mock.start().await, None, credential.as_ref(), HASTY.stall).unwrap();
    downloader.download(FILE_ID, &Place::File(folder.path().join("a"))).await.unwrap();
    assert_eq!(mock.kept().fetched_with[0]["x-file-credential"], r#"{"user_id":"1"}"#);
}
