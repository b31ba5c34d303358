//! The contract of the storage port: the same for every store.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use filemanager::config::S3Config;
use filemanager::domain::body::{Body, BodyError};
use filemanager::domain::chunk::StoredChunk;
use filemanager::domain::{ChunkIndex, ContentType, ObjectLocation, UploadId, Visibility};
use filemanager::spool::Spool;
use filemanager::storage::directory::DirectoryStorage;
use filemanager::storage::s3::S3Storage;
use filemanager::storage::{Assembly, Gathering, LinkOptions, Openness, SharedStorage, StorageError};
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::support::proxy::{Fault, Proxy};
use crate::support::{bytes, s3};

const MIB: usize = 1024 * 1024;

struct Fixture {
    store: SharedStorage,
    gathering: Gathering,
    chunks: Vec<StoredChunk>,
    content: Vec<u8>,
}

impl Fixture {
    fn new(store: &SharedStorage, target: Option<Visibility>) -> Self {
        let upload = UploadId::random();
        let jpg = "jpg".parse().unwrap();
        let target = target
            .map_or_else(|| ObjectLocation::of_staging(upload), |bucket| ObjectLocation::of_file(upload, jpg, bucket));
        let gathering =
            Gathering { upload, target, chunk_size: i64::try_from(8 * MIB).unwrap(), storage_upload_id: None };
        Self { store: Arc::clone(store), gathering, chunks: Vec::new(), content: Vec::new() }
    }

    async fn put(&mut self, content: Vec<u8>) {
        self.put_when(content, false).await;
    }

    async fn put_when(&mut self, content: Vec<u8>, contested: bool) {
        let index = ChunkIndex::try_from(i64::try_from(self.chunks.len()).unwrap()).unwrap();
        if !contested
            && self.gathering.storage_upload_id.is_none()
            && self.store.needs_begin(Some(content.len() as u64))
        {
            self.gathering.storage_upload_id = Some(self.store.begin(&self.gathering.target, None).await.unwrap());
        }
        let receipt = self
            .store
            .put_chunk(&self.gathering, index, Body::from_bytes(content.clone().into()), contested)
            .await
            .unwrap();
        let size = i64::try_from(content.len()).unwrap();
        self.chunks.push(StoredChunk { index, size, crc: None, receipt, found: None });
        self.content.extend(content);
    }

    fn assembly(&self, bucket: Visibility, repeated: bool) -> Assembly {
        Assembly {
            target: ObjectLocation::of_file(self.gathering.upload, "jpg".parse().unwrap(), bucket),
            size: i64::try_from(self.content.len()).unwrap(),
            crc: None,
            content_type: ContentType::parse("image/jpeg").unwrap(),
            begun_as: None,
            repeated,
        }
    }

    async fn assemble(&self, bucket: Visibility, repeated: bool) -> ObjectLocation {
        let assembly = self.assembly(bucket, repeated);
        let made = self.store.assemble(&self.gathering, &self.chunks, &assembly).await.unwrap();
        assert_eq!(self.store.stat(&assembly.target).await.unwrap().unwrap().size, assembly.size);
        if let Some(made) = made {
            assert_eq!((made.size, made.crc), (assembly.size, Some(crc(&self.content))));
        }
        assembly.target
    }
}

fn crc(content: &[u8]) -> u64 {
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, content)
}

async fn read(store: &SharedStorage, location: &ObjectLocation) -> Vec<u8> {
    let blocks: Vec<Bytes> = store.read(location, None).await.unwrap().blocks.try_collect().await.unwrap();
    blocks.concat()
}

/// Every layout of chunks, for a known and an unknown place, and again after it was done.
async fn every_layout_is_assembled_and_may_be_again(store: &SharedStorage) {
    let layouts: [&[usize]; 9] = [
        &[],
        &[10],
        &[8 * MIB],
        &[8 * MIB, 8 * MIB, 3],
        &[5 * MIB, 6 * MIB],
        &[1, 2, 3],
        &[8 * MIB, 3, 8 * MIB],
        &[3, 8 * MIB],
        &[8 * MIB, 3, 4],
    ];
    for target in [None, Some(Visibility::Public), Some(Visibility::Private)] {
        for (layout, seed) in layouts.iter().chain(&layouts).zip(0..) {
            let mut fixture = Fixture::new(store, target);
            for (place, size) in layout.iter().enumerate() {
                // The second time, every other chunk may be in the way of an earlier writer.
                let contested = seed >= layouts.len() as u64 && place % 2 == 0;
                fixture.put_when(bytes(*size, seed), contested).await;
            }
            let location = fixture.assemble(Visibility::Private, false).await;
            assert!(read(store, &location).await == fixture.content, "{layout:?} for {target:?}");
            fixture.assemble(Visibility::Private, true).await;
            assert!(read(store, &location).await == fixture.content, "{layout:?} again, for {target:?}");
            store.discard(&fixture.gathering, &fixture.chunks, Some(&location)).await.unwrap();
            store.discard(&fixture.gathering, &fixture.chunks, Some(&location)).await.unwrap();
            assert!(read(store, &location).await == fixture.content, "{layout:?} after its debris was removed");
            store.delete(&location).await.unwrap();
        }
    }
}

/// It may have lost the job and not know it.
#[tokio::test]
async fn one_who_copies_chunks_in_a_folder_is_waited_for() {
    let folder = TempDir::new().unwrap();
    let store: SharedStorage = Arc::new(DirectoryStorage::new(folder.path().to_owned()));
    store.prepare().await.unwrap();
    let mut fixture = Fixture::new(&store, None);
    for (size, seed) in [(3, 1), (4, 2)] {
        fixture.put(bytes(size, seed)).await;
    }
    let staging = folder.path().join("staging").join(fixture.gathering.upload.to_string());
    let other = std::fs::File::open(staging).unwrap();
    other.lock().unwrap();
    let mut assembling = Box::pin(fixture.assemble(Visibility::Private, false));
    assert!(tokio::time::timeout(Duration::from_secs(2), &mut assembling).await.is_err(), "two have copied at once");
    drop(other);
    let location = assembling.await;
    assert!(read(&store, &location).await == fixture.content);
}

async fn a_body_that_breaks_is_no_chunk_and_the_next_one_is(store: &SharedStorage) {
    for size in [100, 8 * MIB] {
        let mut fixture = Fixture::new(store, Some(Visibility::Public));
        let begun = store.begin(&fixture.gathering.target, None).await.unwrap();
        fixture.gathering.storage_upload_id = Some(begun);
        let half = Bytes::from(bytes(size / 2, 9));
        let blocks = stream::iter([Ok(half), Err(BodyError::Disconnected)]).boxed();
        let body = Body::sized(size as u64, blocks);
        let index = ChunkIndex::try_from(0).unwrap();
        assert!(store.put_chunk(&fixture.gathering, index, body, false).await.is_err());
        store.free_chunk(&fixture.gathering, index).await.unwrap();
        fixture.put_when(bytes(size, 1), true).await;
        let location = fixture.assemble(Visibility::Public, false).await;
        assert!(read(store, &location).await == fixture.content);
    }
}

/// Of two that write the same chunk, the first fails when the second's is acknowledged already.
async fn one_that_fails_late_takes_nothing_from_its_successor(store: &SharedStorage) {
    for size in [100, 8 * MIB] {
        let mut fixture = Fixture::new(store, Some(Visibility::Public));
        let begun = store.begin(&fixture.gathering.target, None).await.unwrap();
        fixture.gathering.storage_upload_id = Some(begun);
        let (reach, reached) = oneshot::channel();
        let (fail, failed) = oneshot::channel::<()>();
        let half = stream::iter([Ok(Bytes::from(bytes(size / 2, 9)))]);
        // Asked for when the first half is written.
        let rest = stream::once(async move {
            let _ = reach.send(());
            let _ = failed.await;
            Err(BodyError::Disconnected)
        });
        let body = Body::sized(size as u64, half.chain(rest).boxed());
        let (gathering, index) = (fixture.gathering.clone(), ChunkIndex::try_from(0).unwrap());
        let first = store.put_chunk(&gathering, index, body, false);
        let second = async {
            reached.await.unwrap();
            fixture.put_when(bytes(size, 1), true).await;
            fail.send(()).unwrap();
        };
        assert!(tokio::join!(first, second).0.is_err());
        let location = fixture.assemble(Visibility::Public, false).await;
        assert!(read(store, &location).await == fixture.content);
    }
}

async fn objects_are_read_in_ranges_told_of_and_deleted(store: &SharedStorage) {
    let mut fixture = Fixture::new(store, None);
    fixture.put(bytes(1000, 5)).await;
    let location = fixture.assemble(Visibility::Public, false).await;
    for range in [0..1, 10..1000, 999..1000] {
        let body = store.read(&location, Some(range.clone())).await.unwrap();
        assert_eq!(body.length, Some(range.end - range.start));
        let blocks: Vec<Bytes> = body.blocks.try_collect().await.unwrap();
        let (start, end) = (usize::try_from(range.start).unwrap(), usize::try_from(range.end).unwrap());
        assert_eq!(blocks.concat(), fixture.content[start..end]);
    }
    store.delete(&location).await.unwrap();
    store.delete(&location).await.unwrap();
    assert_eq!(store.stat(&location).await.unwrap(), None);
    assert!(matches!(store.read(&location, None).await, Err(StorageError::NotFound(_))));
}

async fn what_is_missing_is_damage_and_no_object(store: &SharedStorage) {
    let mut fixture = Fixture::new(store, Some(Visibility::Private));
    fixture.put(bytes(8 * MIB, 1)).await;
    fixture.put(bytes(9, 2)).await;
    store.discard(&fixture.gathering, &fixture.chunks, None).await.unwrap();
    let assembly = fixture.assembly(Visibility::Private, false);
    assert!(store.assemble(&fixture.gathering, &fixture.chunks, &assembly).await.is_err());
    assert_eq!(store.stat(&assembly.target).await.unwrap(), None);
}

#[tokio::test]
async fn a_staged_chunk_that_was_cut_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let store = s3_store(&folder, None).await;
    store.prepare().await.unwrap();
    for left in [0, 9] {
        let mut fixture = Fixture::new(&store, Some(Visibility::Private));
        fixture.put(bytes(10, 1)).await;
        let key = fixture.chunks[0].receipt.split_once(' ').unwrap().1;
        let cut = fixture.content[..left].to_vec();
        let bucket = store.bucket_name(Visibility::Private);
        s3::client().await.put_object().bucket(bucket).key(key).body(cut.into()).send().await.unwrap();
        fixture.chunks[0].crc = Some(crc(&fixture.content));
        let assembly = fixture.assembly(Visibility::Private, false);
        let outcome = store.assemble(&fixture.gathering, &fixture.chunks, &assembly).await;
        assert!(matches!(outcome, Err(StorageError::Damaged(_))), "{left} bytes left");
        assert_eq!(store.stat(&assembly.target).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_bit_that_flips_on_the_way_to_the_store_makes_no_file() {
    const CONTENT: &[u8] = b"few bytes, and each of them counts";
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, ..) = s3::endpoint().await;
    let proxy = Proxy::to(endpoint.trim_start_matches("http://")).await;
    let store = s3_store_at(&format!("http://127.0.0.1:{}", proxy.port), &folder, None).await;
    store.prepare().await.unwrap();
    let mut fixture = Fixture::new(&store, Some(Visibility::Private));
    proxy.set(Fault::Flips(CONTENT));
    fixture.put(CONTENT.to_vec()).await;
    fixture.chunks[0].crc = Some(crc(CONTENT));
    let assembly = fixture.assembly(Visibility::Private, false);
    let outcome = store.assemble(&fixture.gathering, &fixture.chunks, &assembly).await;
    assert!(matches!(outcome, Err(StorageError::Damaged(_))), "{outcome:?}");
    assert_eq!(store.stat(&assembly.target).await.unwrap(), None);
}

/// A worker found that its copy was damaged, and could not remove it; or it was killed before it looked.
#[tokio::test]
async fn a_copy_that_nobody_has_proved_is_made_again() {
    const CONTENT: &[u8] = b"few bytes, and each of them counts";
    let folder = tempfile::tempdir().unwrap();
    let store = s3_store(&folder, None).await;
    store.prepare().await.unwrap();
    let mut fixture = Fixture::new(&store, None);
    fixture.put(CONTENT.to_vec()).await;
    fixture.chunks[0].crc = Some(crc(CONTENT));
    let target = fixture.assembly(Visibility::Private, false).target;
    let damaged = CONTENT.to_ascii_uppercase();
    let put = s3::client().await.put_object().bucket(store.bucket_name(Visibility::Private)).key(&target.key);
    put.body(damaged.into()).send().await.unwrap();
    fixture.assemble(Visibility::Private, true).await;
    assert_eq!(read(&store, &target).await, CONTENT);
}

/// What comes late of another sender hides a part that the worker has put, so that the store does not know its `ETag`.
#[tokio::test]
async fn a_part_that_the_store_does_not_know_leads_to_a_rewrite() {
    let folder = tempfile::tempdir().unwrap();
    let (endpoint, ..) = s3::endpoint().await;
    let proxy = Proxy::to(endpoint.trim_start_matches("http://")).await;
    let store = s3_store_at(&format!("http://127.0.0.1:{}", proxy.port), &folder, None).await;
    store.prepare().await.unwrap();
    for place in [0, 1, 2] {
        let mut fixture = Fixture::new(&store, Some(Visibility::Private));
        for index in 0..3 {
            fixture.put_when(bytes(5 * MIB, index), index == place).await;
        }
        let staged = fixture.chunks[usize::try_from(place).unwrap()].receipt.split_once(' ').unwrap().1;
        let bucket = store.bucket_name(Visibility::Private);
        let about = s3::client().await.head_object().bucket(bucket).key(staged).send().await.unwrap();
        let etag = about.e_tag().unwrap().trim_matches('"').to_owned();
        proxy.set(Fault::Flips(etag.leak().as_bytes()));
        let location = fixture.assemble(Visibility::Private, false).await;
        proxy.open();
        assert!(read(&store, &location).await == fixture.content, "the part at {place} was not known");
    }
}

/// A node was killed between the store's word and its own: no row tells of what is there.
async fn what_nobody_acknowledged_goes_with_an_upload_that_is_given_up(store: &SharedStorage) {
    let mut fixture = Fixture::new(store, Some(Visibility::Private));
    fixture.put(bytes(8 * MIB, 1)).await;
    fixture.put(bytes(9, 2)).await;
    let known = Gathering { storage_upload_id: None, ..fixture.gathering.clone() };
    store.discard(&known, &[], None).await.unwrap();
    for chunks in [&fixture.chunks[..1], &fixture.chunks[1..]] {
        let size = chunks.iter().map(|chunk| chunk.size).sum();
        let assembly = Assembly { size, ..fixture.assembly(Visibility::Private, false) };
        assert!(store.assemble(&fixture.gathering, chunks, &assembly).await.is_err());
    }
}

async fn the_contract(store: SharedStorage) {
    store.prepare().await.unwrap();
    store.prepare().await.unwrap();
    store.probe().await.unwrap();
    every_layout_is_assembled_and_may_be_again(&store).await;
    a_body_that_breaks_is_no_chunk_and_the_next_one_is(&store).await;
    one_that_fails_late_takes_nothing_from_its_successor(&store).await;
    objects_are_read_in_ranges_told_of_and_deleted(&store).await;
    what_is_missing_is_damage_and_no_object(&store).await;
    what_nobody_acknowledged_goes_with_an_upload_that_is_given_up(&store).await;
}

async fn s3_store(folder: &TempDir, public_url: Option<&str>) -> SharedStorage {
    let (endpoint, ..) = s3::endpoint().await;
    s3_store_at(&endpoint, folder, public_url).await
}

async fn s3_store_at(endpoint: &str, folder: &TempDir, public_url: Option<&str>) -> SharedStorage {
    let (_, access_key, secret_key) = s3::endpoint().await;
    s3_store_of(endpoint, [&access_key, &secret_key], folder, public_url)
}

fn s3_store_of(endpoint: &str, key: [&str; 2], folder: &TempDir, public_url: Option<&str>) -> SharedStorage {
    let config = S3Config {
        public_url: public_url.unwrap_or(endpoint).parse().unwrap(),
        endpoint: endpoint.parse().unwrap(),
        region: "us-east-1".into(),
        access_key: key[0].to_owned(),
        secret_key: key[1].to_owned().into(),
        public_bucket: "public".into(),
        private_bucket: "private".into(),
        page_origins: Vec::new(),
        unfinished_days: 31,
    };
    Arc::new(S3Storage::new(&config, Spool::new(folder.path().to_owned())).unwrap())
}

#[tokio::test]
async fn the_directory_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    the_contract(Arc::new(DirectoryStorage::new(folder.path().to_owned()))).await;
}

#[tokio::test]
async fn s3_keeps_the_contract() {
    the_contract(s3_store(&tempfile::tempdir().unwrap(), None).await).await;
}

#[tokio::test]
async fn links_are_signed_for_the_public_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let store = s3_store(&folder, Some("https://files.example.org/")).await;
    let location = ObjectLocation { bucket: Visibility::Private, key: "a.jpg".into() };
    let options = LinkOptions {
        filename: None,
        content_type: ContentType::parse("image/jpeg").unwrap(),
        valid_for: Duration::from_secs(7),
    };
    let link = store.signed_link(&location, &options).await.unwrap().unwrap();
    assert!(link.starts_with("https://files.example.org/private/a.jpg?"), "{link}");
    assert!(link.contains("X-Amz-Expires=7&") && link.contains("X-Amz-SignedHeaders=host"), "{link}");
}

/// Who may not read the policy does not know whether strangers may read the objects.
#[tokio::test]
async fn a_bucket_whose_policy_is_hidden_may_be_open_and_is_no_reason_to_wait() {
    let (folder, hidden) = (tempfile::tempdir().unwrap(), s3::with_hidden_policies());
    let store = s3_store_of(&hidden, [s3::ACCESS_KEY, s3::SECRET_KEY], &folder, None);
    assert_eq!(store.openness(), Openness::Unasked);
    store.prepare().await.unwrap();
    assert_eq!(store.openness(), Openness::Uncertain);
    let public = ObjectLocation { bucket: Visibility::Public, key: "a.jpg".into() };
    assert_eq!(store.public_link(&public).await, None);
}
