//! What an operator sees: starting, stopping, checking, the log.

use rustix::process::Signal;

use crate::faults::with_a_gate_to_the_store;
use crate::support::deployment::run;
use crate::support::{Database, Deployment, Queue, Store, bytes, eventually};

const API: &str = env!("CARGO_BIN_EXE_filemanager");
const WORKER: &str = env!("CARGO_BIN_EXE_filemanager-worker");

#[tokio::test]
async fn a_wrong_setting_is_a_refusal_to_start_that_names_it_and_hides_secrets() {
    let deployment = Deployment::embedded().await;
    let deployment =
        deployment.set("APP_PORT", "http").set("MINIO_ENDPOINT", "minio:9000").set("MINIO_SECRET_KEY", "hunter2");
    for program in [API, WORKER] {
        let (status, _, complaint) = run(deployment.command(program)).await;
        assert!(!status.success());
        assert!(complaint.contains("APP_PORT is \"http\", but must be a whole number"), "{complaint}");
        assert!(complaint.contains("MINIO_ACCESS_KEY is not set"), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

#[tokio::test]
async fn what_keeps_it_from_starting_is_named() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let port = api.address().rsplit(':').next().unwrap().to_owned();
    let taken = Deployment::embedded().await.set("APP_PORT", port);
    let (status, _, complaint) = run(taken.command(API)).await;
    assert!(!status.success() && complaint.contains("APP_PORT"), "{complaint}");
    // The log is JSON here, to the last word.
    let last: serde_json::Value = serde_json::from_str(complaint.lines().last().unwrap()).expect("JSON");
    assert!(last["error"].as_str().unwrap().contains("APP_PORT"), "{complaint}");
    let nowhere = Deployment::embedded().await.set("APP_DATA_DIR", "/proc/nowhere");
    let (status, _, complaint) = run(nowhere.command(API)).await;
    assert!(!status.success() && complaint.contains("APP_DATA_DIR"), "{complaint}");
    let (status, _, complaint) = run(Deployment::embedded().await.command(WORKER)).await;
    assert!(!status.success() && complaint.contains("RABBITMQ_HOST"), "{complaint}");
}

#[tokio::test]
async fn help_and_version_tell_what_it_is() {
    let deployment = Deployment::embedded().await;
    for (program, option, told) in [
        (API, "--help", "migrate"),
        (API, "--version", "filemanager"),
        (WORKER, "--help", "health"),
        (WORKER, "--version", "filemanager"),
    ] {
        let mut command = deployment.command(program);
        command.arg(option);
        let (status, output, _) = run(command).await;
        assert!(status.success() && output.contains(told), "{output}");
    }
}

#[tokio::test]
async fn check_tries_everything_and_says_what_is_wrong() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let mut command = deployment.command(API);
        command.arg("check");
        let (status, output, complaint) = run(command).await;
        assert!(status.success(), "{output}{complaint}");
        assert_eq!(output.lines().filter(|line| line.starts_with("ok ")).count(), 5, "{output}");
    }
    let broken = Deployment::full().await.set("MINIO_SECRET_KEY", "wrong").set("RABBITMQ_PORT", "1");
    let mut command = broken.command(API);
    command.arg("check");
    let (status, output, _) = run(command).await;
    assert!(!status.success());
    assert!(output.lines().any(|line| line.starts_with("problem") && line.contains("queue")), "{output}");
    assert!(output.lines().any(|line| line.starts_with("problem") && line.contains("store")), "{output}");
    assert!(output.lines().any(|line| line.starts_with("ok") && line.contains("database")), "{output}");
}

/// Runs `filemanager` with these arguments; what it printed, and what it complained of.
async fn told(deployment: &Deployment, arguments: &[&str]) -> (String, String) {
    let mut command = deployment.command(API);
    command.args(arguments);
    let (status, printed, complaint) = run(command).await;
    assert!(status.success(), "{complaint}");
    (printed, complaint)
}

#[tokio::test]
async fn what_was_given_up_while_the_store_was_away_is_tried_again_by_one_command() {
    for database in [Database::Sqlite, Database::MySql] {
        let (deployment, gate) = with_a_gate_to_the_store(database).await;
        let deployment = deployment.set("JOB_MAX_ATTEMPTS", "1");
        let api = deployment.api().await;
        let client = api.client();
        let refused = client.upload(&[b"abc".to_vec()], &[], &[("checksum", "crc64nvme:0000000000000001")]).await;
        assert_eq!(client.done(&refused, None).await["status"], "FAILURE");
        let mut given_up = Vec::new();
        for content in [b"abc", b"def"] {
            let upload = client.init(&[]).await;
            client.chunk(&upload, 0, content).await.data();
            gate.shut();
            let file = client.complete(&upload, 1, 3, &[("credential", r#"{"user_id": "84793"}"#)]).await.data();
            assert_eq!(client.done(&file, Some(r#"{"user_id": "84793"}"#)).await["status"], "FAILURE");
            gate.open();
            given_up.push(file);
        }
        let lines: Vec<String> =
            given_up.iter().map(|file| format!("{}  default\n", file["id"].as_str().unwrap())).collect();
        let (printed, _) = told(&deployment, &["retry", "--dry-run"]).await;
        assert_eq!(printed, lines.concat() + "2 files that were given up would be tried again\n");
        assert_eq!(
            told(&deployment, &["retry"]).await.0,
            lines.concat() + "2 files that were given up will be tried again\n"
        );
        for (file, content) in given_up.iter().zip([b"abc", b"def"]) {
            assert_eq!(client.download(file, Some(r#"{"user_id": "84793"}"#)).await, content);
        }
        assert_eq!(told(&deployment, &["retry"]).await.0, "0 files that were given up will be tried again\n");
        let record = told(&deployment, &["audit"]).await.0;
        assert_eq!(record.matches("file.retry").count(), 2, "{record}");
        assert_eq!(client.done(&refused, None).await["status"], "FAILURE");
    }
}

#[tokio::test]
async fn a_command_in_another_folder_tells_that_its_database_is_new() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    assert!(!told(&deployment, &["keys", "list"]).await.1.contains("a new one is made"));
    let elsewhere = deployment.folder.path().join("elsewhere");
    let deployment = deployment.set("APP_DATA_DIR", elsewhere.display().to_string());
    let (_, complaint) = told(&deployment, &["keys", "list"]).await;
    assert!(complaint.contains("a new one is made") && complaint.contains("elsewhere/filemanager.db"), "{complaint}");
    drop(api);
}

#[tokio::test]
async fn health_asks_the_running_service() {
    let deployment = Deployment::full().await;
    let services = deployment.start().await;
    let port = services[0].address().rsplit(':').next().unwrap().to_owned();
    for (program, port, healthy) in [(API, port.as_str(), true), (WORKER, "0", true), (API, "1", false)] {
        let mut command = deployment.command(program);
        command.arg("health").env("APP_PORT", port);
        assert_eq!(run(command).await.0.success(), healthy, "{program} {port}");
    }
}

#[tokio::test]
async fn a_signal_drains_and_ends_with_status_0() {
    for signal in [Signal::INT, Signal::TERM] {
        let deployment = Deployment::embedded().await;
        let mut api = deployment.api().await;
        let client = api.client();
        let files: Vec<_> = futures::future::join_all((0..20).map(|seed| {
            let client = client.clone();
            async move { client.upload(&[bytes(1000, seed)], &[], &[]).await }
        }))
        .await;
        api.signal(signal);
        assert_eq!(api.ended().await.code(), Some(0));
        assert!(api.log().last().unwrap().contains("\"stopped\""), "{:?}", api.log().last());
        let api = deployment.api().await;
        for file in files {
            assert_eq!(api.client().done(&file, None).await["status"], "SUCCESS");
        }
    }
}

#[tokio::test]
async fn one_line_for_each_request_and_the_same_trace_in_the_worker() {
    let deployment = Deployment::full().await;
    let services = deployment.start().await;
    let client = services[0].client();
    let secret = "canary-4711";
    let credential = format!(r#"{{"token": "{secret}"}}"#);
    let file = client.upload(&[b"abc".to_vec()], &[], &[("credential", &credential)]).await;
    client.download(&file, Some(&credential)).await;
    client.get(&format!("/file/get/{}?token={secret}", file["id"].as_str().unwrap())).await.data();
    let link = file["download_url"].as_str().unwrap();
    let lines = eventually("every request is in the log", async || {
        let lines = services[0].log_json();
        lines.iter().any(|line| line["span"]["route"] == "/api/v1/file/get/{file_id}").then_some(lines)
    })
    .await;
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    let completed: Vec<_> =
        requests.iter().filter(|line| line["span"]["route"] == "/api/v1/file/upload/complete").collect();
    assert_eq!(completed.len(), 1);
    let entry = completed[0];
    assert_eq!((entry["span"]["method"].as_str(), entry["status"].as_u64()), (Some("POST"), Some(200)));
    assert_eq!(entry["span"]["file_id"], file["id"]);
    for field in ["duration_ms", "bytes_in", "bytes_out"] {
        assert!(entry[field].is_u64(), "{field}: {entry}");
    }
    assert_eq!(entry["span"]["request_id"].as_str().unwrap().len(), 36);
    let trace = entry["span"]["trace_id"].as_str().unwrap();
    let done = eventually("the worker's line", async || {
        services[1].log_json().into_iter().find(|line| line["message"] == "job done")
    })
    .await;
    assert_eq!(done["span"]["trace_id"], trace);
    let everything = [services[0].log(), services[1].log()].concat().join("\n");
    let keys = ["MINIO_SECRET_KEY", "MYSQL_PASSWORD"].map(|name| deployment.settings[name].as_str());
    let signature = link.rsplit('=').next().unwrap();
    for hidden in [secret, signature, "token=", keys[0]] {
        assert!(!everything.contains(hidden), "{hidden} is in the log");
    }
}

/// A file of the repository.
pub fn in_repository(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_committed_description_of_the_api_is_that_of_the_code() {
    let described = filemanager::routes::openapi().unwrap();
    assert!(in_repository("openapi.json").trim() == described.trim(), "openapi.json is stale: run `make openapi`");
}

#[tokio::test]
async fn the_curl_tours_of_the_readme_work_when_pasted() {
    let deployment = Deployment::open(Database::Sqlite, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let readme = in_repository("README.md");
    let tours = readme.split("<!-- tour -->").skip(1).step_by(2);
    let script: String = tours.map(|tour| tour.trim().trim_start_matches("```sh").trim_end_matches("```")).collect();
    let script = script.replace("localhost:8000", &api.address());
    let mut shell = std::process::Command::new("bash");
    shell.args(["-e", "-o", "pipefail", "-c", &script]).current_dir(deployment.folder.path());
    let (status, output, complaint) = run(shell).await;
    assert!(status.success(), "{output}\n{complaint}");
    assert_eq!(output.matches("identical").count(), 2, "{output}");
    assert!(output.contains("event: end") && output.contains("The upload is given up."), "{output}");
}
