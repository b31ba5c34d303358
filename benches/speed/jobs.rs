//! Claiming, ending and sweeping jobs in a table with a million ended ones. The plans by which the databases find them are
//! printed too.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use filemanager::domain::JobId;
use filemanager::queue::in_process::InProcessQueue;
use filemanager::repositories::{Database, jobs};
use filemanager::services::Ports;
use filemanager::services::ledger::{JobOutcome, Ledger};
use filemanager::services::maintenance::MaintenanceService;
use filemanager::storage::directory::DirectoryStorage;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::Bench;
use crate::deployment::empty_mysql_database;
use crate::samples::{Samples, real};
use crate::seed::{self, numbers};
use crate::table::{Row, Target};

const OLD: usize = 1_000_000;
const FINISHED: usize = 10_000;
const WAITING: usize = 1000;
const SWEEPS: usize = 300;
/// How long each may take, in milliseconds.
const LIMIT: f64 = 5.0;
const LEASE: Duration = Duration::from_secs(30);
const CONNECTIONS: u32 = 4;
/// The most jobs of one sweep.
const MOST: i64 = 500;

/// Both databases.
pub async fn book(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = of_sqlite(bench).await?;
    rows.extend(of_mysql(bench).await?);
    Ok(rows)
}

async fn of_sqlite(bench: &Bench) -> Result<Vec<Row>> {
    eprintln!("jobs: a million in SQLite");
    let file = bench.folder().join("jobs.db");
    let database = Database::sqlite(&file);
    database.migrate().await.context("the schema")?;
    let mut connection = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    for statement in seeds(seed::sqlite_id, seed::sqlite_time) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    sqlx::query("ANALYZE").execute(&mut connection).await?;
    for (name, sql, parameters) in STATEMENTS {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let plan = parameters.chars().fold(query, |query, parameter| match parameter {
            'i' => query.bind(uuid::Uuid::nil()),
            't' => query.bind(chrono::Utc::now()),
            _ => query.bind(MOST),
        });
        let plan = plan.fetch_all(&mut connection).await?;
        let lines: Vec<String> = plan.iter().map(|line| line.get("detail")).collect();
        eprintln!("SQLite, {name}: {}", lines.join("; "));
    }
    measure(bench, "SQLite", database).await
}

async fn of_mysql(bench: &Bench) -> Result<Vec<Row>> {
    eprintln!("jobs: a million in MariaDB");
    let options = empty_mysql_database().await?;
    let database = Database::mysql(options.clone(), CONNECTIONS);
    database.migrate().await.context("the schema")?;
    let mut connection = sqlx::MySqlConnection::connect_with(&options).await?;
    for statement in seeds(seed::mysql_id, seed::mysql_time) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await?;
    }
    sqlx::raw_sql("ANALYZE TABLE jobs").execute(&mut connection).await?;
    for (name, sql, parameters) in STATEMENTS {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {sql}")));
        let plan = parameters.chars().fold(query, |query, parameter| match parameter {
            'i' => query.bind(uuid::Uuid::nil()),
            't' => query.bind(chrono::Utc::now()),
            _ => query.bind(MOST),
        });
        let plan = plan.fetch_all(&mut connection).await?;
        let lines: Vec<String> = plan.iter().map(seed::line_of_plan).collect();
        eprintln!("MariaDB, {name}: {}", lines.join("; "));
    }
    measure(bench, "MariaDB", database).await
}

/// The statements, and the kinds of their parameters: identifiers, times, and a number.
const STATEMENTS: [(&str, &str, &str); 3] = [
    ("claiming", jobs::CLAIM, "ittitttt"),
    ("sweeping what waits", jobs::QUEUED, "ttttn"),
    ("sweeping leases", jobs::ABANDONED, "ttttn"),
];

/// Old jobs, of which each hundredth was given up; those that ended last; those that wait; and those that are being worked at.
fn seeds(id: impl Fn(&str) -> String, time: impl Fn(&str) -> String) -> [String; 4] {
    let far = time("200000000");
    let insert = |count: usize, first: usize, state: &str, when: &str, lease: &str| {
        let id = id(&format!("n + {first}"));
        format!(
            "INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, published_at, lease_until, trace_id, \
             created_at, updated_at) {} SELECT {id}, 'discard_upload', {id}, {state}, 1, 1, {when}, NULL, {lease}, \
             'seed', {when}, {when} FROM numbers",
            numbers(count)
        )
    };
    let ended = "(CASE n % 100 WHEN 0 THEN 'failed' ELSE 'done' END)";
    [
        insert(OLD, 0, ended, &time("n"), "NULL"),
        insert(FINISHED, OLD, "'done'", &time("n + 2000000"), "NULL"),
        insert(WAITING, OLD + FINISHED, "'queued'", &time("n + 3000000"), "NULL"),
        insert(WAITING / 10, OLD + FINISHED + WAITING, "'running'", &time("n + 3000000"), &far),
    ]
}

async fn measure(bench: &Bench, name: &str, database: Database) -> Result<Vec<Row>> {
    let storage = Arc::new(DirectoryStorage::new(bench.folder().join("jobs")));
    let ports = Ports { database, storage, queue: Arc::new(InProcessQueue::default()) };
    let ledger = Ledger::new(ports.clone(), LEASE, 8);
    let maintenance = MaintenanceService::new(ports);
    let [mut sweeping, mut claiming, mut ending] = [const { Vec::new() }; 3];
    for _ in 0..SWEEPS {
        let begun = Instant::now();
        let due = maintenance.due().await.context("no sweep")?;
        sweeping.push(begun.elapsed());
        anyhow::ensure!(!due.is_empty(), "nothing waits");
    }
    for number in 0..WAITING {
        let id = JobId(uuid::Uuid::from_u128((OLD + FINISHED + number) as u128));
        let begun = Instant::now();
        let job = ledger.claim(id).await.context("no claim")?.context("somebody else has the job")?;
        claiming.push(begun.elapsed());
        let begun = Instant::now();
        ledger.end(&job, &JobOutcome::Done).await.context("no end")?;
        ending.push(begun.elapsed());
    }
    let row = |what: &str, times: Vec<Duration>| {
        let mut times: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
        times.sort_by(f64::total_cmp);
        let (p99, count) = (times[times.len() * 99 / 100], times.len());
        Row {
            figure: format!("{name}, {what}, a million ended jobs"),
            measured: format!("{} ms", times.into_iter().collect::<Samples>().show(2)),
            reference: format!("p99 of {:.0}", real(count)),
            value: p99,
            decimals: 2,
            unit: "ms",
            target: Target::AtMost(LIMIT),
        }
    };
    Ok(vec![row("one sweep", sweeping), row("claiming a job", claiming), row("ending it", ending)])
}
