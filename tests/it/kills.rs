//! Clients that are killed at random moments, again and again, and go on.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::{Client, Database, Deployment, Queue, Store, bytes};

const MIB: usize = 1024 * 1024;
const KILLS: usize = 50;
const SIZE: usize = 11 * MIB + 123;

/// Moments to kill at, which the seed that is printed brings again.
fn moments() -> StdRng {
    let seed = rand::random();
    eprintln!("seed: {seed}");
    StdRng::seed_from_u64(seed)
}

async fn deployment(store: Store) -> Deployment {
    let queue = if store == Store::S3 { Queue::RabbitMq } else { Queue::InProcess };
    let database = if store == Store::S3 { Database::MySql } else { Database::Sqlite };
    Deployment::new(database, store, queue).await.set("APP_MAX_CHUNK_SIZE", (5 * MIB).to_string())
}

fn command(client: &Client, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filemanager"));
    command.args(arguments).args(["--json", "--quiet"]).env_clear();
    command.env("XDG_CACHE_HOME", folder.join("cache")).env("FILEMANAGER_URL", &client.base).current_dir(folder);
    command.envs(client.key.as_ref().map(|key| ("FILEMANAGER_KEY", key)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a command to its end; what it printed.
async fn finish(mut command: Command) -> Value {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a command again and again, and kills it each time unless it is done before the moment comes. What it printed, and
/// how often it was killed.
async fn until_it_is_done(
    moments: &mut StdRng,
    longest: Duration,
    mut command: impl FnMut() -> Command,
) -> (Value, usize) {
    for kills in 0.. {
        let patience = moments.random_range(Duration::ZERO..longest);
        let child = command().spawn().unwrap();
        let process = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        let ending = child.wait_with_output();
        tokio::pin!(ending);
        if let Ok(output) = timeout(patience, &mut ending).await {
            let output = output.unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            return (serde_json::from_slice(&output.stdout).unwrap(), kills);
        }
        // The next one must find the files that it held free.
        let _ = kill_process(process, Signal::KILL);
        ending.await.unwrap();
    }
    unreachable!("the loop ends only with the command")
}

async fn uploads_survive(store: Store, door: &[&str]) {
    let deployment = deployment(store).await;
    let services = deployment.start().await;
    let client = services[0].client();
    let (folder, mut moments) = (tempfile::tempdir().unwrap(), moments());
    let path = folder.path().join("file.zip");
    let arguments = [&["upload", "file.zip"], door].concat();
    let begun = Instant::now();
    std::fs::write(&path, bytes(SIZE, 0)).unwrap();
    finish(command(&client, folder.path(), &arguments)).await;
    let (mut kills, longest) = (0, begun.elapsed());
    for seed in 1.. {
        let content = bytes(SIZE, seed);
        std::fs::write(&path, &content).unwrap();
        let start = || command(&client, folder.path(), &arguments);
        let (file, killed) = until_it_is_done(&mut moments, longest, start).await;
        assert!(client.download(&file, None).await == content, "{file}");
        kills += killed;
        if kills >= KILLS {
            return;
        }
    }
}

#[tokio::test]
async fn an_upload_of_raw_chunks_to_a_folder_goes_on() {
    uploads_survive(Store::Directory, &[]).await;
}

#[tokio::test]
async fn an_upload_of_raw_chunks_to_s3_goes_on() {
    uploads_survive(Store::S3, &[]).await;
}

#[tokio::test]
async fn an_upload_by_links_to_a_folder_goes_on() {
    uploads_survive(Store::Directory, &["--direct"]).await;
}

#[tokio::test]
async fn an_upload_by_links_to_s3_goes_on() {
    uploads_survive(Store::S3, &["--direct", "--verify"]).await;
}

/// What a page does that sends forms and remembers nothing but its upload's identifier.
async fn send_by_form(client: &Client, upload: &str, content: &[u8]) -> Value {
    let received = client.received(upload).await;
    for (index, chunk) in content.chunks(5 * MIB).enumerate() {
        if !received.iter().any(|(known, _)| usize::try_from(*known) == Ok(index)) {
            client.chunk(upload, index, chunk).await.data();
        }
    }
    let chunks = content.len().div_ceil(5 * MIB);
    client.complete(upload, chunks, content.len(), &[]).await.data()
}

async fn forms_survive(store: Store) {
    let deployment = deployment(store).await;
    let services = deployment.start().await;
    let (content, mut moments) = (bytes(SIZE, 1), moments());
    let begun = Instant::now();
    let client = services[0].client();
    send_by_form(&client, &client.init(&[]).await, &content).await;
    let (mut kills, longest) = (0, begun.elapsed());
    while kills < KILLS {
        let upload = client.init(&[]).await;
        let file = loop {
            // A client of its own, whose connections are cut when it goes.
            let client = services[0].client();
            let patience = moments.random_range(Duration::ZERO..longest);
            match timeout(patience, send_by_form(&client, &upload, &content)).await {
                Ok(file) => break file,
                Err(_) => kills += 1,
            }
        };
        assert!(client.download(&file, None).await == content, "{file}");
    }
}

#[tokio::test]
async fn an_upload_by_forms_to_a_folder_goes_on() {
    forms_survive(Store::Directory).await;
}

#[tokio::test]
async fn an_upload_by_forms_to_s3_goes_on() {
    forms_survive(Store::S3).await;
}

#[tokio::test]
async fn a_download_goes_on() {
    for store in [Store::Directory, Store::S3] {
        let deployment = deployment(store).await;
        let services = deployment.start().await;
        let client = services[0].client();
        let (folder, mut moments) = (tempfile::tempdir().unwrap(), moments());
        let content = bytes(SIZE, 5);
        std::fs::write(folder.path().join("sent.zip"), &content).unwrap();
        let upload = ["upload", "sent.zip", "--private", "user_id=84793"];
        let file = finish(command(&client, folder.path(), &upload)).await;
        let id = file["id"].as_str().unwrap();
        let download = ["download", id, "--private", "user_id=84793", "--output", "got.zip", "--force"];
        let begun = Instant::now();
        finish(command(&client, folder.path(), &download)).await;
        let (mut kills, longest) = (0, begun.elapsed());
        while kills < KILLS / 5 {
            std::fs::remove_file(folder.path().join("got.zip")).unwrap();
            let start = || command(&client, folder.path(), &download);
            kills += until_it_is_done(&mut moments, longest, start).await.1;
            assert!(std::fs::read(folder.path().join("got.zip")).unwrap() == content);
        }
        let mut refused = command(&client, folder.path(), &["download", id]);
        assert_eq!(refused.output().await.unwrap().status.code(), Some(1));
    }
}
