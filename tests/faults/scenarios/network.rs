//! The ways between the parts: late, sliced, reset, silent; and requests that are cut off or arrive changed.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::RngExt;
use ring::digest::{SHA256, digest};
use tokio::time::sleep;

use super::{Run, Traffic, summary};
use crate::check::all_is_well;
use crate::cluster::Cluster;
use crate::ledger::Ledger;
use crate::support::bytes;
use crate::support::proxy::Fault;
use crate::uploader::{Caller, Door, Plan};

const MIB: usize = 1024 * 1024;
const CALLERS: u64 = 6;
/// How long each fault lasts.
const WHILE: Duration = Duration::from_millis(1500);
/// How long nothing passes: longer than any request may take.
const SILENCE: Duration = Duration::from_secs(40);

/// Each fault on each way in turn, under uploaders.
pub async fn faults(run: Run) -> String {
    let (cluster, ledger) = (run.cluster().await, Arc::new(Ledger::default()));
    let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
    for round in 0..run.rounds as u64 {
        let resets = Fault::Resets { seed: run.seed ^ round, most: 2 * MIB };
        for fault in [Fault::Latency(Duration::from_millis(50)), Fault::Slices(100), resets] {
            for door in [&cluster.api, &cluster.links, &cluster.store, &cluster.database, &cluster.broker] {
                ledger.note(&format!("{fault:?}"));
                door.set(fault);
                sleep(WHILE).await;
                door.open();
            }
        }
    }
    traffic.finish().await;
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// One part after the other says nothing any more, for longer than a request may take.
pub async fn silence(run: Run) -> String {
    let (cluster, ledger) = (run.cluster().await, Arc::new(Ledger::default()));
    for _ in 0..run.rounds {
        for (name, door) in [("database", &cluster.database), ("store", &cluster.store), ("broker", &cluster.broker)] {
            let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
            sleep(WHILE).await;
            ledger.note(&format!("silence of the {name}"));
            door.set(Fault::BlackHole);
            sleep(SILENCE).await;
            door.open();
            traffic.finish().await;
            all_is_well(&cluster, &ledger).await;
        }
    }
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

/// Requests whose connection is cut at a random byte. Half of their uploads go on, half are given up.
pub async fn cuts(run: Run) -> String {
    let (cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let (broken, whole) = (Caller::new(&cluster.url(), &ledger), Caller::new(&cluster.url_past_faults(), &ledger));
    for round in 0..run.rounds as u64 {
        let size = if round % 2 == 0 { 5 * MIB } else { 300_000 };
        let plan = Plan { hinted: random.random(), ..Plan::raw(&[size, 1000], random.random()) };
        let (upload, chunks) = (whole.init(&plan).await.expect("an upload"), plan.chunks());
        cluster.api.set(Fault::Resets { seed: run.seed ^ round, most: size });
        let request = broken.http().put(broken.chunk_url(&upload, 0)).body(chunks[0].clone());
        broken.once("a chunk that is cut", request).await;
        cluster.api.open();
        if round % 4 < 2 {
            for (index, chunk) in chunks.iter().enumerate() {
                whole.chunk(&upload, Door::Raw, index, chunk).await;
            }
            whole.complete(&upload, &plan).await;
        } else {
            give_up(&whole, &upload).await;
        }
    }
    all_is_well(&cluster, &ledger).await;
    let spooled = std::fs::read_dir(cluster.deployment.folder.path().join("data/tmp")).unwrap().count();
    assert_eq!(spooled, 0, "what cut requests left in the folder of temporary files");
    summary(&ledger)
}

async fn give_up(caller: &Caller, upload: &str) {
    let url = format!("{}/file/upload/{upload}", caller.base());
    caller.insist("give up", || caller.http().delete(&url)).await;
}

/// Single bits that change on the way, or in the store before the file is made.
pub async fn flips(run: Run) -> String {
    let (cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let caller = Caller::new(&cluster.url(), &ledger);
    let mut undetected = Vec::new();
    for round in 0..run.rounds {
        let kind = ["body", "staged chunk", "stored part"][round % 3];
        let size = if kind == "stored part" { 5 * MIB } else { random.random_range(1000..20_000) };
        let chunks: &[usize] = if round % 6 < 3 { &[size, 1000] } else { &[size] };
        let plan = Plan::raw(chunks, random.random());
        let place = random.random_range(0..size);
        let bit = 1 << random.random_range(0..8);
        let detected = match kind {
            "body" => body_is_refused(&caller, &plan, place, bit).await,
            _ => file_fails(&cluster, &caller, &plan, place, bit).await,
        };
        if !detected {
            undetected.push(format!("{kind} {round}"));
        }
    }
    assert!(undetected.is_empty(), "bits that changed and nobody saw: {}", undetected.join(", "));
    all_is_well(&cluster, &ledger).await;
    format!("({} bits)", run.rounds)
}

async fn body_is_refused(caller: &Caller, plan: &Plan, place: usize, bit: u8) -> bool {
    let upload = caller.init(plan).await.expect("an upload");
    let mut chunk = plan.chunks().remove(0);
    let right = BASE64_STANDARD.encode(digest(&SHA256, &chunk));
    chunk[place] ^= bit;
    let request =
        caller.http().put(caller.chunk_url(&upload, 0)).header("content-digest", format!("sha-256=:{right}:"));
    let answer = caller.once("a changed chunk", request.body(chunk)).await;
    give_up(caller, &upload).await;
    answer.is_some_and(|(status, _)| status == 422)
}

/// Whether a file is refused whose first chunk changed in the store.
async fn file_fails(cluster: &Cluster, caller: &Caller, plan: &Plan, place: usize, bit: u8) -> bool {
    let upload = caller.send(plan).await.expect("an upload");
    let mut changed = bytes(plan.sizes[0], plan.seed);
    changed[place] ^= bit;
    replace(cluster, &upload, changed).await;
    let (_, body) = caller.once("complete", caller.completion(&upload, plan)).await.expect("an answer");
    let file = body["data"]["id"].as_str().expect("an identifier").to_owned();
    let url = format!("{}/file/status/{file}", caller.base());
    let status = crate::support::eventually("the file is done, one way or the other", async || {
        let (_, body) = caller.once("status", caller.http().get(&url)).await?;
        let status = body["data"]["status"].as_str()?.to_owned();
        ["SUCCESS", "FAILURE"].contains(&status.as_str()).then_some(status)
    })
    .await;
    let delete = format!("{}/file/{file}", caller.base());
    caller.insist("delete", || caller.http().delete(&delete)).await;
    status == "FAILURE"
}

/// Puts these bytes in the place of the upload's first chunk, past the service.
async fn replace(cluster: &Cluster, upload: &str, bytes: Vec<u8>) {
    let (client, bucket) = (cluster.objects(), cluster.buckets()[1]);
    let staged = client.list_objects_v2().bucket(bucket).prefix(format!(".staging/{upload}/0-")).send().await;
    if let Some(key) = staged.expect("a listing").contents().first().and_then(|object| object.key()) {
        client.put_object().bucket(bucket).key(key).body(bytes.into()).send().await.expect("a changed object");
        return;
    }
    let begun = client.list_multipart_uploads().bucket(bucket).send().await.expect("a listing");
    let begun =
        begun.uploads().iter().find(|begun| begun.key().is_some_and(|key| key.contains(upload))).expect("parts");
    let request = client.upload_part().bucket(bucket).set_key(begun.key().map(str::to_owned));
    let request = request.set_upload_id(begun.upload_id().map(str::to_owned)).part_number(1).body(bytes.into());
    request.send().await.expect("a changed part");
}
