//! What Prometheus sees.

use std::collections::BTreeSet;

use filemanager::repositories::backlog;
use filemanager::telemetry::metrics::CATALOGUE;
use sqlx::{AssertSqlSafe, Connection, Row};
use tokio::io::AsyncWriteExt;
use uuid::Uuid;

use crate::operator::in_repository;
use crate::support::deployment::{mysql, mysql_address, run};
use crate::support::proxy::Proxy;
use crate::support::scrape::Scrape;
use crate::support::{Database, Deployment, Queue, Service, Store, bytes, eventually};

const MIB: usize = 1024 * 1024;

async fn watched(deployment: Deployment) -> (Deployment, Vec<Service>) {
    let deployment = deployment.set("WORKER_METRICS_PORT", "0");
    let services = deployment.start().await;
    (deployment, services)
}

/// What all processes tell, the API first.
async fn scrapes(services: &[Service]) -> Vec<Scrape> {
    let mut scrapes = vec![Scrape::api(&services[0]).await];
    for worker in &services[1..] {
        scrapes.push(Scrape::worker(worker).await);
    }
    scrapes
}

/// Names of metrics in a text, as Prometheus' language has them: those of a histogram's series count as the histogram's.
fn named_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names = words.filter(|word| word.starts_with("filemanager_"));
    let of_histogram = |name: &'static str| ["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"));
    names
        .map(|word| {
            let histogram = CATALOGUE.iter().find(|(name, ..)| of_histogram(name).iter().any(|series| series == word));
            histogram.map_or(word, |(name, ..)| *name)
        })
        .collect()
}

#[tokio::test]
async fn every_metric_of_the_catalogue_is_exported_and_no_other() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let (_deployment, services) = watched(deployment).await;
        let client = services[0].client();
        let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
        client.download(&file, None).await;
        let scrapes = eventually("the job is counted", async || {
            let scrapes = scrapes(&services).await;
            let ended =
                scrapes.iter().filter_map(|s| s.find("filemanager_job_duration_seconds_count", &[])).sum::<u64>();
            (ended > 0).then_some(scrapes)
        })
        .await;
        let exported: BTreeSet<&str> = scrapes.iter().flat_map(Scrape::names).collect();
        let catalogue: BTreeSet<&str> = CATALOGUE.iter().map(|(name, ..)| *name).collect();
        assert_eq!(exported, catalogue);
        for scrape in &scrapes {
            for (name, kind) in &scrape.kinds {
                let (_, known, says) = CATALOGUE.iter().find(|(known, ..)| known == name).unwrap();
                assert_eq!(*kind, format!("{known:?}").to_lowercase(), "{name}");
                assert_eq!(scrape.help[name], *says, "{name}");
            }
        }
    }
}

#[test]
fn the_readme_describes_every_metric_and_nothing_names_another() {
    let catalogue: BTreeSet<&str> = CATALOGUE.iter().map(|(name, ..)| *name).collect();
    let readme = in_repository("monitoring/README.md");
    let described: BTreeSet<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| `filemanager_").map(|_| line.split('`').nth(1).unwrap()))
        .collect();
    assert_eq!(described, catalogue);
    for file in ["monitoring/alerts.yml", "monitoring/dashboard.json", "monitoring/README.md"] {
        let text = in_repository(file);
        let unknown: Vec<&str> = named_in(&text).difference(&catalogue).copied().collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}");
    }
    let dashboard = in_repository("monitoring/dashboard.json");
    let unseen: Vec<_> = catalogue.difference(&named_in(&dashboard)).copied().collect();
    assert!(unseen.is_empty(), "the dashboard does not show {unseen:?}");
}

#[test]
fn every_alert_is_in_the_runbook_and_every_entry_of_it_is_an_alert() {
    let rules = in_repository("monitoring/alerts.yml");
    let alerts: BTreeSet<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let runbook = in_repository("monitoring/README.md");
    let entries: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    assert!(alerts.len() >= 5, "{alerts:?}");
    assert_eq!(alerts, entries);
}

#[tokio::test]
async fn what_happened_is_what_is_counted() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let (_deployment, services) = watched(deployment).await;
        let client = services[0].client();
        let chunks = [bytes(5 * MIB, 1), bytes(1000, 2)];
        let file = client.upload(&chunks, &[], &[]).await;
        client.done(&file, None).await;
        let url = format!("/file/download/{}", file["id"].as_str().unwrap());
        assert_eq!(client.follow(&client.url(&url)).await.len(), 5 * MIB + 1000);
        client.get("/file/get/not-an-id").await;
        let all = eventually("the job and the requests are counted", async || {
            let all = scrapes(&services).await;
            let api = &all[0];
            let asked = api.find("filemanager_http_request_duration_seconds_count", &["/file/get/{file_id}"]).is_some();
            let worked = all.last().unwrap().value("filemanager_job_duration_seconds_count", &[]) > 0;
            (asked && worked).then_some(all)
        })
        .await;
        let (api, worker) = (&all[0], all.last().unwrap());
        let requests = |route: &str, status: &str| {
            let (route, status) = (format!("route=\"/api/v1{route}\""), format!("status=\"{status}\""));
            api.value("filemanager_http_request_duration_seconds_count", &[&route, &status])
        };
        let bytes_of = |name: &str, route: &str| api.value(name, &[&format!("route=\"/api/v1{route}\"")]);
        assert_eq!(requests("/file/upload/chunk", "2xx"), 2);
        assert_eq!(requests("/file/upload/complete", "2xx"), 1);
        assert_eq!(requests("/file/get/{file_id}", "4xx"), 1);
        let received = bytes_of("filemanager_http_received_bytes_total", "/file/upload/chunk");
        let sent = bytes_of("filemanager_http_sent_bytes_total", "/file/download/{file_id}");
        let size = 5 * MIB as u64 + 1000;
        assert!(received > size && received < size + 2000, "{received}");
        assert_eq!(sent, size);
        assert_eq!(api.value("filemanager_call_duration_seconds_count", &["\"store\"", "\"put_chunk\""]), 2);
        assert_eq!(worker.value("filemanager_call_duration_seconds_count", &["\"store\"", "\"assemble\""]), 1);
        let done = ["kind=\"assemble_file\"", "outcome=\"done\""];
        assert_eq!(worker.value("filemanager_job_duration_seconds_count", &done), 1);
        assert_eq!(worker.value("filemanager_job_failures_total", &[]), 0);
        assert_eq!(worker.value("filemanager_job_duration_seconds_count", &["outcome=\"failed\""]), 0);
        assert_eq!(worker.value("filemanager_jobs_running", &[]), 0);
        for name in ["database", "store", "queue"] {
            assert_eq!(api.value("filemanager_dependency_up", &[&format!("\"{name}\"")]), 1);
        }
        assert_eq!(api.value("filemanager_call_errors_total", &[]), 0);
        assert_eq!(api.value("filemanager_build_info", &["program=\"filemanager\""]), 1);
        assert!(api.value("filemanager_database_connections", &[]) >= 1);
    }
}

#[tokio::test]
async fn what_is_under_way_is_shown_until_it_ends_or_its_caller_leaves() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let mut slow = tokio::net::TcpStream::connect(api.address()).await.unwrap();
    let head =
        "POST /api/v1/file/upload/init HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n";
    let head = format!("{head}{}\r\n", api.client().header());
    slow.write_all(head.as_bytes()).await.unwrap();
    let in_flight = async |count: u64| {
        eventually("the requests in flight are known", async || {
            (Scrape::api(&api).await.value("filemanager_http_requests_in_flight", &[]) == count).then_some(())
        })
        .await;
    };
    // One of them is the question itself.
    in_flight(2).await;
    drop(slow);
    in_flight(1).await;
}

#[tokio::test]
async fn jobs_that_fail_are_counted_by_their_reason() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    std::fs::remove_file(deployment.folder.path().join("data/staging").join(&upload)).unwrap();
    let file = client.complete(&upload, 1, 3, &[]).await.data();
    assert_eq!(client.done(&file, None).await["status"], "FAILURE");
    eventually("the failure is counted", async || {
        let scrape = Scrape::api(&api).await;
        let failures = scrape.value("filemanager_job_failures_total", &["kind=\"assemble_file\"", "reason=\"data\""]);
        let failed = scrape.value("filemanager_jobs", &["state=\"failed\""]);
        let failed = failed.min(scrape.value("filemanager_job_duration_seconds_count", &["outcome=\"failed\""]));
        (failures == 1 && failed == 1).then_some(())
    })
    .await;
}

/// An operator is not woken by a checksum that a caller has got wrong.
#[tokio::test]
async fn a_job_that_ends_by_a_mistake_of_the_caller_is_refused_and_not_failed() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let claim = [("checksum", "crc64nvme:0000000000000001")];
    let file = client.upload(&[b"abc".to_vec()], &[], &claim).await;
    assert_eq!(client.done(&file, None).await["status"], "FAILURE");
    let scrape = eventually("the job is counted", async || {
        let scrape = Scrape::api(&api).await;
        let ended = scrape.find("filemanager_job_duration_seconds_count", &["outcome=\"refused\""]);
        ended.is_some().then_some(scrape)
    })
    .await;
    let failures = |reason: &str| {
        scrape.value("filemanager_job_failures_total", &["kind=\"assemble_file\"", &format!("reason=\"{reason}\"")])
    };
    assert_eq!((failures("caller"), failures("data"), failures("other")), (1, 0, 0));
    assert_eq!(scrape.find("filemanager_job_duration_seconds_count", &["outcome=\"failed\""]).unwrap_or_default(), 0);
}

#[tokio::test]
async fn a_file_whose_object_is_gone_is_counted_by_the_next_comparison() {
    let deployment = Deployment::embedded().await;
    let deployment = deployment.set("GC_INTERVAL", "1").set("JOB_LEASE", "3").set("GC_GRACE", "4");
    let (deployment, services) = watched(deployment).await;
    let client = services[0].client();
    let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
    client.done(&file, None).await;
    let object = deployment.folder.path().join("data/objects").join(file["path"].as_str().unwrap());
    let lost = async || Scrape::api(&services[0]).await.value("filemanager_gc_findings_total", &["finding=\"lost\""]);
    assert_eq!(lost().await, 0);
    std::fs::remove_file(object).unwrap();
    eventually("the lost file is counted", async || (lost().await > 0).then_some(())).await;
}

#[tokio::test]
async fn a_database_that_is_away_is_seen_and_nothing_stale_is_told() {
    let gate = Proxy::to(mysql_address()).await;
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let deployment = deployment.set("MYSQL_HOST", "127.0.0.1").set("MYSQL_PORT", gate.port.to_string());
    let api = deployment.api().await;
    assert_eq!(Scrape::api(&api).await.value("filemanager_dependency_up", &["\"database\""]), 1);
    gate.shut();
    eventually("the database is seen to be away", async || {
        let scrape = Scrape::api(&api).await;
        let down = scrape.value("filemanager_dependency_up", &["\"database\""]) == 0;
        let unknown = scrape.text.contains("filemanager_jobs{state=\"due\"} NaN");
        let errors = scrape.value("filemanager_call_errors_total", &["\"database\"", "\"connect\""]) > 0;
        (down && unknown && errors).then_some(())
    })
    .await;
    gate.open();
    eventually("the database is seen to be back", async || {
        let scrape = Scrape::api(&api).await;
        let up = scrape.value("filemanager_dependency_up", &["\"database\""]) == 1;
        (up && scrape.value("filemanager_jobs", &["\"due\""]) == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn callers_cannot_make_series_and_nothing_of_theirs_is_shown() {
    let (deployment, services) = watched(Deployment::full().await).await;
    let client = services[0].client();
    let canary = "canary-4711";
    let visit = async || {
        for path in [format!("/{canary}"), format!("/api/v1/{canary}/{}", Uuid::new_v4()), format!("/docs/{canary}")] {
            client.http.get(format!("{}{path}?secret={canary}", client.base)).send().await.unwrap();
        }
        let method = reqwest::Method::from_bytes(format!("M{}", Uuid::new_v4().simple()).as_bytes()).unwrap();
        client.http.request(method, client.url("/users")).send().await.unwrap();
        client.get(&format!("/file/get/{}?token={canary}", Uuid::new_v4())).await;
        let credential = format!(r#"{{"token": "{canary}"}}"#);
        let more = [("filename", canary), ("credential", credential.as_str())];
        let file = client.upload(&[bytes(10, 1)], &[("filename", canary)], &more).await;
        client.done(&file, Some(&credential)).await;
        file
    };
    visit().await;
    // The first question is a series of its own in the second answer.
    scrapes(&services).await;
    let before = scrapes(&services).await;
    let series: Vec<BTreeSet<&str>> = before.iter().map(Scrape::series).collect();
    let mut known = vec![canary.to_owned()];
    for _ in 0..3 {
        let file = visit().await;
        known.extend(["id", "path"].map(|field| file[field].as_str().unwrap().to_owned()));
    }
    let settings = ["MYSQL_DATABASE", "MINIO_SECRET_KEY", "MINIO_ACCESS_KEY", "RABBITMQ_QUEUE"];
    known.extend(settings.map(|name| deployment.settings[name].clone()));
    let after = scrapes(&services).await;
    for (scrape, series) in after.iter().zip(&series) {
        for word in &known {
            assert!(!scrape.text.contains(word.as_str()), "{word} is in the metrics");
        }
        let new: Vec<_> =
            scrape.series().difference(series).filter(|name| !name.contains("operation=")).copied().collect();
        assert!(new.is_empty(), "{new:?}");
    }
}

#[tokio::test]
async fn a_worker_shows_its_metrics_only_when_it_is_told_to() {
    let deployment = Deployment::full().await;
    let worker = deployment.worker().await;
    assert!(!worker.log().iter().any(|line| line.contains("serving metrics")));
    let deployment = deployment.set("WORKER_METRICS_PORT", "0");
    let worker = deployment.worker().await;
    let scrape = Scrape::worker(&worker).await;
    assert_eq!(scrape.value("filemanager_build_info", &["program=\"filemanager-worker\""]), 1);
    let taken = worker.log_json().iter().find_map(|line| line["address"].as_str().map(str::to_owned)).unwrap();
    let deployment = deployment.set("WORKER_METRICS_PORT", taken.rsplit(':').next().unwrap());
    let (status, _, complaint) = run(deployment.command(env!("CARGO_BIN_EXE_filemanager-worker"))).await;
    assert!(!status.success() && complaint.contains("WORKER_METRICS_PORT"), "{complaint}");
}

/// The statements behind the gauges, and the index that each of them is read from.
const STATEMENTS: [(&str, &str); 7] = [
    (backlog::DUE, "jobs_state_run_at"),
    (backlog::DELAYED, "jobs_state_run_at"),
    (backlog::RUNNING, "jobs_state_run_at"),
    (backlog::FAILED, "jobs_state_run_at"),
    (backlog::OLDEST, "jobs_state_run_at"),
    (backlog::ABANDONED, "jobs_state_lease_until"),
    (backlog::OPEN_UPLOADS, "uploads_state_expires_at"),
];

#[tokio::test]
async fn the_backlog_is_read_from_an_index_however_many_old_jobs_there_are_in_sqlite() {
    let deployment = Deployment::embedded().await;
    let _api = deployment.api().await;
    let path = deployment.folder.path().join("data/filemanager.db");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    let old = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
               INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, trace_id, created_at, updated_at)
               SELECT randomblob(16), 'assemble_file', randomblob(16), 'done', 1, 1, '2026-01-01', '', '', '' FROM n";
    sqlx::query(old).execute(&mut database).await.unwrap();
    sqlx::query("ANALYZE").execute(&mut database).await.unwrap();
    for (sql, index) in STATEMENTS {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = sqlx::query(explain).bind("2026-01-02").bind(1).fetch_all(&mut database).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| line.get("detail")).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("COVERING INDEX {index} (state=? AND ")), "{sql}\n{plan}");
        assert!(!plan.contains("SCAN jobs") && !plan.contains("SCAN uploads") && !plan.contains("B-TREE"), "{plan}");
    }
}

#[tokio::test]
async fn the_backlog_is_read_from_an_index_however_many_old_jobs_there_are_in_mysql() {
    let deployment = Deployment::full().await;
    let _api = deployment.api().await;
    let mut database = mysql(deployment.mysql_database()).await;
    let old = "INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, trace_id, created_at, updated_at)
               WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
               SELECT UNHEX(REPLACE(UUID(), '-', '')), 'assemble_file', UNHEX(REPLACE(UUID(), '-', '')), 'done', 1, 1,
               '2026-01-01', '', '2026-01-01', '2026-01-01' FROM n AS a JOIN n AS b ON b.i <= 22";
    sqlx::query(old).execute(&mut database).await.unwrap();
    sqlx::query("ANALYZE TABLE jobs").execute(&mut database).await.unwrap();
    for (sql, index) in STATEMENTS {
        let explain = AssertSqlSafe(format!("EXPLAIN FORMAT=TRADITIONAL {sql}"));
        let plan = sqlx::query(explain).bind("2026-01-02").bind(1).fetch_all(&mut database).await.unwrap();
        let line = plan.iter().find(|line| {
            // MySQL names no table for a statement that finds no row.
            line.get::<Option<String>, _>("table").is_some_and(|table| ["jobs", "uploads"].contains(&table.as_str()))
        });
        let line = line.unwrap_or_else(|| panic!("the plan of {sql} has no table"));
        // With nothing in that state, every index that begins with it is as good: MySQL takes either.
        let used = line.get::<Option<String>, _>("key").expect("an index");
        assert_eq!(used.split("_state").next(), index.split("_state").next(), "{sql}: {used}");
        // MariaDB tells it as text.
        let rows = line.try_get::<u64, _>("rows").or_else(|_| line.get::<String, _>("rows").parse());
        let rows = rows.unwrap();
        assert!(rows < 100, "{sql} looks at {rows} rows");
    }
}
