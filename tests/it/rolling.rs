//! Stopping and starting: nothing that was begun is lost, and nobody notices a restart.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use futures::{StreamExt, stream};
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::support::balancer::Balancer;
use crate::support::client::Answer;
use crate::support::deployment::{Service, connections_in, mysql, mysql_address};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Client, Deployment, bytes, eventually};

const MIB: usize = 1024 * 1024;
const UPLOADERS: u64 = 8;

#[tokio::test]
async fn a_node_that_drains_is_not_ready_but_answers_until_all_is_finished() {
    let deployment = Deployment::embedded().await.set("APP_DRAIN_DELAY", "3");
    let mut api = deployment.api().await;
    let client = api.client();
    let (upload, chunk) = (client.init(&[]).await, bytes(2 * MIB, 1));
    let (tell, told) = oneshot::channel();
    let draining = async {
        let received = format!("/file/upload/{upload}");
        eventually("the chunk is on its way", async || {
            let metrics = client.http.get(format!("{}/metrics", client.base)).send().await.unwrap();
            let metrics = metrics.text().await.unwrap();
            let under_way = metrics.lines().find(|line| line.starts_with("filemanager_http_requests_in_flight"))?;
            under_way.ends_with(" 2").then_some(())
        })
        .await;
        api.signal(Signal::TERM);
        let ready = eventually("readiness is off", async || {
            let answer = client.http.get(format!("{}/health/ready", client.base)).send().await.unwrap();
            (answer.status() == 503).then_some(answer)
        })
        .await;
        assert_eq!(ready.headers()["connection"], "close");
        assert_eq!(Answer::of(ready).await.body["data"]["status"], "stopping");
        // A connection of its own, as one that a balancer opens before it has noticed.
        assert_eq!(Client::with_key(&client.base, client.key.as_deref()).get(&received).await.status, 200);
        eventually("no connection is taken any more", async || {
            let connected = tokio::net::TcpStream::connect(api.address()).await;
            connected.is_err().then_some(())
        })
        .await;
        tell.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(client.chunk_in_halves(&upload, 0, &chunk, told), draining);
    assert_eq!(answer.status(), 200);
    assert_eq!(api.ended().await.code(), Some(0));
    let api = deployment.api().await;
    assert_eq!(api.client().received(&upload).await, [(0, chunk.len().cast_signed() as i64)]);
}

/// A deployment whose worker has a job that cannot end: the store is silent.
async fn with_a_job_that_hangs(patience: &str) -> (Deployment, Proxy, Service, Service, Value) {
    let deployment = Deployment::full().await;
    let store = deployment.settings["MINIO_ENDPOINT"].clone();
    let proxy = Proxy::to(store.trim_start_matches("http://")).await;
    let endpoint = format!("http://127.0.0.1:{}", proxy.port);
    // Neither the lease's end nor a sweep shall help.
    let deployment = deployment.set("JOB_LEASE", "600").set("JOB_SWEEP_INTERVAL", "600");
    let deployment = deployment.set("APP_SHUTDOWN_TIMEOUT", patience);
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    for index in [0, 1] {
        client.chunk(&upload, index, b"abc").await.data();
    }
    let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager-worker"));
    command.env("MINIO_ENDPOINT", endpoint);
    let worker = Service::start(command, "waiting for jobs").await;
    proxy.set(Fault::BlackHole);
    let file = client.complete(&upload, 2, 6, &[]).await.data();
    let path = format!("/file/status/{}", file["id"].as_str().unwrap());
    eventually("the worker has it", async || (client.get(&path).await.data()["status"] == "STARTED").then_some(()))
        .await;
    (deployment, proxy, api, worker, file)
}

#[tokio::test]
async fn a_job_that_does_not_end_in_time_is_given_back_and_done_elsewhere_at_once() {
    let (deployment, _proxy, api, mut first, file) = with_a_job_that_hangs("2").await;
    let second = deployment.worker().await;
    first.signal(Signal::TERM);
    assert_eq!(first.ended().await.code(), Some(0));
    assert!(first.log().iter().any(|line| line.contains("job given back")), "{:?}", first.log());
    assert_eq!(api.client().download(&file, None).await, b"abcabc");
    let mut database = mysql(deployment.mysql_database()).await;
    let sql = "SELECT attempts FROM jobs WHERE kind = 'assemble_file'";
    let (attempts,): (i64,) = sqlx::query_as(sql).fetch_one(&mut database).await.unwrap();
    assert_eq!(attempts, 1, "a stop counts as no attempt");
    drop(second);
}

#[tokio::test]
async fn a_job_that_is_given_back_in_the_middle_of_a_rewrite_goes_on_from_there() {
    let deployment = Deployment::full().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("file_extension", "jpg"), ("visibility", "public")]).await;
    // More small chunks than are tried as parts beside the large one.
    let mut chunks = vec![bytes(5 * MIB, 1)];
    chunks.extend((2..104).map(|seed| bytes(100, seed)));
    for (index, chunk) in chunks.iter().enumerate() {
        client.raw_chunk(&upload, &index.to_string(), chunk, &[]).await.data();
    }
    let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager-worker"));
    command.env("FAILPOINT", "rewrite.gathered@1=kill");
    let mut first = Service::start(command, "waiting for jobs").await;
    let content = chunks.concat();
    let elsewhere = [("file_extension", "png"), ("content_type", "image/png")];
    let file = client.complete(&upload, chunks.len(), content.len(), &elsewhere).await.data();
    first.ended().await;
    // As it would have left the job, had it been told to stop.
    let sql = "UPDATE jobs SET state = 'queued', attempts = 0, lease_owner = NULL, lease_until = NULL, \
               published_at = NULL WHERE kind = 'assemble_file'";
    let mut database = mysql(deployment.mysql_database()).await;
    assert_eq!(sqlx::query(sql).execute(&mut database).await.unwrap().rows_affected(), 1);
    let _second = deployment.worker().await;
    assert!(client.download(&file, None).await == content, "not what was sent");
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let (_deployment, _proxy, _api, mut worker, _file) = with_a_job_that_hangs("3600").await;
    worker.signal(Signal::TERM);
    eventually("the worker stops", async || worker.log().iter().any(|line| line.contains("tell again")).then_some(()))
        .await;
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended().await.code(), Some(130));
}

/// While another process migrates, and the database falls silent: what a stop would wait for never comes.
#[tokio::test]
async fn a_stop_waits_for_no_database_that_has_fallen_silent() {
    for program in [env!("CARGO_BIN_EXE_filemanager"), env!("CARGO_BIN_EXE_filemanager-worker")] {
        let gate = Proxy::to(mysql_address()).await;
        let deployment = Deployment::full().await.set("APP_SHUTDOWN_TIMEOUT", "2");
        let mut command = deployment.command(program);
        command.env("MYSQL_HOST", "127.0.0.1").env("MYSQL_PORT", gate.port.to_string());
        let name = deployment.mysql_database().expect("MySQL");
        let mut migrating = mysql(None).await;
        let lock = sqlx::query("DO GET_LOCK(CONCAT('filemanager.', ?), 0)").bind(name);
        lock.execute(&mut migrating).await.unwrap();
        let mut service = Service::spawn(command);
        eventually("it waits for the one that migrates", async || {
            (connections_in("User lock", name).await > 0).then_some(())
        })
        .await;
        gate.set(Fault::BlackHole);
        service.signal(Signal::TERM);
        assert_eq!(service.ended().await.code(), Some(0));
    }
}

/// Uploads, completes and asks, until all is restarted; what went wrong, and the files with the seeds of their bytes.
async fn caller(client: Client, number: u64, over: &AtomicBool) -> (Vec<String>, Vec<(Value, u64)>) {
    let (mut problems, mut files) = (Vec::new(), Vec::new());
    for round in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let seed = number * 1_000_000 + round;
        match upload(&client, seed).await {
            Ok(file) => files.push((file, seed)),
            Err(problem) => problems.push(problem),
        }
    }
    (problems, files)
}

fn chunks_of(seed: u64) -> [Vec<u8>; 2] {
    [bytes(200_000, seed), bytes(1000, seed + 1)]
}

/// One upload in which each request is sent once.
async fn upload(client: &Client, seed: u64) -> Result<Value, String> {
    let sent = async |what: &str, request: reqwest::RequestBuilder| {
        let answer = request.send().await.map_err(|error| format!("{what}: {error:?}"))?;
        let status = answer.status();
        let body: Value = answer.json().await.map_err(|error| format!("{what}: {error:?}"))?;
        if status == 200 { Ok(body["data"].clone()) } else { Err(format!("{what}: {status} {body}")) }
    };
    let opened = sent("init", client.http.post(client.url("/file/upload/init/"))).await?;
    let id = opened["upload_id"].as_str().expect("an identifier");
    let chunks = chunks_of(seed);
    for (index, chunk) in chunks.iter().enumerate() {
        let url = client.url(&format!("/file/upload/{id}/chunk/{index}"));
        sent("chunk", client.http.put(url).body(chunk.clone())).await?;
    }
    let fields = serde_json::json!({
        "upload_id": id, "total_chunks": 2, "total_size": chunks.concat().len(),
        "file_extension": "txt", "content_type": "text/plain",
    });
    let file = sent("complete", client.http.post(client.url("/file/upload/complete/")).json(&fields)).await?;
    let url = client.url(&format!("/file/get/{}", file["id"].as_str().expect("an identifier")));
    sent("get", client.http.get(url)).await
}

/// Stops a process in order.
async fn stop(mut service: Service) {
    service.signal(Signal::TERM);
    assert_eq!(service.ended().await.code(), Some(0), "{:?}", service.log().last());
}

#[tokio::test]
async fn a_rolling_restart_under_load_loses_no_request() {
    let deployment = Deployment::full().await.set("APP_DRAIN_DELAY", "2");
    let balancer = Balancer::start().await;
    let mut apis = Vec::new();
    for _ in 0..2 {
        apis.push(deployment.api().await);
        balancer.add(apis[apis.len() - 1].address());
    }
    let mut workers = join_all((0..3).map(|_| deployment.worker())).await;
    eventually("two nodes are ready", async || balancer.has_ready(2).then_some(())).await;
    let key = apis[0].client().key;
    let client = Client::with_key(&format!("http://127.0.0.1:{}", balancer.port), key.as_deref());
    let over = AtomicBool::new(false);
    let callers = join_all((0..UPLOADERS).map(|number| caller(client.clone(), number, &over)));
    let restarts = async {
        for _ in 0..2 {
            let old = apis.remove(0);
            let address = old.address();
            stop(old).await;
            balancer.remove(&address);
            apis.push(deployment.api().await);
            balancer.add(apis[apis.len() - 1].address());
            eventually("two nodes are ready", async || balancer.has_ready(2).then_some(())).await;
        }
        for _ in 0..3 {
            stop(workers.remove(0)).await;
            workers.push(deployment.worker().await);
        }
        over.store(true, Ordering::SeqCst);
    };
    let (callers, ()) = tokio::join!(callers, restarts);
    let problems: Vec<&String> = callers.iter().flat_map(|(problems, _)| problems).collect();
    assert!(problems.is_empty(), "{} lost: {problems:#?}", problems.len());
    let files: Vec<_> = callers.iter().flat_map(|(_, files)| files).collect();
    assert!(callers.iter().all(|(_, files)| files.len() > 1), "somebody was stuck: only {} files", files.len());
    stream::iter(files)
        .for_each_concurrent(8, async |(file, seed)| {
            assert!(client.download(file, None).await == chunks_of(*seed).concat(), "not what was sent");
        })
        .await;
}
