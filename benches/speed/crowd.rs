//! Many callers at once: a thousand uploads, and two thousand connections that come a byte at a time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::{JoinSet, spawn_blocking};

use crate::Bench;
use crate::bare::Bare;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::http::Connection;
use crate::service::{self, Shape, chunk_frame};
use crate::table::{Row, Target};
use crate::transfer::{self, MIB, Payload};

const UPLOADS: usize = 1000;
const CHUNK: usize = 8 * MIB;
const MEMORY: f64 = 256.0;
/// How often a caller comes that is told to come back, and after which time.
const TRIES: usize = 20;
const COME_BACK: Duration = Duration::from_secs(2);
/// What the uploads send.
pub const UPLOAD_BYTES: usize = UPLOADS * CHUNK;
const TRICKLERS: usize = 2000;
const PAUSE: Duration = Duration::from_secs(1);
/// The last one of them may be there for so many seconds.
const GONE: f64 = 35.0;
/// How long honest callers are watched with nobody else there.
const ALONE: Duration = Duration::from_secs(20);
const SMALL: usize = 10 * 1024;

/// The API's memory while a thousand files come in at once.
pub async fn uploads(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let mut rows = vec![peak(bench, "S3", &deployment, ("(a)", &Bare::discarding(bench.folder()).await?)).await?];
    drop((deployment, garage));
    let deployment = Deployment::embedded(bench.folder()).await?;
    rows.push(peak(bench, "embedded", &deployment, ("(a)", &Bare::discarding(bench.folder()).await?)).await?);
    Ok(rows)
}

async fn peak(bench: &Bench, name: &str, deployment: &Deployment, (reference, bare): (&str, &Bare)) -> Result<Row> {
    eprintln!("uploads: {name}, {UPLOADS} at a time");
    bench.settle();
    let mut callers = JoinSet::new();
    for _ in 0..UPLOADS {
        let (address, payload) = (deployment.address, bench.payload.clone());
        let shape = Shape { sizes: vec![CHUNK], parallel: 1, hints: true };
        callers.spawn(async move { persistent(address, &payload, &shape).await });
    }
    let mut again = 0;
    while let Some(uploaded) = callers.join_next().await {
        again += uploaded.context("a caller has panicked")??;
    }
    eprintln!("uploads: {name}, {again} were told to come back, and did");
    let measured = deployment.api.peak_mib()?;
    let frame = chunk_frame(&uuid::Uuid::nil().to_string());
    transfer::send(bare.address, &frame, &bench.payload, &[CHUNK; UPLOADS], UPLOADS).await?;
    Ok(Row {
        figure: format!("{name}, API's peak memory, {UPLOADS} uploads at a time"),
        measured: format!("{measured:.0} MiB"),
        reference: format!("{reference} {:.0} MiB", bare.process.peak_mib()?),
        value: measured,
        decimals: 0,
        unit: "MiB",
        target: Target::AtMost(MEMORY),
    })
}

/// Uploads a file, and comes back when it is told to; how often that was.
async fn persistent(address: SocketAddr, payload: &Payload, shape: &Shape) -> Result<usize> {
    for again in 0..TRIES {
        if service::upload(address, payload, shape).await.is_ok() {
            return Ok(again);
        }
        tokio::time::sleep(COME_BACK).await;
    }
    bail!("an upload was refused {TRIES} times")
}

/// How long those who come a byte at a time can stay, and what they do to the others.
pub async fn tricklers(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let mut rows = beside(bench, "S3", &Deployment::full(bench.folder(), &garage).await?).await?;
    drop(garage);
    rows.extend(beside(bench, "embedded", &Deployment::embedded(bench.folder()).await?).await?);
    Ok(rows)
}

async fn beside(bench: &Bench, name: &str, deployment: &Deployment) -> Result<Vec<Row>> {
    eprintln!("tricklers: {name}, {TRICKLERS} of them");
    let address = deployment.address;
    let upload = service::begin(&mut Connection::open(address).await?, UPLOADS * CHUNK).await?;
    let alone = honest(address, &bench.payload, Instant::now() + ALONE).await?;
    let mut crowd = JoinSet::new();
    for index in 0..TRICKLERS {
        // Every second one is slow with its body, the others with the request's head.
        let head = if index % 2 == 0 {
            format!(
                "PUT /api/v1/file/upload/{upload}/chunk/{index} HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Length: {MIB}\r\n\r\n"
            )
        } else {
            "GET /api/v1/file/status/".to_owned()
        };
        crowd.spawn(async move { Connection::open(address).await?.trickle(head.as_bytes(), PAUSE).await });
    }
    let watched = honest(address, &bench.payload, Instant::now() + Duration::from_secs_f64(GONE));
    let gone = async {
        let mut last = Duration::ZERO;
        while let Some(stayed) = crowd.join_next().await {
            last = last.max(stayed.context("a trickler has panicked")??);
        }
        anyhow::Ok(last)
    };
    let (crowded, last) = tokio::try_join!(watched, gone)?;
    Ok(vec![
        Row {
            figure: format!("{name}, the last of {TRICKLERS} tricklers is gone"),
            measured: format!("{:.1} s", last.as_secs_f64()),
            reference: String::new(),
            value: last.as_secs_f64(),
            decimals: 1,
            unit: "s",
            target: Target::AtMost(GONE),
        },
        Row {
            figure: format!("{name}, p99 of a small chunk's upload beside them"),
            measured: format!("{crowded:.2} ms"),
            reference: format!("alone {alone:.2} ms"),
            value: crowded / alone,
            decimals: 2,
            unit: "x",
            target: Target::AtMost(2.0),
        },
    ])
}

/// The 99th percentile of opening an upload and sending its chunk, in milliseconds; on a thread of its own, so that it does
/// not wait for this program's other tasks.
async fn honest(address: SocketAddr, payload: &Payload, until: Instant) -> Result<f64> {
    let payload = payload.clone();
    let asking = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut connection = Connection::open(address).await?;
            let mut times = Vec::new();
            while Instant::now() < until {
                let begun = Instant::now();
                let upload = service::begin(&mut connection, SMALL).await?;
                connection.send(&chunk_frame(&upload)(0, SMALL), &payload.chunk(SMALL)).await?.ok("a chunk")?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            anyhow::Ok(times[times.len() * 99 / 100])
        })
    };
    spawn_blocking(asking).await.context("an honest caller has panicked")?
}
