//! What access control costs: the same service with and without it, in turn. The one with it has a hundred thousand keys,
//! a thousand tenants with limits, and a rate for each key.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use futures::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::Bench;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::http::Connection;
use crate::samples::{Samples, real};
use crate::seed::{mysql_time, numbers, sqlite_time};
use crate::service::{self, Shape};
use crate::table::{Row, Target};
use crate::transfer::in_chunks;

const KEYS: usize = 100_000;
const TENANTS: usize = 1000;
/// Keys that are used, in turn.
const USED: usize = 20;
const PARALLEL: usize = 4;
const SMALL: usize = 10 * 1024;
const SMALL_FILES: usize = 300;
/// Questions about a file in one go, and how many goes there are in a round.
const QUESTIONS: usize = 200;
const GOES: usize = 20;

/// One of the two that are compared.
struct Side {
    address: SocketAddr,
    keys: Vec<String>,
    mb_per_second: Samples,
    files_per_second: Samples,
    get_ms: Samples,
}

impl Side {
    fn new(address: SocketAddr, keys: Vec<String>) -> Self {
        let none = Samples::default;
        Self { address, keys, mb_per_second: none(), files_per_second: none(), get_ms: none() }
    }

    async fn connection(&self, number: usize) -> Result<Connection> {
        let connection = Connection::open(self.address).await?;
        let key = self.keys.get(number % self.keys.len().max(1));
        Ok(match key {
            Some(key) => connection.with_key(key),
            None => connection,
        })
    }

    /// Seconds until a file of these chunks is at SUCCESS.
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
        Ok(begun.elapsed().as_secs_f64())
    }

    /// Seconds for so many small files, to SUCCESS.
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
        Ok(begun.elapsed().as_secs_f64())
    }

    /// A file, and connections to ask about it, each with a key of its own.
    async fn asked(&self, bench: &Bench) -> Result<(String, Vec<Connection>)> {
        let mut connections = Vec::new();
        for number in 0..self.keys.len().max(1) {
            connections.push(self.connection(number).await?);
        }
        let shape = Shape { sizes: vec![SMALL], parallel: 1, hints: true };
        let upload = service::begin(&mut connections[0], SMALL).await?;
        connections[0]
            .send(&service::chunk_frame(&upload)(0, SMALL), &bench.payload.chunk(SMALL))
            .await?
            .ok("a chunk")?;
        let file = service::complete(&mut connections[0], &upload, &shape).await?;
        Ok((format!("/api/v1/file/get/{}", file.id), connections))
    }
}

/// Both deployments.
pub async fn cost(bench: &Bench) -> Result<Vec<Row>> {
    let open = Deployment::embedded(bench.folder()).await?;
    let closed = Deployment::embedded_closed(bench.folder()).await?;
    let file = closed.folder().join("data/filemanager.db");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    for statement in seeds("printf('%016x', n)", "randomblob(32)", sqlite_time, "'t' || n") {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
    }
    let mut rows = compare(bench, "embedded", &open, &closed).await?;
    drop((open, closed));
    let garage = Garage::start(bench.folder()).await?;
    let open = Deployment::full(bench.folder(), &garage).await?;
    let closed = Deployment::full_closed(bench.folder(), &garage).await?;
    let mut database = sqlx::MySqlConnection::connect_with(&closed.mysql()?).await?;
    for statement in seeds("LOWER(LPAD(HEX(n), 16, '0'))", "RANDOM_BYTES(32)", mysql_time, "CONCAT('t', n)") {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
    }
    rows.extend(compare(bench, "S3", &open, &closed).await?);
    Ok(rows)
}

/// Keys of nobody, and tenants with limits.
fn seeds(id: &str, hash: &str, time: fn(&str) -> String, tenant: &str) -> [String; 2] {
    let (now, keys, tenants) = (time("0"), numbers(KEYS), numbers(TENANTS));
    [
        format!(
            "INSERT INTO api_keys (id, name, hash, scopes, tenant, created_at) \
             {keys} SELECT {id}, 'seeded', {hash}, 'files:read', 'default', {now} FROM numbers"
        ),
        format!(
            "INSERT INTO tenants (name, bytes, files, max_bytes, max_uploads) \
             {tenants} SELECT {tenant}, 0, 0, 1000000, 1000 FROM numbers"
        ),
    ]
}

async fn compare(bench: &Bench, name: &str, open: &Deployment, closed: &Deployment) -> Result<Vec<Row>> {
    let keys: Result<Vec<String>> = (0..USED).map(|_| closed.operate(&["keys", "create", "bench"])).collect();
    let mut sides = [Side::new(open.address, Vec::new()), Side::new(closed.address, keys?)];
    let (mut large, mut small) = (Samples::default(), Samples::default());
    for round in 0..bench.rounds {
        eprintln!("access, {name}: round {} of {}", round + 1, bench.rounds);
        let mut rates = [(0.0, 0.0); 2];
        for step in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let side = &mut sides[step];
            bench.settle();
            let seconds = side.upload(bench, in_chunks(bench.size)).await?;
            bench.settle();
            rates[step] = (real(bench.size) / 1e6 / seconds, real(SMALL_FILES) / side.upload_small(bench).await?);
            side.mb_per_second.add(rates[step].0);
            side.files_per_second.add(rates[step].1);
        }
        let [open, closed] = rates;
        large.add(closed.0 / open.0);
        small.add(closed.1 / open.1);
        ask(bench, &mut sides).await?;
    }
    let [open, closed] = &sides;
    let speed = |what: &str, unit, of: fn(&Side) -> &Samples, ratios: &Samples| Row {
        figure: format!("{name}, {what}, with keys"),
        measured: format!("{} {unit}", of(closed).show(0)),
        reference: format!("without {} {unit}", of(open).show(0)),
        value: ratios.median(),
        decimals: 2,
        unit: "x",
        target: Target::AtLeast(0.97),
    };
    Ok(vec![
        speed("a large file to SUCCESS", "MB/s", |side| &side.mb_per_second, &large),
        speed("files of 10 KiB to SUCCESS", "/s", |side| &side.files_per_second, &small),
        Row {
            figure: format!("{name}, median of GET /file/get, with keys"),
            measured: format!("{:.3} ms", closed.get_ms.median()),
            reference: format!("without {:.3} ms", open.get_ms.median()),
            value: closed.get_ms.median() - open.get_ms.median(),
            decimals: 3,
            unit: "ms more",
            target: Target::AtMost(0.2),
        },
    ])
}

/// Asks about a file on both sides in turn, one question at a time.
async fn ask(bench: &Bench, sides: &mut [Side; 2]) -> Result<()> {
    let mut asked = [sides[0].asked(bench).await?, sides[1].asked(bench).await?];
    for _ in 0..GOES {
        for (side, (path, connections)) in sides.iter_mut().zip(&mut asked) {
            for question in 0..QUESTIONS {
                let connection = question % connections.len();
                let begun = Instant::now();
                connections[connection].get(path).await?.ok("get")?;
                side.get_ms.add(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    Ok(())
}
