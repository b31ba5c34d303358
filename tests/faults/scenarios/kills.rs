//! Processes of ours that are killed.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rand::RngExt;
use rustix::process::Signal;
use tokio::time::sleep;

use super::{Run, Traffic, summary};
use crate::check::all_is_well;
use crate::cluster::Cluster;
use crate::ledger::Ledger;
use crate::uploader::{Caller, Door, Plan};

const MIB: usize = 1024 * 1024;
const CALLERS: u64 = 32;
/// The steps of taking a chunk; then those of complete.
const OF_CHUNK: [&str; 4] = ["chunk.reserved", "chunk.begun", "chunk.stored", "chunk.acknowledged"];
const OF_COMPLETE: [&str; 4] = ["complete.checked", "complete.recorded", "complete.committed", "complete.announced"];
/// The steps of a job whose file has a small last chunk, of one whose chunks are of mixed sizes, and of one that removes.
const OF_TAIL: [&str; 9] = [
    "job.claimed",
    "assemble.begun",
    "assemble.tail",
    "assemble.completed",
    "assemble.made",
    "job.worked",
    "job.ended",
    "discard.begun",
    "discard.done",
];
const OF_REWRITE: [&str; 3] = ["rewrite.gathered", "rewrite.begun", "rewrite.written"];
const OF_REMOVAL: [&str; 2] = ["remove.object", "remove.staged"];

pub async fn api(run: Run) -> String {
    let (mut cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
    for _ in 0..run.rounds {
        sleep(Duration::from_millis(random.random_range(0..1500))).await;
        ledger.note("SIGKILL of the API");
        cluster.restart_api().await;
    }
    traffic.finish().await;
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

pub async fn in_request(run: Run) -> String {
    let (mut cluster, ledger) = (run.cluster().await, Arc::new(Ledger::default()));
    let caller = Caller::new(&cluster.url(), &ledger);
    for round in 0..run.rounds {
        let plan = Plan::raw(&[5 * MIB, 1000], run.seed.wrapping_add(round as u64));
        let mut uploads = Vec::new();
        for point in OF_CHUNK {
            let upload = caller.init(&plan).await.expect("an upload");
            die_at(&mut cluster, point).await;
            let request = caller.http().put(caller.chunk_url(&upload, 0)).body(plan.chunks().remove(0));
            caller.once(point, request).await;
            is_dead(&mut cluster, point).await;
            uploads.push(upload);
        }
        let uploads = uploads.iter().map(async |upload| {
            for (index, chunk) in plan.chunks().iter().enumerate() {
                caller.chunk(upload, Door::Raw, index, chunk).await;
            }
            upload
        });
        for (upload, point) in join_all(uploads).await.into_iter().zip(OF_COMPLETE) {
            die_at(&mut cluster, point).await;
            caller.once(point, caller.completion(upload, &plan)).await;
            is_dead(&mut cluster, point).await;
            caller.complete(upload, &plan).await;
        }
    }
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// Puts an API with a failpoint in the place of the one that runs.
async fn die_at(cluster: &mut Cluster, point: &str) {
    for mut api in cluster.apis.drain(..) {
        api.signal(Signal::KILL);
        api.ended().await;
    }
    cluster.start_api(Some(&format!("{point}@1=kill"))).await;
}

/// Waits for the end of the API with the failpoint, and starts one without.
async fn is_dead(cluster: &mut Cluster, point: &str) {
    let mut api = cluster.apis.pop().expect("an API");
    let ended = api.ended().await;
    assert!(!ended.success(), "{point} was not reached: {ended}");
    cluster.start_api(None).await;
}

pub async fn worker(run: Run) -> String {
    let (mut cluster, ledger) = (Cluster::new(&run.servers, run.without.as_deref()).await, Arc::new(Ledger::default()));
    cluster.set("WORKER_CONCURRENCY", "1");
    cluster.start_api(None).await;
    let caller = Caller::new(&cluster.url(), &ledger);
    let tail = Plan { hinted: true, ..Plan::raw(&[5 * MIB, 1000], run.seed) };
    // So many small ones between large ones that they are not tried as parts.
    let mixed = Plan::raw(&[&[5 * MIB][..], &[1000; 101], &[5 * MIB]].concat(), run.seed);
    for _ in 0..run.rounds {
        kill_workers_at(&mut cluster, &caller, &tail, &OF_TAIL).await;
        kill_workers_at(&mut cluster, &caller, &mixed, &OF_REWRITE).await;
        kill_workers_in_removal(&mut cluster, &caller, &tail).await;
    }
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// Has as many files made as there are points, by workers of which each dies at its own.
async fn kill_workers_at(cluster: &mut Cluster, caller: &Caller, plan: &Plan, points: &[&str]) {
    for _ in points {
        caller.upload(plan).await;
    }
    let before = cluster.workers.len();
    for point in points {
        worker_dies_at(cluster, point).await;
    }
    assert_eq!(cluster.workers.len(), before);
    cluster.start_worker(None).await;
    all_is_well(cluster, &caller.ledger).await;
    cluster.workers.clear();
}

async fn kill_workers_in_removal(cluster: &mut Cluster, caller: &Caller, plan: &Plan) {
    cluster.start_worker(None).await;
    let mut files = Vec::new();
    for _ in OF_REMOVAL {
        files.extend(caller.upload(plan).await);
    }
    all_is_well(cluster, &caller.ledger).await;
    cluster.workers.clear();
    for (file, point) in files.iter().zip(OF_REMOVAL) {
        let url = format!("{}/file/{file}", caller.base());
        caller.insist("delete", || caller.http().delete(&url)).await;
        caller.ledger.forget(file);
        worker_dies_at(cluster, point).await;
    }
    cluster.start_worker(None).await;
    all_is_well(cluster, &caller.ledger).await;
    cluster.workers.clear();
}

async fn worker_dies_at(cluster: &mut Cluster, point: &str) {
    cluster.start_worker(Some(&format!("{point}@1=kill"))).await;
    let mut worker = cluster.workers.pop().expect("a worker");
    worker.ended().await;
}
