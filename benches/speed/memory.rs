//! The most memory that the processes ever hold. Each figure is of a process of its own, which did nothing else.

use anyhow::{Context, Result};

use crate::Bench;
use crate::bare::Bare;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::service::{self, Shape};
use crate::table::{Row, Target};
use crate::transfer::{self, CHUNK, MIB, in_chunks};

const FEW: usize = 4;
const FEW_TARGET: f64 = 64.0;
const CROWD: usize = 256;
const CROWD_CHUNK: usize = 8 * MIB;
const CROWD_TARGET: f64 = 192.0;
/// What the crowd sends.
pub const CROWD_BYTES: usize = CROWD * CROWD_CHUNK;
const WORKER_TARGET: f64 = 128.0;
/// How much larger the file is whose chunks the worker has to write anew.
const REWRITE_FACTOR: usize = 10;

/// The API's memory, with few chunks at a time and with many.
pub async fn of_api(bench: &Bench) -> Result<Vec<Row>> {
    let few = Shape { sizes: in_chunks(bench.size), parallel: FEW, hints: true };
    let crowd = Shape { sizes: vec![CROWD_CHUNK; CROWD], parallel: CROWD, hints: true };
    let mut rows = Vec::new();
    for (shape, target) in [(&few, FEW_TARGET), (&crowd, CROWD_TARGET)] {
        let garage = Garage::start(bench.folder()).await?;
        let deployment = Deployment::full(bench.folder(), &garage).await?;
        let bare = Bare::discarding(bench.folder()).await?;
        rows.push(peak(bench, "S3", &deployment, ("(a)", &bare), shape, target).await?);
    }
    for (shape, target) in [(&few, FEW_TARGET), (&crowd, CROWD_TARGET)] {
        let deployment = Deployment::embedded(bench.folder()).await?;
        let bare = Bare::writing(bench.folder()).await?;
        rows.push(peak(bench, "embedded", &deployment, ("(b)", &bare), shape, target).await?);
        bare.clear()?;
    }
    Ok(rows)
}

async fn peak(
    bench: &Bench,
    name: &str,
    deployment: &Deployment,
    (reference, bare): (&str, &Bare),
    shape: &Shape,
    target: f64,
) -> Result<Row> {
    eprintln!("memory: {name}, {} chunks at a time", shape.parallel);
    bench.settle();
    service::upload(deployment.address, &bench.payload, shape).await?;
    let measured = deployment.api.peak_mib()?;
    let frame = service::chunk_frame(&uuid::Uuid::nil().to_string());
    transfer::send(bare.address, &frame, &bench.payload, &shape.sizes, shape.parallel).await?;
    Ok(Row {
        figure: format!("{name}, API's peak memory, {} chunks at a time", shape.parallel),
        measured: format!("{measured:.0} MiB"),
        reference: format!("{reference} {:.0} MiB", bare.process.peak_mib()?),
        value: measured,
        decimals: 0,
        unit: "MiB",
        target: Target::AtMost(target),
    })
}

/// The worker's memory when a small chunk in the middle makes it write a large file anew.
pub async fn of_worker(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let worker = deployment.worker.as_ref().context("the full deployment has a worker")?;
    let idle = worker.peak_mib()?;
    let mut sizes = in_chunks(bench.size * REWRITE_FACTOR);
    // One byte less than a mebibyte: Garage keeps blocks of that size, and equal blocks only once.
    sizes.insert(1.min(sizes.len()), MIB - 1);
    if sizes.len() < 3 {
        sizes.push(CHUNK);
    }
    let total: usize = sizes.iter().sum();
    eprintln!("rewrite: a file of {} MiB", total / MIB);
    bench.settle();
    let timing =
        service::upload(deployment.address, &bench.payload, &Shape { sizes, parallel: FEW, hints: true }).await?;
    eprintln!("rewrite: complete to SUCCESS took {:.1} s", timing.finish.as_secs_f64());
    let measured = worker.peak_mib()?;
    Ok(vec![Row {
        figure: format!("S3, worker's peak memory, rewriting {} MiB", total / MIB),
        measured: format!("{measured:.0} MiB"),
        reference: format!("idle {idle:.0} MiB"),
        value: measured,
        decimals: 0,
        unit: "MiB",
        target: Target::AtMost(WORKER_TARGET),
    }])
}
