//! Notices that are lost, that come too often, that come to frozen workers, and jobs that cannot be done.

use std::sync::Arc;

use futures::future::join_all;
use lapin::options::{BasicPublishOptions, QueueDeleteOptions, QueuePurgeOptions};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use rustix::process::Signal;
use serde_json::json;
use uuid::Uuid;

use super::{Run, summary};
use crate::check::{all_is_well, files_are_there};
use crate::cluster::Cluster;
use crate::ledger::Ledger;
use crate::support::eventually;
use crate::uploader::{Caller, Door, Plan};

const MIB: usize = 1024 * 1024;
/// How many uploads are made at a time.
const AT_ONCE: usize = 16;

async fn channel(cluster: &Cluster) -> Channel {
    let connection = Connection::connect(&cluster.servers.amqp(), ConnectionProperties::default()).await;
    connection.expect("the broker answers").create_channel().await.expect("a channel")
}

/// Makes this many small files.
async fn upload_many(caller: &Caller, count: usize, seed: u64) {
    let numbers: Vec<u64> = (0..count as u64).collect();
    for batch in numbers.chunks(AT_ONCE) {
        let plans = batch.iter().map(|number| Plan::raw(&[2000, 3000], seed.wrapping_add(*number)));
        join_all(plans.map(async |plan| caller.upload(&plan).await)).await;
    }
}

/// The queue is purged, or deleted, with jobs in it that no worker has seen.
pub async fn purge(run: Run) -> String {
    let (mut cluster, ledger) = (Cluster::new(&run.servers, run.without.as_deref()).await, Arc::new(Ledger::default()));
    cluster.start_api(None).await;
    let caller = Caller::new(&cluster.url(), &ledger);
    let jobs = if run.rounds > 1 { 500 } else { 60 };
    for round in 0..run.rounds {
        upload_many(&caller, jobs, run.seed.wrapping_add((round * jobs) as u64)).await;
        let channel = channel(&cluster).await;
        if round % 2 == 0 {
            channel.queue_purge(cluster.queue().into(), QueuePurgeOptions::default()).await.expect("a purge");
        } else {
            channel.queue_delete(cluster.queue().into(), QueueDeleteOptions::default()).await.expect("no queue");
        }
        cluster.start_worker(None).await;
        all_is_well(&cluster, &ledger).await;
        cluster.workers.clear();
    }
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// A worker is frozen in its job until another has it, and goes on while that one is at work.
pub async fn frozen(run: Run) -> String {
    let (mut cluster, ledger) = (Cluster::new(&run.servers, run.without.as_deref()).await, Arc::new(Ledger::default()));
    cluster.start_api(None).await;
    let caller = Caller::new(&cluster.url(), &ledger);
    for round in 0..run.rounds {
        let plan = Plan::raw(&[5 * MIB, 1000], run.seed.wrapping_add(round as u64));
        let file = caller.upload(&plan).await.expect("a file");
        for epoch in 1..=2 {
            cluster.start_worker(Some("assemble.made@1=stop")).await;
            eventually("the worker has the job", async || {
                (job(&cluster, &file).await == ("running".into(), epoch)).then_some(())
            })
            .await;
            eventually("it is frozen", async || is_frozen(&cluster).then_some(())).await;
        }
        // The first one ends its job, and must find that it has lost it.
        cluster.workers[0].signal(Signal::CONT);
        eventually("it has seen that the job is another's", async || {
            let log = cluster.workers[0].log();
            log.iter().any(|line| line.contains("another worker has") || line.contains("job done")).then_some(())
        })
        .await;
        let (state, epoch) = job(&cluster, &file).await;
        assert_eq!(
            (state.as_str(), epoch),
            ("running", 2),
            "a worker that was frozen past its lease ended the job of another"
        );
        cluster.workers[1].signal(Signal::CONT);
        all_is_well(&cluster, &ledger).await;
        cluster.workers.clear();
    }
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// State and epoch of the job that makes a file.
async fn job(cluster: &Cluster, file: &str) -> (String, i64) {
    let mut rows = cluster.rows().await;
    let sql = "SELECT state, epoch FROM jobs WHERE subject = ? AND kind = 'assemble_file'";
    let id: Uuid = file.parse().unwrap();
    sqlx::query_as(sql).bind(id).fetch_one(&mut rows).await.expect("a job")
}

/// Whether the worker that was started last is stopped.
fn is_frozen(cluster: &Cluster) -> bool {
    let pid = cluster.workers.last().expect("a worker").pid().as_raw_nonzero();
    std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ")
}

/// Every notice comes ten times to eight workers, the chunks of an upload come all at once, and a hundred callers
/// complete it at once.
pub async fn duplicates(run: Run) -> String {
    let (mut cluster, ledger) = (Cluster::new(&run.servers, run.without.as_deref()).await, Arc::new(Ledger::default()));
    cluster.start_api(None).await;
    for _ in 0..8 {
        cluster.start_worker(None).await;
    }
    let caller = Caller::new(&cluster.url(), &ledger);
    let channel = channel(&cluster).await;
    for round in 0..run.rounds {
        let plan = Plan::raw(&[5 * MIB; 4], run.seed.wrapping_add(round as u64));
        let (upload, chunks) = (caller.init(&plan).await.expect("an upload"), plan.chunks());
        // All at once, so that each begins what only one may begin.
        let sent = chunks.iter().enumerate().map(|(index, chunk)| caller.chunk(&upload, Door::Raw, index, chunk));
        join_all(sent).await;
        let answers = join_all((0..100).map(|_| caller.once("complete", caller.completion(&upload, &plan)))).await;
        let file = caller.complete(&upload, &plan).await.expect("a file");
        for (status, body) in answers.into_iter().flatten() {
            assert!(
                status == 200 && body["data"]["id"] == file.as_str(),
                "one of a hundred completes: {status} {body}"
            );
        }
        let mut rows = cluster.rows().await;
        let job: Uuid = sqlx::query_scalar("SELECT id FROM jobs WHERE subject = ? AND kind = 'assemble_file'")
            .bind(file.parse::<Uuid>().unwrap())
            .fetch_one(&mut rows)
            .await
            .expect("one job");
        let notice = json!({ "job_id": job, "trace_id": "0".repeat(32) }).to_string();
        for _ in 0..10 {
            let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
            let published =
                channel.basic_publish("".into(), cluster.queue().into(), options, notice.as_bytes(), properties);
            published.await.expect("the broker takes it");
        }
    }
    all_is_well(&cluster, &ledger).await;
    let done = cluster.workers.iter().flat_map(crate::support::Service::log);
    let done = done.filter(|line| line.contains("\"job done\"") && line.contains("assemble_file")).count();
    assert_eq!(done, run.rounds, "how often files were made");
    summary(&ledger)
}

/// Jobs whose bytes are gone among good ones, and one that kills every worker.
pub async fn poisoned(run: Run) -> String {
    let (mut cluster, ledger) = (run.cluster().await, Arc::new(Ledger::default()));
    cluster.set("JOB_MAX_ATTEMPTS", "3");
    let caller = Caller::new(&cluster.url(), &ledger);
    let mut poisoned = Vec::new();
    for number in 0..run.rounds {
        let plan = Plan::raw(&[2000, 3000], run.seed.wrapping_add(number as u64));
        let upload = caller.send(&plan).await.expect("an upload");
        remove_staged(&cluster, &upload).await;
        let (_, body) = caller.once("complete", caller.completion(&upload, &plan)).await.expect("an answer");
        poisoned.push(body["data"]["id"].as_str().expect("an identifier").to_owned());
        upload_many(&caller, 10, run.seed.wrapping_mul(31).wrapping_add(number as u64 * 10)).await;
    }
    for file in poisoned {
        fails_with_a_reason(&caller, &file).await;
    }
    all_is_well(&cluster, &ledger).await;
    // One that nobody lives to tell of.
    cluster.workers.clear();
    let deadly = caller.upload(&Plan::raw(&[5 * MIB], run.seed)).await.expect("a file");
    for _ in 0..3 {
        cluster.start_worker(Some("assemble.begun@1=kill")).await;
        cluster.workers.pop().expect("a worker").ended().await;
    }
    // And one whose job panics, which must cost the worker nothing.
    let frightening = caller.upload(&Plan::raw(&[5 * MIB], run.seed + 1)).await.expect("a file");
    cluster.start_worker(Some("assemble.begun@1=panic")).await;
    fails_with_a_reason(&caller, &deadly).await;
    ledger.forget(&deadly);
    files_are_there(caller.base(), &ledger, &ledger.files()).await;
    assert!(ledger.files().iter().any(|file| file.file == frightening));
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// Waits until a file is in FAILURE with a sentence for a person, and deletes it.
async fn fails_with_a_reason(caller: &Caller, file: &str) {
    let url = format!("{}/file/status/{file}", caller.base());
    eventually("a poisoned job ends", async || {
        let (_, body) = caller.once("status", caller.http().get(&url)).await?;
        let (status, reason) = (&body["data"]["status"], body["data"]["error"].as_str());
        (status == "FAILURE" && reason.is_some_and(|reason| reason.ends_with('.'))).then_some(())
    })
    .await;
    let delete = format!("{}/file/{file}", caller.base());
    caller.insist("delete", || caller.http().delete(&delete)).await;
}

/// Takes away what an upload has staged in the store.
async fn remove_staged(cluster: &Cluster, upload: &str) {
    let (client, bucket) = (cluster.objects(), cluster.buckets()[1]);
    let prefix = format!(".staging/{upload}/");
    let listed = client.list_objects_v2().bucket(bucket).prefix(prefix).send().await.expect("a listing");
    for key in listed.contents().iter().filter_map(|object| object.key()) {
        client.delete_object().bucket(bucket).key(key).send().await.expect("a removal");
    }
}
