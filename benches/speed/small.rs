//! Small files, several at a time: how many a second get to SUCCESS.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::future::try_join_all;

use crate::Bench;
use crate::bare::Bare;
use crate::deployment::Deployment;
use crate::direct;
use crate::garage::Garage;
use crate::http::Connection;
use crate::samples::{Samples, real};
use crate::service;
use crate::table::{Row, Target};
use crate::transfer::{self, Frame};

const SIZE: usize = 10 * 1024;
const PARALLEL: usize = 8;
const WARM_UP: Duration = Duration::from_secs(3);
/// How many files of a reference are sent before the clock starts.
const WARM_UP_FILES: usize = 200;
const EMBEDDED_FILES: usize = 1000;
const FULL_FILES: usize = 500;

/// Both deployments, beside the same bytes written by (b) and put as objects by (c).
pub async fn files(bench: &Bench) -> Result<Vec<Row>> {
    Ok(vec![embedded(bench).await?, full(bench).await?])
}

async fn embedded(bench: &Bench) -> Result<Row> {
    let deployment = Deployment::embedded(bench.folder()).await?;
    let bare = Bare::writing(bench.folder()).await?;
    let frame = service::chunk_frame(&uuid::Uuid::nil().to_string());
    let (mut measured, mut reference) = (Samples::default(), Samples::default());
    for round in 0..bench.rounds {
        eprintln!("small files, embedded: round {} of {}", round + 1, bench.rounds);
        bench.settle();
        reference.add(bare_rate(bench, bare.address, &frame, EMBEDDED_FILES).await?);
        bare.clear()?;
        bench.settle();
        measured.add(rate(bench, deployment.address, EMBEDDED_FILES).await?);
    }
    Ok(row("embedded", &measured, "(b)", &reference, 300.0))
}

async fn full(bench: &Bench) -> Result<Row> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let (mut measured, mut reference) = (Samples::default(), Samples::default());
    for round in 0..bench.rounds {
        eprintln!("small files, full: round {} of {}", round + 1, bench.rounds);
        let objects = direct::objects(&garage, WARM_UP_FILES + FULL_FILES).await?;
        bench.settle();
        reference.add(bare_rate(bench, garage.address, &objects, FULL_FILES).await?);
        bench.settle();
        measured.add(rate(bench, deployment.address, FULL_FILES).await?);
    }
    Ok(row("full", &measured, "(c)", &reference, 100.0))
}

/// Files a second that a reference takes.
async fn bare_rate(bench: &Bench, address: SocketAddr, frame: &Frame, count: usize) -> Result<f64> {
    transfer::send(address, frame, &bench.payload, &[SIZE; WARM_UP_FILES], PARALLEL).await?;
    let begun = Instant::now();
    transfer::send(address, frame, &bench.payload, &vec![SIZE; count], PARALLEL).await?;
    Ok(real(count) / begun.elapsed().as_secs_f64())
}

/// Files a second that get to SUCCESS, once the service is warm.
async fn rate(bench: &Bench, address: SocketAddr, count: usize) -> Result<f64> {
    let warm = Instant::now() + WARM_UP;
    let done = RefCell::new(Vec::new());
    let senders = (0..PARALLEL).map(|_| async {
        let mut connection = Connection::open(address).await?;
        while done.borrow().len() <= count {
            service::upload_small(&mut connection, &bench.payload, SIZE).await?;
            let now = Instant::now();
            if now > warm {
                done.borrow_mut().push(now);
            }
        }
        anyhow::Ok(())
    });
    try_join_all(senders).await?;
    let done = done.into_inner();
    Ok(real(count) / (done[count] - done[0]).as_secs_f64())
}

fn row(name: &str, measured: &Samples, reference: &str, bare: &Samples, target: f64) -> Row {
    Row {
        figure: format!("{name}, files of 10 KiB, {PARALLEL} at a time, to SUCCESS"),
        measured: format!("{} /s", measured.show(0)),
        reference: format!("{reference} {} /s", bare.show(0)),
        value: measured.median(),
        decimals: 0,
        unit: "/s",
        target: Target::AtLeast(target),
    }
}
