//! What the machine itself does: a disk that fills up, power that goes, a clock that steps.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use rustix::process::Signal;
use tokio::time::{Instant, sleep};

use super::{Run, Traffic, summary};
use crate::check::{all_is_well, files_are_there};
use crate::ledger::Ledger;
use crate::support::{Deployment, Queue, Service};
use crate::uploader::{Caller, Door, Plan};

const MIB: usize = 1024 * 1024;
const HOUR: i64 = 3600;
/// How soon after there is space the service takes chunks.
const HEALED: Duration = Duration::from_secs(10);
const FULL_DISK: &str = "/tmp/filemanager-faults-disk";

/// What one gets with nothing configured, with data in this folder.
fn embedded(data: &Path, without: Option<&str>) -> Deployment {
    let mut settings = HashMap::from([
        ("APP_DATA_DIR".to_owned(), data.display().to_string()),
        ("JOB_LEASE".to_owned(), "3".to_owned()),
        ("JOB_SWEEP_INTERVAL".to_owned(), "1".to_owned()),
    ]);
    settings.extend(without.map(|safeguard| ("SAFEGUARD_OFF".to_owned(), safeguard.to_owned())));
    Deployment::on(settings, Queue::InProcess)
}

/// A hundred uploads on a disk that has no room for them, until it has.
pub async fn full_disk(run: Run) -> String {
    let ledger = Arc::new(Ledger::default());
    for round in 0..run.rounds as u64 {
        let deployment = embedded(Path::new(FULL_DISK), None);
        // A disk that only this process sees, in a mount namespace of its own, nearly filled by a file.
        let script = "mkdir -p \"$1\" && mount -t tmpfs -o size=170m tmpfs \"$1\" && fallocate -l 130M \"$1/filler\" && exec \"$0\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_filemanager"), FULL_DISK]);
        command.env_clear().envs(&deployment.settings).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        let api = Service::start(command, "ready").await;
        let caller = Caller::new(&format!("http://{}", api.address()), &ledger);
        let plans: Vec<Plan> = (0..100).map(|number| Plan::raw(&[MIB], run.seed ^ (round * 100 + number))).collect();
        let statuses = join_all(plans.iter().map(|plan| try_once(&caller, plan))).await.concat();
        let refused: Vec<u16> = statuses.iter().copied().filter(|status| *status != 200).collect();
        assert!(!refused.is_empty(), "the disk was never full");
        assert!(refused.iter().all(|status| [503, 507].contains(status)), "answers on a full disk: {refused:?}");
        let filler = format!("/proc/{}/root{FULL_DISK}/filler", api.pid().as_raw_nonzero());
        std::fs::remove_file(filler).expect("the filler can be removed");
        let space = Instant::now();
        let upload = caller.init(&plans[0]).await.expect("an upload");
        assert!(caller.chunk(&upload, Door::Raw, 0, &plans[0].chunks()[0]).await);
        assert!(space.elapsed() < HEALED, "healed only after {:?}", space.elapsed());
        caller.complete(&upload, &plans[0]).await;
        files_are_there(caller.base(), &ledger, &ledger.files()).await;
        ledger.assert_kept();
        ledger.files().iter().for_each(|file| ledger.forget(&file.file));
    }
    format!("({} disks)", run.rounds)
}

/// Begins an upload and sends its chunk; the statuses of the answers.
async fn try_once(caller: &Caller, plan: &Plan) -> Vec<u16> {
    let url = format!("{}/file/upload/init/", caller.base());
    let (status, body) = caller.once("init", caller.http().post(url)).await.expect("an answer");
    let Some(upload) = body["data"]["upload_id"].as_str() else { return vec![status] };
    let request = caller.http().put(caller.chunk_url(upload, 0)).body(plan.chunks().remove(0));
    let (of_chunk, _) = caller.once("chunk", request).await.expect("an answer");
    vec![status, of_chunk]
}

/// The power goes at the moment of an answer: what the disk has then must be all that was acknowledged.
pub async fn power_cut(run: Run) -> String {
    let (folder, ledger) = (tempfile::tempdir().unwrap(), Arc::new(Ledger::default()));
    let path = |name: &str| folder.path().join(name);
    let (image, disk) = (path("image"), Mounted(path("disk")));
    sh(&format!("truncate -s 200M {0} && mkfs.ext4 -q {0} && mkdir {1}", image.display(), disk.0.display()));
    sh(&format!("mount -o loop,commit=300 {} {}", image.display(), disk.0.display()));
    let deployment = embedded(&disk.0.join("data"), run.without.as_deref());
    let api = deployment.api().await;
    let caller = Caller::new(&format!("http://{}", api.address()), &ledger);
    for round in 0..run.rounds {
        let plan = Plan::raw(&[70_000, 300_000, 1000], run.seed.wrapping_add(round as u64));
        let upload = caller.send(&plan).await.expect("an upload");
        // Every other time it goes when the chunks were acknowledged, else when complete was.
        if round % 2 == 0 {
            caller.complete(&upload, &plan).await;
        }
        api.signal(Signal::STOP);
        let (copy, other) = (path("copy"), Mounted(path("other")));
        sh(&format!("cp --sparse=always {} {} && mkdir {}", image.display(), copy.display(), other.0.display()));
        api.signal(Signal::CONT);
        sh(&format!("mount -o loop {} {}", copy.display(), other.0.display()));
        let survivor = embedded(&other.0.join("data"), None).api().await;
        let after = Caller::new(&format!("http://{}", survivor.address()), &ledger);
        if round % 2 == 1 {
            after.complete(&upload, &plan).await;
        }
        ledger.assert_kept();
        files_are_there(after.base(), &ledger, &ledger.files()).await;
        if round % 2 == 1 {
            caller.complete(&upload, &plan).await;
            ledger.files().iter().for_each(|file| ledger.forget(&file.file));
        }
        drop(survivor);
        drop(other);
        std::fs::remove_file(copy).unwrap();
    }
    drop(api);
    format!("({} cuts)", run.rounds)
}

/// A mount that ends with the check.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// Runs a command of the shell that this scenario cannot do without.
fn sh(script: &str) {
    let output = Command::new("sh").args(["-c", script]).output().expect("a shell");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "a power cut needs root, mkfs.ext4 and loop devices: {script}: {complaint}");
}

/// The clock of all processes steps by an hour, forth and back and back and forth, under uploaders.
pub async fn clock(run: Run) -> String {
    let (mut cluster, ledger) =
        (crate::cluster::Cluster::new(&run.servers, run.without.as_deref()).await, Arc::new(Ledger::default()));
    let offset = cluster.deployment.folder.path().join("offset");
    cluster.set("CLOCK_OFFSET_FILE", &offset.display().to_string());
    cluster.start_api(None).await;
    for _ in 0..2 {
        cluster.start_worker(None).await;
    }
    let old = Caller::new(&cluster.url(), &ledger);
    let plan = Plan::raw(&[70_000, 1000], run.seed);
    let upload = old.send(&plan).await.expect("an upload");
    let traffic = Traffic::start(&cluster, &ledger, 4, run.seed);
    for _ in 0..run.rounds {
        for step in [HOUR, 0, -HOUR, 0] {
            ledger.note(&format!("the clock is {step} s off"));
            std::fs::write(&offset, step.to_string()).unwrap();
            sleep(Duration::from_millis(1500)).await;
        }
    }
    traffic.finish().await;
    old.complete(&upload, &plan).await;
    all_is_well(&cluster, &ledger).await;
    let mut rows = cluster.rows().await;
    let epochs: Option<i64> = sqlx::query_scalar("SELECT MAX(epoch) FROM jobs").fetch_one(&mut rows).await.unwrap();
    let (most, steps) = (epochs.unwrap_or_default().unsigned_abs(), 4 * run.rounds as u64);
    assert!(most <= 1 + steps, "a job was claimed {most} times at {steps} steps of the clock");
    summary(&ledger)
}
