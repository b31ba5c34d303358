//! Keeping tidy: what nothing needs goes, and what anybody may need stays.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use futures::future::join_all;
use rustix::process::Signal;
use sqlx::Connection;
use uuid::Uuid;

use crate::support::deployment::{mysql, run};
use crate::support::{Client, Database, Deployment, Queue, Service, Store, bytes, eventually, s3};

const MIB: usize = 1024 * 1024;
/// The shortest that can be set beside a lease of 3 s.
const GRACE: Duration = Duration::from_secs(4);

/// A deployment with a store of its own: what other tests put into theirs is nobody's here. The worker is a process of its
/// own, so that there can be none.
async fn deployment(store: Store) -> Deployment {
    let database = if store == Store::S3 { Database::MySql } else { Database::Sqlite };
    let name = Uuid::new_v4().simple();
    Deployment::new(database, store, Queue::RabbitMq)
        .await
        .set("MINIO_PUBLIC_BUCKET", format!("public-{name}"))
        .set("MINIO_PRIVATE_BUCKET", format!("private-{name}"))
        .set("JOB_LEASE", "3")
        .set("GC_GRACE", GRACE.as_secs().to_string())
        .set("GC_INTERVAL", "0")
}

/// The store, past the service.
enum Shelf {
    Folder(PathBuf),
    Buckets { client: aws_sdk_s3::Client, public: String, private: String },
}

impl Shelf {
    async fn of(deployment: &Deployment, store: Store) -> Self {
        let bucket = |name: &str| deployment.settings[name].clone();
        match store {
            Store::Directory => Self::Folder(deployment.folder.path().join("data")),
            Store::S3 => Self::Buckets {
                client: s3::client().await,
                public: bucket("MINIO_PUBLIC_BUCKET"),
                private: bucket("MINIO_PRIVATE_BUCKET"),
            },
        }
    }

    /// Puts a public object there.
    async fn put(&self, key: &str) {
        match self {
            Self::Folder(data) => std::fs::write(data.join("objects/public").join(key), b"12345").unwrap(),
            Self::Buckets { client, public, .. } => {
                let request = client.put_object().bucket(public).key(key).body(ByteStream::from_static(b"12345"));
                request.send().await.unwrap();
            }
        }
    }

    async fn remove(&self, key: &str) {
        match self {
            Self::Folder(data) => std::fs::remove_file(data.join("objects/public").join(key)).unwrap(),
            Self::Buckets { client, public, .. } => {
                client.delete_object().bucket(public).key(key).send().await.unwrap();
            }
        }
    }

    /// Puts there what a writer leaves that came too late to be acknowledged.
    async fn put_staged(&self, upload: &str) {
        match self {
            Self::Folder(data) => {
                std::fs::write(data.join("staging").join(upload), b"12345").unwrap();
                std::fs::write(data.join("staging").join(format!("{upload}.compact")), b"12345").unwrap();
            }
            Self::Buckets { client, private, .. } => {
                let key = format!(".staging/{upload}/7-late");
                let request = client.put_object().bucket(private).key(key).body(ByteStream::from_static(b"12345"));
                request.send().await.unwrap();
                let key = format!(".staging/{upload}/object");
                client.create_multipart_upload().bucket(private).key(key).send().await.unwrap();
            }
        }
    }

    /// How many things are there whose names have this in them.
    async fn count(&self, name: &str) -> usize {
        match self {
            Self::Folder(data) => {
                let folders = ["objects/public", "objects/private", "staging"].map(|folder| data.join(folder));
                let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
                entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(name)).count()
            }
            Self::Buckets { client, public, private } => {
                let mut count = 0;
                for bucket in [public, private] {
                    let objects = client.list_objects_v2().bucket(bucket).send().await.unwrap();
                    count += objects.contents().iter().filter(|object| object.key().unwrap().contains(name)).count();
                    let uploads = client.list_multipart_uploads().bucket(bucket).send().await.unwrap();
                    count += uploads.uploads().iter().filter(|upload| upload.key().unwrap().contains(name)).count();
                }
                count
            }
        }
    }
}

/// Runs a statement on the deployment's database; how many rows it matched.
async fn execute(deployment: &Deployment, sql: &'static str, id: &str) -> u64 {
    let id: Uuid = id.parse().unwrap();
    if deployment.mysql_database().is_some() {
        let mut database = mysql(deployment.mysql_database()).await;
        return sqlx::query(sql).bind(id).execute(&mut database).await.unwrap().rows_affected();
    }
    let file = deployment.folder.path().join("data/filemanager.db");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    sqlx::query(sql).bind(id).execute(&mut database).await.unwrap().rows_affected()
}

/// Runs `filemanager gc`; whether it ended well, and what it printed.
async fn gc(deployment: &Deployment, options: &[&str]) -> (bool, String) {
    let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
    command.arg("gc").args(options);
    let (status, output, complaint) = run(command).await;
    (status.success(), format!("{output}{complaint}"))
}

/// Where a file's object lies in its bucket.
fn key_of(file: &serde_json::Value) -> &str {
    file["path"].as_str().unwrap().rsplit('/').next().unwrap()
}

/// Ends processes as an operator does.
async fn stop(services: Vec<Service>) {
    for mut service in services {
        service.signal(Signal::TERM);
        assert!(service.ended().await.success());
    }
}

/// Litter of each kind; what its names have in them.
async fn litter(deployment: &Deployment, shelf: &Shelf, client: &Client) -> Vec<String> {
    let orphan = Uuid::new_v4().to_string();
    shelf.put(&format!("{orphan}.txt")).await;
    let unknown = Uuid::new_v4().to_string();
    shelf.put_staged(&unknown).await;
    let expired = client.init(&[("file_extension", "txt"), ("visibility", "public")]).await;
    client.chunk(&expired, 0, &bytes(5 * MIB, 1)).await.data();
    client.chunk(&expired, 1, b"abc").await.data();
    let expire = "UPDATE uploads SET expires_at = '2020-01-01T00:00:00+00:00' WHERE id = ?";
    let expire_mysql = "UPDATE uploads SET expires_at = '2020-01-01 00:00:00' WHERE id = ?";
    let expire = if deployment.mysql_database().is_some() { expire_mysql } else { expire };
    assert_eq!(execute(deployment, expire, &expired).await, 1);
    vec![orphan, unknown, expired]
}

async fn every_kind_of_litter_goes_and_the_rest_stays(store: Store) {
    let deployment = deployment(store).await;
    let shelf = Shelf::of(&deployment, store).await;
    let services = deployment.start().await;
    let client = services[0].client();
    let (large, small) = (bytes(5 * MIB, 1), bytes(1000, 2));
    let done = client.upload(&[large.clone(), small.clone()], &[], &[]).await;
    assert_eq!(client.done(&done, None).await["status"], "SUCCESS");
    let done_upload = key_of(&done).split('.').next().unwrap().to_owned();
    drop(services);
    let api = deployment.api().await;
    let client = api.client();

    let (open, completing) = (client.init(&[]).await, client.init(&[]).await);
    for upload in [&open, &completing] {
        client.chunk(upload, 0, &large).await.data();
        client.chunk(upload, 1, &small).await.data();
    }
    let completing = client.complete(&completing, 2, large.len() + small.len(), &[]).await.data();
    shelf.put("report.pdf").await;
    let mut litter = litter(&deployment, &shelf, &client).await;
    // Of a completed upload: the object is all that may stay.
    shelf.put_staged(&done_upload).await;
    stop(vec![api]).await;
    let old = "UPDATE jobs SET run_at = '2020-01-01' WHERE state = 'done' AND id <> ?";
    let jobs = execute(&deployment, old, &open).await;
    assert!(jobs >= 1);

    let cautious = deployment.set("GC_GRACE", "3600");
    let (fine, output) = gc(&cautious, &["--dry-run"]).await;
    assert!(fine && output.contains("would remove 0 objects without a file"), "{output}");
    assert!(output.contains("would remove 0 staged objects and files"), "{output}");
    let deployment = cautious.set("GC_GRACE", GRACE.as_secs().to_string());

    litter.push(done_upload.clone());
    let before = join_all(litter.iter().map(|name| shelf.count(name))).await;
    let output = eventually("everything is old enough to be named", async || {
        let (fine, output) = gc(&deployment, &["--dry-run"]).await;
        assert!(fine, "{output}");
        let named = |name: &String| output.lines().any(|line| line.contains("would remove") && line.contains(name));
        litter.iter().all(named).then_some(output)
    })
    .await;
    assert!(output.contains("would give up 1 uploads") && !output.contains("report.pdf"), "{output}");
    assert!(output.contains(&format!("would remove {jobs} rows of jobs")), "{output}");
    assert_eq!(join_all(litter.iter().map(|name| shelf.count(name))).await, before, "a dry run changed something");

    let (fine, output) = gc(&deployment, &[]).await;
    assert!(fine && output.contains("removed 1 objects without a file, 5 bytes"), "{output}");
    assert!(output.contains("gave up 1 uploads") && output.contains("none of the service's"), "{output}");
    assert!(output.contains(&format!("removed {jobs} rows of jobs")), "{output}");
    for name in &litter[..3] {
        assert_eq!(shelf.count(name).await, 0, "{name} is there yet:\n{output}");
    }
    assert_eq!(shelf.count(&done_upload).await, 1, "not the object alone:\n{output}");
    assert_eq!(shelf.count("report.pdf").await, 1);

    let services = deployment.start().await;
    let client = services[0].client();
    let content = [large, small].concat();
    let open = client.complete(&open, 2, content.len(), &[]).await.data();
    for file in [done, completing, open] {
        assert!(client.download(&file, None).await == content, "{file}");
    }
    // Once what was staged is gone, nobody needs to know of an upload that was given up long ago.
    eventually("its row is deleted", async || {
        let (_, output) = gc(&deployment, &[]).await;
        output.contains("removed 1 rows of uploads").then_some(())
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_litter_in_a_folder_goes_and_the_rest_stays() {
    every_kind_of_litter_goes_and_the_rest_stays(Store::Directory).await;
}

#[tokio::test]
async fn every_kind_of_litter_on_s3_goes_and_the_rest_stays() {
    every_kind_of_litter_goes_and_the_rest_stays(Store::S3).await;
}

#[tokio::test]
async fn a_file_whose_object_is_missing_is_told_of_loudly_and_keeps_its_row() {
    for store in [Store::Directory, Store::S3] {
        let deployment = deployment(store).await;
        let shelf = Shelf::of(&deployment, store).await;
        let services = deployment.start().await;
        let client = services[0].client();
        let files = join_all((0..5).map(|seed| {
            let client = client.clone();
            async move { client.upload(&[bytes(100, seed)], &[], &[]).await }
        }))
        .await;
        for file in &files {
            assert_eq!(client.done(file, None).await["status"], "SUCCESS");
        }
        let (id, key) = (files[2]["id"].as_str().unwrap(), key_of(&files[2]));
        shelf.remove(key).await;
        let output = eventually("it is told of", async || {
            let (fine, output) = gc(&deployment, &[]).await;
            assert!(fine != output.contains("MISSING"), "{output}");
            (!fine).then_some(output)
        })
        .await;
        assert!(output.contains(&format!("MISSING: object public/{key} of file {id}")), "{output}");
        assert!(
            output.contains("\"level\":\"ERROR\"") && output.contains("MISSING: the objects of 1 files"),
            "{output}"
        );
        assert_eq!(client.get(&format!("/file/get/{id}")).await.data()["id"], id);
    }
}

/// It is all that tells where the object lies.
#[tokio::test]
async fn the_row_of_a_deleted_files_upload_stays_until_its_object_is_removed() {
    let deployment = deployment(Store::Directory).await.set("GC_GRACE", "3600");
    let shelf = Shelf::of(&deployment, Store::Directory).await;
    let services = deployment.start().await;
    let client = services[0].client();
    let file = client.upload(&[bytes(9, 1)], &[], &[]).await;
    assert_eq!(client.done(&file, None).await["status"], "SUCCESS");
    drop(services);
    let api = deployment.api().await;
    let client = api.client();
    let upload = key_of(&file).split('.').next().unwrap();
    let expire = "UPDATE uploads SET expires_at = '2020-01-01T00:00:00+00:00' WHERE id = ?";
    assert_eq!(execute(&deployment, expire, upload).await, 1);
    let deleted = client.http.delete(client.url(&format!("/file/{}", file["id"].as_str().unwrap()))).send().await;
    assert_eq!(deleted.unwrap().status(), 200);
    stop(vec![api]).await;
    let (_, output) = gc(&deployment, &[]).await;
    assert!(output.contains("removed 0 rows of uploads"), "{output}");
    assert_eq!(shelf.count(upload).await, 1);
    let _services = deployment.start().await;
    eventually("its object is removed", async || (shelf.count(upload).await == 0).then_some(())).await;
}

#[tokio::test]
async fn a_store_that_looks_like_another_databases_is_left_alone() {
    let deployment = deployment(Store::Directory).await;
    let shelf = Shelf::of(&deployment, Store::Directory).await;
    stop(deployment.start().await).await;
    // Of one moment, so that they are all old enough at once.
    let since = std::time::SystemTime::now();
    for _ in 0..30 {
        let key = format!("{}.txt", Uuid::new_v4());
        shelf.put(&key).await;
        let path = deployment.folder.path().join("data/objects/public").join(key);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(since).unwrap();
    }
    let output = eventually("they are old enough", async || {
        let (fine, output) = gc(&deployment, &[]).await;
        (!fine).then_some(output)
    })
    .await;
    assert!(output.contains("LEFT ALONE 30 things"), "{output}");
    assert_eq!(shelf.count(".txt").await, 30);
}

#[tokio::test]
async fn one_process_at_a_time_cleans_and_one_that_died_holds_nobody_up() {
    let deployment = deployment(Store::S3).await;
    stop(deployment.start().await).await;
    let take = "UPDATE leases SET owner = ?, lease_until = DATE_ADD(UTC_TIMESTAMP(6), INTERVAL 5 MINUTE)";
    execute(&deployment, take, &Uuid::new_v4().to_string()).await;
    let (fine, output) = gc(&deployment, &[]).await;
    assert!(!fine && output.contains("another process is at it"), "{output}");
    let (fine, output) = gc(&deployment, &["--dry-run"]).await;
    assert!(fine, "{output}");
    let died = "UPDATE leases SET owner = ?, lease_until = DATE_SUB(UTC_TIMESTAMP(6), INTERVAL 1 SECOND)";
    let clock_was_wrong = "UPDATE leases SET owner = ?, lease_until = DATE_ADD(UTC_TIMESTAMP(6), INTERVAL 1 YEAR), \
                           done_at = DATE_ADD(UTC_TIMESTAMP(6), INTERVAL 1 YEAR)";
    for left_behind in [died, clock_was_wrong] {
        execute(&deployment, left_behind, &Uuid::new_v4().to_string()).await;
        let (fine, output) = gc(&deployment, &[]).await;
        assert!(fine, "{output}");
    }
}

#[tokio::test]
async fn workers_clean_by_themselves_when_it_is_time() {
    for store in [Store::Directory, Store::S3] {
        let deployment = deployment(store).await.set("GC_INTERVAL", "1");
        let shelf = Shelf::of(&deployment, store).await;
        let _services = deployment.start().await;
        let orphan = Uuid::new_v4().to_string();
        shelf.put(&format!("{orphan}.txt")).await;
        eventually("the orphan is gone", async || (shelf.count(&orphan).await == 0).then_some(())).await;
    }
}

/// Fifty uploads go on, slowly enough to be judged at every stage, while the store is cleaned again and again.
async fn nothing_is_lost_while_it_is_cleaned(store: Store) {
    let deployment = deployment(store).await;
    let services = deployment.start().await;
    let client = &services[0].client();
    let mut passes = 0;
    let mut clean_for = async |time: Duration| {
        let begun = Instant::now();
        while begun.elapsed() < time {
            let (fine, output) = gc(&deployment, &[]).await;
            assert!(fine, "{output}");
            passes += 1;
        }
    };
    let stages = GRACE + Duration::from_secs(1);
    let contents: Vec<Vec<Vec<u8>>> = (0..50)
        .map(|seed| {
            let size = if seed % 3 == 0 { 5 * MIB } else { 10_000 };
            vec![bytes(size, seed), bytes(700, seed + 100), bytes(600, seed + 200)]
        })
        .collect();
    let uploads = join_all(contents.iter().map(|_| client.init(&[]))).await;
    for index in 0..3 {
        let sending = uploads.iter().zip(&contents).map(|(upload, chunks)| client.chunk(upload, index, &chunks[index]));
        let (sent, ()) = tokio::join!(join_all(sending), clean_for(stages));
        for answer in sent {
            answer.data();
        }
    }
    let complete =
        uploads.iter().zip(&contents).map(|(upload, chunks)| client.complete(upload, 3, chunks.concat().len(), &[]));
    let (files, ()) = tokio::join!(join_all(complete), clean_for(stages));
    for (file, chunks) in files.into_iter().zip(&contents) {
        assert!(client.download(&file.data(), None).await == chunks.concat());
    }
    assert!(passes >= 4, "{passes} passes");
}

#[tokio::test]
async fn nothing_in_a_folder_is_lost_while_it_is_cleaned() {
    nothing_is_lost_while_it_is_cleaned(Store::Directory).await;
}

#[tokio::test]
async fn nothing_on_s3_is_lost_while_it_is_cleaned() {
    nothing_is_lost_while_it_is_cleaned(Store::S3).await;
}
