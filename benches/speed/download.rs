//! How fast files come out, against the store itself and against nginx; and what slow readers cost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

use crate::Bench;
use crate::deployment::Deployment;
use crate::direct;
use crate::garage::Garage;
use crate::http::Connection;
use crate::nginx::Nginx;
use crate::samples::{Samples, real};
use crate::service::{self, Shape, Stored};
use crate::table::{Row, Target};
use crate::transfer::{MIB, in_chunks};

const PARALLEL: usize = 4;
/// How often the file is fetched in one round, to measure more than a moment.
const FETCHES: usize = 3;
const SLOW_READERS: usize = 1000;
/// A slow reader takes so much, then waits: 100 KiB a second.
const SIP: usize = 50 * 1024;
const PAUSE: Duration = Duration::from_millis(500);
/// How much may be on the way to one.
const WINDOW: u32 = 64 * 1024;
/// After how many sips each the others' waiting is measured, and after how many the readers leave.
const SETTLED: usize = 10;
const LEFT: usize = 40;
const SLOW_FILE: usize = 64 * MIB;
const QUESTIONS: usize = 2000;

fn shape(size: usize) -> Shape {
    Shape { sizes: in_chunks(size), parallel: PARALLEL, hints: true }
}

/// Download speed.
pub async fn speed(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let full = Deployment::full(bench.folder(), &garage).await?;
    let stored = service::upload_file(full.address, &bench.payload, &shape(bench.size)).await?;
    let straight = direct::get_path(&garage, &stored.path).await?;
    let through = row(bench, "S3, download", ("(c)", garage.address, &straight), (full.address, &stored)).await?;
    drop((full, garage));
    let embedded = Deployment::embedded(bench.folder()).await?;
    let stored = service::upload_file(embedded.address, &bench.payload, &shape(bench.size)).await?;
    let nginx = Nginx::serving(&embedded.folder().join("data/objects"), bench.folder()).await?;
    let path = format!("/{}", stored.path);
    let beside = row(bench, "embedded, download", ("(d)", nginx.address, &path), (embedded.address, &stored)).await?;
    Ok(vec![through, beside])
}

async fn row(
    bench: &Bench,
    figure: &str,
    (name, reference, path): (&str, SocketAddr, &str),
    (address, stored): (SocketAddr, &Stored),
) -> Result<Row> {
    let own = format!("/api/v1/file/download/{}", stored.id);
    let (mut measured, mut beside, mut ratio) = (Samples::default(), Samples::default(), Samples::default());
    // Once for nothing, so that both find the file in memory.
    fetch(reference, path, bench.size).await?;
    for round in 0..bench.rounds {
        eprintln!("{figure}: round {} of {}", round + 1, bench.rounds);
        let mut seconds = [0.0; 2];
        for step in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let (address, path) = if step == 0 { (reference, path) } else { (address, own.as_str()) };
            let begun = Instant::now();
            for _ in 0..FETCHES {
                fetch(address, path, bench.size).await?;
            }
            seconds[step] = begun.elapsed().as_secs_f64() / real(FETCHES);
        }
        beside.add(real(bench.size) / 1e6 / seconds[0]);
        measured.add(real(bench.size) / 1e6 / seconds[1]);
        ratio.add(seconds[0] / seconds[1]);
    }
    Ok(Row {
        figure: figure.to_owned(),
        measured: format!("{} MB/s", measured.show(0)),
        reference: format!("{name} {} MB/s", beside.show(0)),
        value: ratio.median(),
        decimals: 2,
        unit: "x",
        target: Target::AtLeast(0.9),
    })
}

async fn fetch(address: SocketAddr, path: &str, size: usize) -> Result<()> {
    let received = Connection::open(address).await?.fetch(path).await?;
    if received == size {
        return Ok(());
    }
    bail!("{path} has {received} bytes instead of {size}")
}

/// Memory and the others' waiting while a crowd reads slowly.
pub async fn slow_readers(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let mut rows = crowd(bench, "S3", &Deployment::full(bench.folder(), &garage).await?).await?;
    drop(garage);
    rows.extend(crowd(bench, "embedded", &Deployment::embedded(bench.folder()).await?).await?);
    Ok(rows)
}

async fn crowd(bench: &Bench, name: &str, deployment: &Deployment) -> Result<Vec<Row>> {
    eprintln!("{name}: {SLOW_READERS} slow readers");
    let stored = service::upload_file(deployment.address, &bench.payload, &shape(SLOW_FILE)).await?;
    let idle = deployment.api.peak_mib()?;
    let alone = waiting(deployment.address, &stored.id).await?;
    let path = format!("/api/v1/file/download/{}", stored.id);
    let sips = Arc::new(AtomicUsize::new(0));
    let mut readers = JoinSet::new();
    for _ in 0..SLOW_READERS {
        let (path, address, sips) = (path.clone(), deployment.address, Arc::clone(&sips));
        readers
            .spawn(async move { Connection::open_narrow(address, WINDOW).await?.sip(&path, SIP, PAUSE, &sips).await });
    }
    let until_sips = async |count: usize| {
        while sips.load(Ordering::Relaxed) < count {
            tokio::time::sleep(PAUSE / 10).await;
        }
    };
    let measured = async {
        // The rush of their coming is over when each has had some.
        until_sips(SETTLED * SLOW_READERS).await;
        let crowded = waiting(deployment.address, &stored.id).await?;
        until_sips(LEFT * SLOW_READERS).await;
        Ok(crowded)
    };
    let crowded: Result<f64> = tokio::select! {
        crowded = measured => crowded,
        Some(ended) = readers.join_next() => Err(ended.context("a reader has panicked")?.err().context("a reader left")?),
    };
    let crowded = crowded?;
    let peak = deployment.api.peak_mib()?;
    Ok(vec![
        Row {
            figure: format!("{name}, API's peak memory, {SLOW_READERS} readers at 100 KiB/s"),
            measured: format!("{peak:.0} MiB"),
            reference: format!("before {idle:.0} MiB"),
            value: peak,
            decimals: 0,
            unit: "MiB",
            target: Target::AtMost(200.0),
        },
        Row {
            figure: format!("{name}, p99 of status beside them"),
            measured: format!("{crowded:.2} ms"),
            reference: format!("alone {alone:.2} ms"),
            value: crowded / alone,
            decimals: 2,
            unit: "x",
            target: Target::AtMost(2.0),
        },
    ])
}

/// The 99th percentile of a question's time, in milliseconds; asked on a thread of its own, so that it does not wait for
/// this program's other tasks.
async fn waiting(address: SocketAddr, file: &str) -> Result<f64> {
    let path = format!("/api/v1/file/status/{file}");
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(ask(address, &path))
    };
    tokio::task::spawn_blocking(asking).await.context("the one who asks has panicked")?
}

async fn ask(address: SocketAddr, path: &str) -> Result<f64> {
    let mut connection = Connection::open(address).await?;
    let mut times = Vec::with_capacity(QUESTIONS);
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        connection.get(path).await?.ok("status")?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[QUESTIONS * 99 / 100])
}
