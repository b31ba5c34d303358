//! Whether this build of the service is slower than another one: both in turn, on servers of the same kind.

use anyhow::{Context, Result};

use crate::Bench;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::pair::{Pair, Side};
use crate::table::Row;

/// What a change that makes nothing faster may cost.
const LEAST: f64 = 0.95;

/// This build beside the other one, in both deployments.
pub async fn compare(bench: &Bench) -> Result<Vec<Row>> {
    let other = bench.other.as_ref().context("--other must name the folder of the other build's programs")?;
    let measured = Deployment::embedded(bench.folder()).await?;
    let reference = Deployment::embedded_of(other, bench.folder()).await?;
    let mut rows = rounds(bench, "embedded", &measured, &reference).await?;
    drop((measured, reference));
    let garage = Garage::start(bench.folder()).await?;
    let measured = Deployment::full(bench.folder(), &garage).await?;
    let reference = Deployment::full_of(other, bench.folder(), &garage).await?;
    rows.extend(rounds(bench, "S3", &measured, &reference).await?);
    Ok(rows)
}

async fn rounds(bench: &Bench, name: &str, measured: &Deployment, reference: &Deployment) -> Result<Vec<Row>> {
    let side = |deployment: &Deployment| Side::new(deployment.address, Vec::new());
    let mut pair = Pair::new(side(measured), side(reference));
    for round in 0..bench.rounds {
        eprintln!("builds, {name}: round {} of {}", round + 1, bench.rounds);
        pair.round(bench, round).await?;
    }
    Ok(pair.rows(name, ", this build", "the other", LEAST))
}
