//! Speed and CPU of large files: figures and references in turn, round after round.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::Bench;
use crate::bare::Bare;
use crate::deployment::Deployment;
use crate::direct;
use crate::garage::Garage;
use crate::process::Process;
use crate::samples::{Samples, real};
use crate::service::{self, Shape};
use crate::table::{Row, Target};
use crate::transfer::{self, CHUNK, MIB, in_chunks};

const PARALLEL: usize = 4;
const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
/// How many small files are finished in each round, to be compared with the large one.
const SMALL_FILES: usize = 5;

/// The numbers of one way to upload.
#[derive(Default)]
struct Course {
    mb_per_second: Samples,
    cpu_per_gib: Samples,
    /// Against the reference's speed and CPU in the same round.
    speed_ratio: Samples,
    cpu_ratio: Samples,
    finish_ms: Samples,
    small_finish_ms: Samples,
}

/// What one upload gave.
#[derive(Default, Clone, Copy)]
struct Run {
    seconds: f64,
    cpu: f64,
    finish: f64,
}

impl Run {
    fn of(time: Duration) -> Self {
        Self { seconds: time.as_secs_f64(), ..Self::default() }
    }
}

impl Course {
    fn add(&mut self, size: usize, run: Run, reference: Run) {
        self.mb_per_second.add(real(size) / 1e6 / run.seconds);
        self.cpu_per_gib.add(run.cpu / (real(size) / GIB));
        self.speed_ratio.add(reference.seconds / run.seconds);
        // Small sizes may take no CPU that can be counted.
        self.cpu_ratio.add(run.cpu / reference.cpu.max(0.01));
        self.finish_ms.add(run.finish * 1e3);
    }
}

fn shape(size: usize, hints: bool) -> Shape {
    Shape { sizes: in_chunks(size), parallel: PARALLEL, hints }
}

/// The full deployment against (c), its CPU beside that of (a).
pub async fn s3(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let bare = Bare::discarding(bench.folder()).await?;
    let (mut direct, mut discarding) = (Course::default(), Course::default());
    let (mut hinted, mut unhinted) = (Course::default(), Course::default());
    service::upload(deployment.address, &bench.payload, &shape(4 * CHUNK, true)).await?;
    let full = in_chunks(bench.size);
    for round in 0..bench.rounds {
        eprintln!("S3: round {} of {}", round + 1, bench.rounds);
        let mut runs = [Run::default(); 4];
        // There and back, so that what goes slower with time slows all of them.
        for step in if round % 2 == 0 { [0, 1, 2, 3] } else { [3, 2, 1, 0] } {
            bench.settle();
            runs[step] = match step {
                0 => Run::of(direct::upload(&garage, &bench.payload, &full, PARALLEL).await?),
                1 => file(bench, &deployment, true).await?,
                2 => Run::of(
                    service::upload_chunks(deployment.address, &bench.payload, &shape(bench.size, false)).await?,
                ),
                _ => reference(bench, &bare).await?,
            };
        }
        direct.add(bench.size, runs[0], runs[0]);
        hinted.add(bench.size, runs[1], runs[0]);
        unhinted.add(bench.size, runs[2], runs[0]);
        discarding.add(bench.size, runs[3], runs[3]);
        small_finishes(bench, &deployment, &mut hinted).await?;
    }
    Ok(vec![
        speed("S3, hints at init, to SUCCESS", &hinted, "(c)", &direct, 0.8),
        speed("S3, no hints, to last chunk's 200", &unhinted, "(c)", &direct, 0.8),
        Row {
            value: hinted.cpu_per_gib.median(),
            unit: "s",
            target: Target::AtMost(1.2),
            ..cpu("S3, API's CPU per GiB", &hinted, "(a)", &discarding)
        },
        finish("S3, complete to SUCCESS", bench, &hinted),
    ])
}

/// The embedded deployment against (b).
pub async fn embedded(bench: &Bench) -> Result<Vec<Row>> {
    let deployment = Deployment::embedded(bench.folder()).await?;
    let bare = Bare::writing(bench.folder()).await?;
    let (mut service, mut writing) = (Course::default(), Course::default());
    service::upload(deployment.address, &bench.payload, &shape(4 * CHUNK, false)).await?;
    for round in 0..bench.rounds {
        eprintln!("embedded: round {} of {}", round + 1, bench.rounds);
        let mut runs = [Run::default(); 2];
        for step in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            bench.settle();
            runs[step] = match step {
                0 => file(bench, &deployment, false).await?,
                _ => reference(bench, &bare).await?,
            };
        }
        bare.clear()?;
        service.add(bench.size, runs[0], runs[1]);
        writing.add(bench.size, runs[1], runs[1]);
        small_finishes(bench, &deployment, &mut service).await?;
    }
    Ok(vec![
        speed("embedded, to SUCCESS", &service, "(b)", &writing, 0.9),
        cpu("embedded, API's CPU per GiB", &service, "(b)", &writing),
        finish("embedded, complete to SUCCESS", bench, &service),
    ])
}

async fn file(bench: &Bench, deployment: &Deployment, hints: bool) -> Result<Run> {
    let before = deployment.api.cpu_seconds()?;
    let timing = service::upload(deployment.address, &bench.payload, &shape(bench.size, hints)).await?;
    let cpu = deployment.api.cpu_seconds()? - before;
    Ok(Run { seconds: timing.total.as_secs_f64(), cpu, finish: timing.finish.as_secs_f64() })
}

async fn reference(bench: &Bench, bare: &Bare) -> Result<Run> {
    let process: &Process = &bare.process;
    let before = process.cpu_seconds()?;
    let begun = Instant::now();
    let frame = service::chunk_frame(&uuid::Uuid::nil().to_string());
    transfer::send(bare.address, &frame, &bench.payload, &in_chunks(bench.size), PARALLEL).await?;
    let seconds = begun.elapsed().as_secs_f64();
    Ok(Run { seconds, cpu: process.cpu_seconds()? - before, finish: 0.0 })
}

async fn small_finishes(bench: &Bench, deployment: &Deployment, course: &mut Course) -> Result<()> {
    bench.settle();
    for _ in 0..SMALL_FILES {
        let timing = service::upload(deployment.address, &bench.payload, &shape(CHUNK, true)).await?;
        course.small_finish_ms.add(timing.finish.as_secs_f64() * 1e3);
    }
    Ok(())
}

fn speed(figure: &str, course: &Course, name: &str, reference: &Course, least: f64) -> Row {
    Row {
        figure: figure.to_owned(),
        measured: format!("{} MB/s", course.mb_per_second.show(0)),
        reference: format!("{name} {} MB/s", reference.mb_per_second.show(0)),
        value: course.speed_ratio.median(),
        decimals: 2,
        unit: "x",
        target: Target::AtLeast(least),
    }
}

/// CPU against the reference's.
fn cpu(figure: &str, course: &Course, name: &str, reference: &Course) -> Row {
    Row {
        figure: figure.to_owned(),
        measured: format!("{} s", course.cpu_per_gib.show(2)),
        reference: format!("{name} {} s", reference.cpu_per_gib.show(2)),
        value: course.cpu_ratio.median(),
        decimals: 2,
        unit: "x",
        target: Target::AtMost(1.3),
    }
}

fn finish(figure: &str, bench: &Bench, course: &Course) -> Row {
    Row {
        figure: format!("{figure}, {} MiB", bench.size / MIB),
        measured: format!("{} ms", course.finish_ms.show(0)),
        reference: format!("{} MiB: {} ms", CHUNK / MIB, course.small_finish_ms.show(0)),
        value: course.finish_ms.median() - course.small_finish_ms.median(),
        decimals: 0,
        unit: "ms more",
        target: Target::AtMost(50.0),
    }
}
