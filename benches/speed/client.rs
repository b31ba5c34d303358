//! The service's own command line client as the driver: chunks as raw bodies, and straight to the store.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::Bench;
use crate::deployment::Deployment;
use crate::direct;
use crate::garage::Garage;
use crate::http::Connection;
use crate::samples::{Samples, real};
use crate::service;
use crate::table::{Row, Target};
use crate::transfer::{CHUNK, in_chunks};

const PARALLEL: usize = 4;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// The upload that is asked for what it has.
const RESUMED_CHUNKS: usize = 1000;
const RESUMED_CHUNK: usize = 10 * 1024;
const QUESTIONS: usize = 20;

/// One way to upload with the client.
#[derive(Default)]
struct Way {
    mb_per_second: Samples,
    ratio: Samples,
    cpu_per_gib: Samples,
}

/// The client against (c), and what the API spends on it.
pub async fn uploads(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let (mut raw, mut past) = (Way::default(), Way::default());
    let mut straight = Samples::default();
    upload(&deployment, &write_file(bench)?, &[]).await?;
    for round in 0..bench.rounds {
        eprintln!("client: round {} of {}", round + 1, bench.rounds);
        let mut seconds = [0.0; 3];
        let mut cpu = [0.0; 3];
        for step in if round % 2 == 0 { [0, 1, 2] } else { [2, 1, 0] } {
            let file = write_file(bench)?;
            bench.settle();
            let before = deployment.api.cpu_seconds()?;
            seconds[step] = match step {
                0 => direct::upload(&garage, &bench.payload, &in_chunks(bench.size), PARALLEL).await?.as_secs_f64(),
                1 => upload(&deployment, &file, &[]).await?,
                _ => upload(&deployment, &file, &["--direct"]).await?,
            };
            cpu[step] = deployment.api.cpu_seconds()? - before;
        }
        straight.add(real(bench.size) / 1e6 / seconds[0]);
        for (way, step) in [(&mut raw, 1), (&mut past, 2)] {
            way.mb_per_second.add(real(bench.size) / 1e6 / seconds[step]);
            way.ratio.add(seconds[0] / seconds[step]);
            way.cpu_per_gib.add(cpu[step] / (real(bench.size) / GIB));
        }
    }
    let mut rows = self::rows("raw chunks", &raw, &straight, (0.88, 0.8));
    rows.extend(self::rows("--direct", &past, &straight, (0.98, 0.05)));
    rows.push(resume(bench, &deployment).await?);
    Ok(rows)
}

fn rows(name: &str, way: &Way, straight: &Samples, (least, most): (f64, f64)) -> Vec<Row> {
    vec![
        Row {
            figure: format!("S3, client, {name}, to SUCCESS"),
            measured: format!("{} MB/s", way.mb_per_second.show(0)),
            reference: format!("(c) {} MB/s", straight.show(0)),
            value: way.ratio.median(),
            decimals: 2,
            unit: "x",
            target: Target::AtLeast(least),
        },
        Row {
            figure: format!("S3, client, {name}, API's CPU per GiB"),
            measured: format!("{} s", way.cpu_per_gib.show(2)),
            reference: String::new(),
            value: way.cpu_per_gib.median(),
            decimals: 2,
            unit: "s",
            target: Target::AtMost(most),
        },
    ]
}

/// A file of bytes that were not sent before.
pub fn write_file(bench: &Bench) -> Result<PathBuf> {
    let path = bench.folder().join("sent.bin.zip");
    let mut file = File::create(&path).context("no file to send")?;
    for length in in_chunks(bench.size) {
        file.write_all(&bench.payload.chunk(length)).context("the file to send cannot be written")?;
    }
    Ok(path)
}

/// How many seconds the client takes until it says that the file is stored.
pub async fn upload(deployment: &Deployment, file: &Path, more: &[&str]) -> Result<f64> {
    let cache = file.parent().context("the file lies in no folder")?;
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_filemanager"));
    command.arg("upload").arg(file).args(["--quiet", "--to"]).arg(format!("http://{}", deployment.address)).args(more);
    let output = command.env("XDG_CACHE_HOME", cache).output().await.context("the client cannot be started")?;
    if !output.status.success() {
        bail!("the client failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(begun.elapsed().as_secs_f64())
}

/// How long it takes to learn what is missing of an upload with many chunks.
async fn resume(bench: &Bench, deployment: &Deployment) -> Result<Row> {
    eprintln!("client: an upload of {RESUMED_CHUNKS} chunks");
    let mut connection = Connection::open(deployment.address).await?;
    let upload = service::begin(&mut connection, RESUMED_CHUNKS * CHUNK).await?;
    let frame = service::chunk_frame(&upload);
    for index in 0..RESUMED_CHUNKS {
        let request = frame(index, RESUMED_CHUNK);
        connection.send(&request, &bench.payload.chunk(RESUMED_CHUNK)).await?.ok("a chunk")?;
    }
    let path = format!("/api/v1/file/upload/{upload}");
    let mut times = Samples::default();
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        connection.get(&path).await?.ok("what is received")?;
        times.add(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Row {
        figure: format!("S3, what is received of {RESUMED_CHUNKS} chunks"),
        measured: format!("{} ms", times.show(1)),
        reference: String::new(),
        value: times.median(),
        decimals: 1,
        unit: "ms",
        target: Target::AtMost(100.0),
    })
}
