//! Lists at a million files: the longest pages of a user and an appointment that have many, from the top and from the
//! middle. The plans by which the databases read them are printed too.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use filemanager::repositories::listings;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::Bench;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::http::Connection;
use crate::samples::Samples;
use crate::seed::{self, numbers};
use crate::table::{Row, Target};

const FILES: usize = 1_000_000;
const APPOINTMENTS: usize = 10_000;
const USERS: usize = 1_000;
const QUESTIONS: usize = 100;
/// How long a list may take, in milliseconds.
const LIMIT: f64 = 50.0;

/// Both databases.
pub async fn pages(bench: &Bench) -> Result<Vec<Row>> {
    let mut rows = embedded(bench).await?;
    rows.extend(full(bench).await?);
    Ok(rows)
}

async fn embedded(bench: &Bench) -> Result<Vec<Row>> {
    let deployment = Deployment::embedded(bench.folder()).await?;
    let file = deployment.folder().join("data/filemanager.db");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
    eprintln!("lists: a million files in SQLite");
    for statement in seeds(seed::sqlite_id, seed::sqlite_time) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
    }
    sqlx::query("ANALYZE").execute(&mut database).await?;
    for (name, sql, of) in statements() {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")));
        let query = match of {
            Of::Owner | Of::OwnerWithFiles => query.bind(vec![0_u8; 16]),
            Of::Tenant => query.bind("default"),
        };
        let now = chrono::Utc::now();
        let query = query.bind(now).bind(now).bind(vec![255_u8; 16]);
        let query = if matches!(of, Of::OwnerWithFiles) { query.bind(51).bind(10_001) } else { query.bind(1001) };
        let plan = query.fetch_all(&mut database).await?;
        let lines: Vec<String> = plan.iter().map(|line| line.get("detail")).collect();
        eprintln!("SQLite, {name}: {}", lines.join("; "));
    }
    measure("embedded", deployment.address).await
}

async fn full(bench: &Bench) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let mut database = sqlx::MySqlConnection::connect_with(&deployment.mysql()?).await?;
    eprintln!("lists: a million files in MariaDB");
    for statement in seeds(seed::mysql_id, seed::mysql_time) {
        sqlx::query(AssertSqlSafe(statement)).execute(&mut database).await?;
    }
    sqlx::raw_sql("ANALYZE TABLE files, appointments, users").execute(&mut database).await?;
    for (name, sql, of) in statements() {
        let query = sqlx::query(AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {sql}")));
        let query = match of {
            Of::Owner | Of::OwnerWithFiles => query.bind(vec![0_u8; 16]),
            Of::Tenant => query.bind("default"),
        };
        let now = chrono::Utc::now();
        let query = query.bind(now).bind(now).bind(vec![255_u8; 16]);
        let query = if matches!(of, Of::OwnerWithFiles) { query.bind(51).bind(10_001) } else { query.bind(1001) };
        let plan = query.fetch_all(&mut database).await?;
        let lines: Vec<String> = plan.iter().map(seed::line_of_plan).collect();
        eprintln!("MariaDB, {name}: {}", lines.join("; "));
    }
    measure("full", deployment.address).await
}

/// What a list is of.
#[derive(Clone, Copy)]
enum Of {
    Owner,
    /// Of one who has lists of files in it, whose rows are limited too.
    OwnerWithFiles,
    Tenant,
}

/// The statements of the lists, and of what each is.
fn statements() -> [(&'static str, &'static str, Of); 4] {
    [
        ("files of a user", listings::FILES_OF_USER, Of::Owner),
        ("files of an appointment", listings::FILES_OF_AN_APPOINTMENT, Of::Owner),
        ("appointments of a user", listings::APPOINTMENTS_OF_USER, Of::OwnerWithFiles),
        ("users", listings::USERS, Of::Tenant),
    ]
}

/// User 0 has half of all files and a tenth of all appointments; appointment 0 has a tenth of all files.
fn seeds(id: impl Fn(&str) -> String, time: impl Fn(&str) -> String) -> [String; 3] {
    let (now, user, appointment) =
        (time("n"), id("(n % 2) * (n % 1000)"), id("(CASE n % 10 WHEN 0 THEN 0 ELSE n % 10000 END)"));
    [
        format!(
            "INSERT INTO users (id, name, created_at, updated_at) {} SELECT {}, 'a user', {now}, {now} FROM numbers",
            numbers(USERS),
            id("n")
        ),
        format!(
            "INSERT INTO appointments (id, name, date, user_id) {} SELECT {}, 'an appointment', {now}, {} FROM numbers",
            numbers(APPOINTMENTS),
            id("n"),
            id("(CASE n % 10 WHEN 0 THEN 0 ELSE n % 1000 END)")
        ),
        format!(
            "INSERT INTO files (id, upload_id, filename, path, content_type, size, status, user_id, appointment_id, \
             created_at, updated_at) {} SELECT {}, {}, 'report.pdf', {}, 'application/pdf', 1000, 'SUCCESS', {user}, \
             {appointment}, {now}, {now} FROM numbers",
            numbers(FILES),
            id("n"),
            id("n"),
            "concat('public/', n, '.pdf')"
        ),
    ]
}

async fn measure(name: &str, address: SocketAddr) -> Result<Vec<Row>> {
    let nobody = uuid::Uuid::nil();
    let lists = [
        ("files of a user with half of them", format!("/api/v1/file/all?user_id={nobody}")),
        ("files of an appointment with a tenth", format!("/api/v1/file/appointment/{nobody}?limit=1000")),
        ("appointments of that user, 50 a page", format!("/api/v1/appointments?user_id={nobody}&limit=50")),
        ("users", "/api/v1/users?limit=1000".to_owned()),
    ];
    let mut rows = Vec::new();
    for (list, path) in lists {
        let top = ask(address, &path).await?;
        let middle = match cursor(address, &path).await? {
            Some(cursor) => ask(address, &format!("{path}&cursor={cursor}")).await?,
            None => top.clone(),
        };
        rows.push(Row {
            figure: format!("{name}, {list}, a million in all"),
            measured: format!("{} ms", top.show(1)),
            reference: format!("ten pages on {} ms", middle.show(1)),
            value: top.median().max(middle.median()),
            decimals: 1,
            unit: "ms",
            target: Target::AtMost(LIMIT),
        });
    }
    Ok(rows)
}

/// The cursor after ten pages, if there are so many.
async fn cursor(address: SocketAddr, path: &str) -> Result<Option<String>> {
    let mut connection = Connection::open(address).await?;
    let mut cursor = None::<String>;
    for _ in 0..10 {
        let after = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
        let answer: Value =
            serde_json::from_slice(&connection.get(&format!("{path}{after}")).await?.ok("a list")?.body)?;
        match answer["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return Ok(None),
        }
    }
    Ok(cursor)
}

/// How long the answer takes, in milliseconds.
async fn ask(address: SocketAddr, path: &str) -> Result<Samples> {
    let mut connection = Connection::open(address).await.context("no connection")?;
    let mut samples = Samples::default();
    for _ in 0..QUESTIONS {
        let begun = Instant::now();
        connection.get(path).await?.ok("a list")?;
        samples.add(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(samples)
}
