//! What access control costs: the same service with and without it, in turn. The one with it has a hundred thousand keys,
//! a thousand tenants with limits, and a rate for each key.

use std::time::Instant;

use anyhow::Result;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::Bench;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::http::Connection;
use crate::pair::{Pair, SMALL, Side};
use crate::samples::Samples;
use crate::seed::{mysql_time, numbers, sqlite_time};
use crate::service::{self, Shape};
use crate::table::{Row, Target};

const KEYS: usize = 100_000;
const TENANTS: usize = 1000;
/// Keys that are used, in turn.
const USED: usize = 20;
/// Questions about a file in one go, and how many goes there are in a round.
const QUESTIONS: usize = 200;
const GOES: usize = 20;

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
    let mut pair = Pair::new(Side::new(closed.address, keys?), Side::new(open.address, Vec::new()));
    let mut get_ms = [Samples::default(), Samples::default()];
    for round in 0..bench.rounds {
        eprintln!("access, {name}: round {} of {}", round + 1, bench.rounds);
        pair.round(bench, round).await?;
        ask(bench, &pair, &mut get_ms).await?;
    }
    let [closed, open] = get_ms;
    let mut rows = pair.rows(name, ", with keys", "without", 0.97);
    rows.push(Row {
        figure: format!("{name}, median of GET /file/get, with keys"),
        measured: format!("{:.3} ms", closed.median()),
        reference: format!("without {:.3} ms", open.median()),
        value: closed.median() - open.median(),
        decimals: 3,
        unit: "ms more",
        target: Target::AtMost(0.2),
    });
    Ok(rows)
}

/// Asks about a file on both sides in turn, one question at a time.
async fn ask(bench: &Bench, pair: &Pair, get_ms: &mut [Samples; 2]) -> Result<()> {
    let mut asked = [asked(bench, &pair.measured).await?, asked(bench, &pair.reference).await?];
    for _ in 0..GOES {
        for (get_ms, (path, connections)) in get_ms.iter_mut().zip(&mut asked) {
            for question in 0..QUESTIONS {
                let connection = question % connections.len();
                let begun = Instant::now();
                connections[connection].get(path).await?.ok("get")?;
                get_ms.add(begun.elapsed().as_secs_f64() * 1e3);
            }
        }
    }
    Ok(())
}

/// A file, and connections to ask about it, each with a key of its own.
async fn asked(bench: &Bench, side: &Side) -> Result<(String, Vec<Connection>)> {
    let mut connections = side.connections().await?;
    let shape = Shape { sizes: vec![SMALL], parallel: 1, hints: true };
    let upload = service::begin(&mut connections[0], SMALL).await?;
    connections[0].send(&service::chunk_frame(&upload)(0, SMALL), &bench.payload.chunk(SMALL)).await?.ok("a chunk")?;
    let file = service::complete(&mut connections[0], &upload, &shape).await?;
    Ok((format!("/api/v1/file/get/{}", file.id), connections))
}
