//! Two services that are measured in turn, round by round, so that what the machine does meanwhile hits both.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use futures::future::try_join_all;

use crate::Bench;
use crate::http::Connection;
use crate::samples::{Samples, real};
use crate::service::{self, Shape};
use crate::table::{Row, Target};
use crate::transfer::in_chunks;

/// Bytes of a small file.
pub const SMALL: usize = 10 * 1024;
const SMALL_FILES: usize = 300;
const PARALLEL: usize = 4;

/// One of the two.
pub struct Side {
    address: SocketAddr,
    keys: Vec<String>,
    mb_per_second: Samples,
    files_per_second: Samples,
}

impl Side {
    /// A service, and the keys to use in turn where it asks for them.
    pub fn new(address: SocketAddr, keys: Vec<String>) -> Self {
        Self { address, keys, mb_per_second: Samples::default(), files_per_second: Samples::default() }
    }

    /// A connection for each key, or just one.
    pub async fn connections(&self) -> Result<Vec<Connection>> {
        try_join_all((0..self.keys.len().max(1)).map(|number| self.connection(number))).await
    }

    async fn connection(&self, number: usize) -> Result<Connection> {
        let connection = Connection::open(self.address).await?;
        let key = self.keys.get(number % self.keys.len().max(1));
        Ok(match key {
            Some(key) => connection.with_key(key),
            None => connection,
        })
    }

    /// MB a second, until a file of these chunks is at SUCCESS.
    async fn upload(&self, bench: &Bench, sizes: Vec<usize>) -> Result<f64> {
        let begun = Instant::now();
        let shape = Shape { sizes, parallel: PARALLEL, hints: true };
        let mut connection = self.connection(0).await?;
        let upload = service::begin(&mut connection, shape.sizes.iter().sum()).await?;
        let (frame, next) = (service::chunk_frame(&upload), AtomicUsize::new(0));
        let senders = (0..PARALLEL).map(async |number| {
            let mut connection = self.connection(number).await?;
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(length) = shape.sizes.get(index) else { return anyhow::Ok(()) };
                connection.send(&frame(index, *length), &bench.payload.chunk(*length)).await?.ok("a chunk")?;
            }
        });
        try_join_all(senders).await?;
        // A server closes connections that idle as long as a large file takes.
        service::complete(&mut self.connection(0).await?, &upload, &shape).await?;
        Ok(real(shape.sizes.iter().sum()) / 1e6 / begun.elapsed().as_secs_f64())
    }

    /// Small files a second, to SUCCESS.
    async fn upload_small(&self, bench: &Bench) -> Result<f64> {
        let begun = Instant::now();
        let senders = (0..PARALLEL).map(async |number| {
            let mut connection = self.connection(number).await?;
            for _ in 0..SMALL_FILES / PARALLEL {
                service::upload_small(&mut connection, &bench.payload, SMALL).await?;
            }
            anyhow::Ok(())
        });
        try_join_all(senders).await?;
        Ok(real(SMALL_FILES) / begun.elapsed().as_secs_f64())
    }

    /// Uploads a large file and many small ones; how fast.
    async fn round(&mut self, bench: &Bench) -> Result<[f64; 2]> {
        bench.settle();
        let large = self.upload(bench, in_chunks(bench.size)).await?;
        bench.settle();
        let small = self.upload_small(bench).await?;
        self.mb_per_second.add(large);
        self.files_per_second.add(small);
        Ok([large, small])
    }
}

/// The two, and what the one is to the other.
pub struct Pair {
    /// The one that is judged.
    pub measured: Side,
    /// The one that it is compared with.
    pub reference: Side,
    large: Samples,
    small: Samples,
}

impl Pair {
    /// Two that nothing was uploaded to yet.
    pub fn new(measured: Side, reference: Side) -> Self {
        Self { measured, reference, large: Samples::default(), small: Samples::default() }
    }

    /// Uploads to both, one round to this one first and the next to the other.
    pub async fn round(&mut self, bench: &Bench, number: usize) -> Result<()> {
        let (measured, reference);
        if number.is_multiple_of(2) {
            reference = self.reference.round(bench).await?;
            measured = self.measured.round(bench).await?;
        } else {
            measured = self.measured.round(bench).await?;
            reference = self.reference.round(bench).await?;
        }
        self.large.add(measured[0] / reference[0]);
        self.small.add(measured[1] / reference[1]);
        Ok(())
    }

    /// How fast they were, and the median of the rounds' ratios, which is to be at least `least`.
    pub fn rows(&self, name: &str, what: &str, reference: &str, least: f64) -> Vec<Row> {
        let row = |file: &str, unit, of: fn(&Side) -> &Samples, ratios: &Samples| Row {
            figure: format!("{name}, {file} to SUCCESS{what}"),
            measured: format!("{} {unit}", of(&self.measured).show(0)),
            reference: format!("{reference} {} {unit}", of(&self.reference).show(0)),
            value: ratios.median(),
            decimals: 2,
            unit: "x",
            target: Target::AtLeast(least),
        };
        vec![
            row("a large file", "MB/s", |side| &side.mb_per_second, &self.large),
            row("files of 10 KiB", "/s", |side| &side.files_per_second, &self.small),
        ]
    }
}
