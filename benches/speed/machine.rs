//! How fast the machine itself is, which its neighbours and its clock change from minute to minute.

use std::fs;
use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::process::TICKS_PER_SECOND;
use crate::samples::Samples;

static WORK: [u8; 64 * 1024] = [0x5A; 64 * 1024];
const TRIES: usize = 5;

/// Microseconds that a fixed piece of work takes, the fastest of a few tries: waiting for a core does not count.
fn work_micros() -> f64 {
    let tries = (0..TRIES).map(|_| {
        let begun = Instant::now();
        black_box(Sha256::digest(black_box(&WORK)));
        begun.elapsed().as_secs_f64() * 1e6
    });
    tries.fold(f64::INFINITY, f64::min)
}

/// Seconds of CPU, of all cores, that the machine's host gave to others since it started, as proc(5) says.
fn stolen_seconds() -> Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("the kernel's own counts cannot be read")?;
    let steal = stat.lines().next().and_then(|line| line.split_whitespace().nth(8));
    let ticks: u32 = steal.and_then(|ticks| ticks.parse().ok()).context("the kernel does not count what is stolen")?;
    Ok(f64::from(ticks) / TICKS_PER_SECOND)
}

/// What was seen of the machine since the last report.
#[derive(Default)]
pub struct Machine {
    work: Samples,
    stolen: f64,
}

impl Machine {
    /// A machine that is looked at from now on.
    pub fn watch() -> Result<Self> {
        Ok(Self { work: Samples::default(), stolen: stolen_seconds()? })
    }

    /// Does the fixed piece of work.
    pub fn look(&mut self) {
        self.work.add(work_micros());
    }

    /// The median time of the work in microseconds, and the seconds stolen, since the last report.
    pub fn report(&mut self) -> Result<(f64, f64)> {
        let (work, stolen) = (std::mem::take(&mut self.work).median(), stolen_seconds()?);
        Ok((work, stolen - std::mem::replace(&mut self.stolen, stolen)))
    }
}
