//! Dependencies that go away and come back, disks that are full, processes that are killed.

use futures::future::join_all;
use rustix::process::Signal;

use crate::support::deployment::{connections_in, from_services, mysql, mysql_address};
use crate::support::proxy::{Fault, Proxy};
use crate::support::{Database, Deployment, Queue, Service, Store, bytes, eventually, s3};

const MIB: usize = 1024 * 1024;

fn try_again(answer: crate::support::client::Answer) {
    let (status, errors, message) = answer.error();
    assert_eq!((status, errors.len()), (503, 0), "{message}");
    assert!(message.contains("try again"), "{message}");
}

fn log_names(service: &Service, what: &str) {
    assert!(service.log().iter().any(|line| line.contains(what)), "the log does not name {what}");
}

/// A deployment that reaches its store through a door.
pub async fn with_a_gate_to_the_store(database: Database) -> (Deployment, Proxy) {
    let (endpoint, ..) = s3::endpoint().await;
    let gate = Proxy::to(endpoint.trim_start_matches("http://").to_owned()).await;
    let deployment = Deployment::new(database, Store::S3, Queue::InProcess).await;
    let deployment = deployment.set("MINIO_ENDPOINT", format!("127.0.0.1:{}", gate.port)).set("MINIO_URL", endpoint);
    (deployment, gate)
}

#[tokio::test]
async fn a_database_that_is_away_is_a_503_and_heals() {
    let gate = Proxy::to(mysql_address()).await;
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let deployment = deployment.set("MYSQL_HOST", "127.0.0.1").set("MYSQL_PORT", gate.port.to_string());
    gate.shut();
    let api = deployment.api_without_database().await;
    let client = api.client();
    try_again(client.post("/file/upload/init", &[]).await);
    gate.open();
    eventually("the schema is there", async || {
        (client.post("/file/upload/init", &[]).await.status == 200).then_some(())
    })
    .await;
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    gate.shut();
    try_again(client.chunk(&upload, 1, b"def").await);
    try_again(client.complete(&upload, 1, 3, &[]).await);
    let ready = client.http.get(format!("{}/health/ready", client.base)).send().await.unwrap();
    assert_eq!(ready.status(), 503);
    assert!(ready.text().await.unwrap().contains("\"database\":\"unavailable\""));
    log_names(&api, "database");
    gate.open();
    eventually("the database is back", async || (client.chunk(&upload, 1, b"def").await.status == 200).then_some(()))
        .await;
    let file = client.complete(&upload, 2, 6, &[]).await.data();
    assert_eq!(client.download(&file, None).await, b"abcdef");
}

/// As when the server's machine is gone: of what is under way, nobody hears any more.
#[tokio::test]
async fn connections_on_which_the_database_falls_silent_make_room_for_others() {
    let gate = Proxy::to(mysql_address()).await;
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let deployment = deployment.set("MYSQL_HOST", "127.0.0.1").set("MYSQL_PORT", gate.port.to_string());
    let deployment = deployment.set("MYSQL_CONNECTIONS", "2");
    let api = deployment.api().await;
    let client = api.client();
    let name = deployment.mysql_database().unwrap();
    let mut other = mysql(Some(name)).await;
    sqlx::raw_sql("LOCK TABLES users WRITE").execute(&mut other).await.unwrap();
    let stuck = join_all((0..2).map(|_| client.get("/users")));
    let falls_silent = async {
        eventually("both connections are under way", async || {
            (connections_in("Waiting for table", name).await == 2).then_some(())
        })
        .await;
        gate.hold();
    };
    let (answers, ()) = tokio::join!(stuck, falls_silent);
    assert!(answers.iter().all(|answer| answer.status == 503), "{:?}", answers[0].body);
    drop(other);
    eventually("others take their place", async || (client.get("/users").await.status == 200).then_some(())).await;
}

/// Metrics are needed most while the database is away: a key that was seen is enough then, unless it was taken back.
#[tokio::test]
async fn a_revoked_key_reads_no_metrics_while_the_database_is_away() {
    let gate = Proxy::to(mysql_address()).await;
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await.closed().await;
    let other = deployment.api().await;
    let deployment = deployment.set("MYSQL_HOST", "127.0.0.1").set("MYSQL_PORT", gate.port.to_string());
    let api = deployment.api().await;
    let metrics = async |key: &str| {
        let client = api.client_with(Some(key));
        client.http.get(format!("{}/metrics", client.base)).send().await.unwrap().status().as_u16()
    };
    let revoke = async |service: &Service, key: &str| {
        let client = service.client();
        let revoked = client.http.delete(client.url(&format!("/keys/{}", &key[4..20]))).send().await.unwrap();
        assert_eq!(revoked.status(), 200);
    };
    let new_key = async |scope: &str| deployment.new_key(&["one", "--scope", scope]).await;
    let [kept, here, elsewhere] = [new_key("metrics").await, new_key("metrics").await, new_key("metrics").await];
    for key in [&kept, &here, &elsewhere] {
        assert_eq!(metrics(key).await, 200);
    }
    revoke(&other, &elsewhere).await;
    eventually("this node knows", async || (metrics(&elsewhere).await == 401).then_some(())).await;
    revoke(&api, &here).await;
    let without = new_key("users").await;
    assert_eq!(metrics(&without).await, 403);
    gate.shut();
    eventually("keys have to be looked for", async || (metrics(&without).await == 503).then_some(())).await;
    assert_eq!([metrics(&kept).await, metrics(&here).await, metrics(&elsewhere).await], [200, 503, 401]);
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_and_heals() {
    let (deployment, gate) = with_a_gate_to_the_store(Database::Sqlite).await;
    gate.shut();
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    try_again(client.chunk(&upload, 0, &bytes(5 * MIB, 1)).await);
    try_again(client.chunk(&upload, 1, b"abc").await);
    log_names(&api, "store");
    gate.open();
    let sent = [bytes(5 * MIB, 1), b"abc".to_vec()];
    for (index, chunk) in sent.iter().enumerate() {
        eventually("the store is back", async || {
            (client.chunk(&upload, index, chunk).await.status == 200).then_some(())
        })
        .await;
    }
    gate.shut();
    let file = client.complete(&upload, 2, sent.concat().len(), &[]).await.data();
    eventually("the job is tried again", async || {
        api.log().iter().any(|line| line.contains("job to be tried again")).then_some(())
    })
    .await;
    gate.open();
    assert!(client.download(&file, None).await == sent.concat());
}

/// A chunk whose connection is cut, and is sent again before the store has seen the first request.
#[tokio::test]
async fn a_request_that_comes_late_to_the_store_harms_no_file() {
    let (deployment, gate) = with_a_gate_to_the_store(Database::Sqlite).await;
    let api = deployment.api().await;
    for places in [[0, 1, 2], [2, 1, 0]] {
        let chunks = [bytes(5 * MIB, 1), bytes(5 * MIB, 2), bytes(5 * MIB, 3)];
        let (client, last) = (api.client(), places[2]);
        let upload = client.init(&[]).await;
        for place in &places[..2] {
            client.raw_chunk(&upload, &place.to_string(), &chunks[*place], &[]).await.data();
        }
        gate.hold();
        let (_never, go_on) = tokio::sync::oneshot::channel();
        let cut = tokio::spawn({
            let (client, upload, chunk) = (api.client(), upload.clone(), chunks[last].clone());
            async move { client.chunk_in_halves(&upload, last, &chunk, go_on).await }
        });
        eventually("the first request is held back", async || (gate.held() == 1).then_some(())).await;
        cut.abort();
        client.raw_chunk(&upload, &last.to_string(), &chunks[last], &[]).await.data();
        let staged = format!(".staging/{upload}/{last}-");
        let found = s3::client().await.list_objects_v2().bucket("private").prefix(staged).send().await.unwrap();
        assert_eq!(found.contents().len(), 1, "what was sent again is no object of its own");
        gate.open();
        eventually("the first request has come", async || (gate.held() == 0).then_some(())).await;
        let file = client.complete(&upload, 3, chunks.concat().len(), &[]).await.data();
        assert!(client.download(&file, None).await == chunks.concat(), "chunk {last} was sent twice");
    }
}

/// What is between the service and its store may tell a wrong size once; the bytes are there.
#[tokio::test]
async fn one_wrong_answer_of_the_store_is_not_the_end_of_a_file() {
    let (deployment, gate) = with_a_gate_to_the_store(Database::Sqlite).await;
    let api = deployment.api().await;
    let client = api.client();
    let chunks = [bytes(5 * MIB, 1), bytes(MIB, 2)];
    let upload = client.init(&[("visibility", "public"), ("file_extension", "txt")]).await;
    for (index, chunk) in chunks.iter().enumerate() {
        client.chunk(&upload, index, chunk).await.data();
    }
    gate.set(Fault::FlipsOnce(b"content-length: 6291456"));
    let file = client.complete(&upload, 2, chunks.concat().len(), &[]).await.data();
    assert_eq!(client.done(&file, None).await["status"], "SUCCESS");
    assert_eq!(gate.fault(), Fault::None, "no answer had the size");
    assert!(client.download(&file, None).await == chunks.concat());
}

#[tokio::test]
async fn a_broker_that_is_away_fails_nothing() {
    let gate =
        Proxy::to(format!("{}:{}", from_services("TEST_RABBITMQ_HOST"), from_services("TEST_RABBITMQ_PORT"))).await;
    let deployment =
        Deployment::full().await.set("RABBITMQ_HOST", "127.0.0.1").set("RABBITMQ_PORT", gate.port.to_string());
    let (api, worker) = (deployment.api().await, deployment.worker().await);
    let client = api.client();
    gate.shut();
    let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
    assert_eq!(file["status"], "PENDING");
    eventually("the log says so", async || {
        api.log().iter().any(|l| l.contains("it waits in the database")).then_some(())
    })
    .await;
    gate.open();
    assert_eq!(client.download(&file, None).await, b"abc");
    drop(worker);
}

/// As when its machine is gone: whoever asks hears nothing.
#[tokio::test]
async fn those_who_wait_for_a_silent_broker_do_not_wait_one_after_the_other() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let deployment = Deployment::new(Database::Sqlite, Store::Directory, Queue::RabbitMq).await;
    let deployment = deployment.set("RABBITMQ_HOST", "127.0.0.1").set("RABBITMQ_PORT", port.to_string());
    let api = deployment.api().await;
    let client = api.client();
    let files = join_all((0..20).map(async |seed| client.upload(&[bytes(9, seed)], &[], &[]).await)).await;
    eventually("all jobs wait in the database", async || {
        let told = api.log().iter().filter(|line| line.contains("it waits in the database")).count();
        (told == files.len()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_full_disk_is_a_507_and_heals() {
    let deployment = Deployment::open(Database::Sqlite, Store::Directory, Queue::InProcess)
        .await
        .set("APP_DATA_DIR", "/tmp/filemanager-full-disk");
    // A small disk that only this process sees, in a mount namespace of its own.
    let mut command = std::process::Command::new("unshare");
    let script = "mkdir -p /tmp/filemanager-full-disk && mount -t tmpfs -o size=16m tmpfs /tmp/filemanager-full-disk && exec \"$0\"";
    command.args(["--mount", "--map-root-user", "sh", "-c", script, env!("CARGO_BIN_EXE_filemanager")]);
    command.env_clear().envs(&deployment.settings).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let api = Service::start(command, "ready").await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, &bytes(10 * MIB, 1)).await.data();
    for _ in 0..3 {
        let (status, _, message) = client.chunk(&upload, 1, &bytes(8 * MIB, 2)).await.error();
        assert_eq!(status, 507, "{message}");
    }
    log_names(&api, "full");
    // What failed has left its space: a chunk that fits is taken.
    client.chunk(&upload, 1, &bytes(MIB, 3)).await.data();
    let file = client.complete(&upload, 2, 11 * MIB, &[]).await.data();
    assert!(client.download(&file, None).await == [bytes(10 * MIB, 1), bytes(MIB, 3)].concat());
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill_of_the_api() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let deployment = deployment.set("JOB_LEASE", "3");
        let chunks = [bytes(5 * MIB, 1), bytes(5 * MIB, 2), bytes(77, 3)];
        let first = deployment.api().await;
        let upload = first.client().init(&[]).await;
        first.client().chunk(&upload, 0, &chunks[0]).await.data();
        first.client().chunk(&upload, 2, &chunks[2]).await.data();
        first.signal(Signal::KILL);
        drop(first);
        let services = deployment.start().await;
        let client = services[0].client();
        client.chunk(&upload, 1, &chunks[1]).await.data();
        let file = client.complete(&upload, 3, chunks.concat().len(), &[]).await.data();
        services[0].signal(Signal::KILL);
        drop(services);
        let services = deployment.start().await;
        assert!(services[0].client().download(&file, None).await == chunks.concat());
    }
}

#[tokio::test]
async fn a_job_whose_worker_is_killed_or_frozen_is_done_by_another() {
    let deployment = Deployment::full().await.set("JOB_LEASE", "3");
    let (api, first) = (deployment.api().await, deployment.worker().await);
    let client = api.client();
    let chunks: Vec<Vec<u8>> = (0..30).map(|seed| bytes(2 * MIB, seed)).collect();
    let upload = client.init(&[]).await;
    for (index, chunk) in chunks.iter().enumerate() {
        client.chunk(&upload, index, chunk).await.data();
    }
    let file = client.complete(&upload, chunks.len(), chunks.concat().len(), &[]).await.data();
    let path = format!("/file/status/{}", file["id"].as_str().unwrap());
    eventually("the first worker has it", async || {
        (client.get(&path).await.data()["status"] != "PENDING").then_some(())
    })
    .await;
    first.signal(Signal::STOP);
    let second = deployment.worker().await;
    assert!(client.download(&file, None).await == chunks.concat());
    // The first one goes on, finds that it has lost the job, and spoils nothing.
    first.signal(Signal::CONT);
    eventually("the first worker is back", async || {
        first
            .log()
            .iter()
            .chain(&second.log())
            .any(|line| line.contains("another worker has") || line.contains("job done"))
            .then_some(())
    })
    .await;
    assert!(client.download(&file, None).await == chunks.concat());
}

#[tokio::test]
async fn a_file_whose_bytes_are_gone_fails_with_a_sentence_and_can_be_tried_again() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    // What must be moved together, and what stands as it is.
    let cases: [&[(usize, &[u8])]; 2] = [&[(0, b"abc"), (2, b"ghi"), (1, b"def")], &[(0, b"abcdefghi")]];
    for chunks in cases {
        let upload = client.init(&[]).await;
        for &(index, content) in chunks {
            client.chunk(&upload, index, content).await.data();
        }
        let staged = deployment.folder.path().join("data/staging").join(&upload);
        let kept = std::fs::read(&staged).unwrap();
        std::fs::write(&staged, &kept[..kept.len() - 1]).unwrap();
        let file = client.complete(&upload, chunks.len(), 9, &[]).await.data();
        let status = client.done(&file, None).await;
        assert_eq!(status["status"], "FAILURE");
        assert!(status["error"].as_str().unwrap().ends_with('.'), "{status}");
        let link = client.http.get(file["download_url"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(link.status(), 409);
        std::fs::write(&staged, kept).unwrap();
        let again = client.post("/file/upload/retry/", &[("file_id", file["id"].as_str().unwrap())]).await.data();
        assert_eq!((&again["id"], again["status"].as_str().unwrap()), (&file["id"], "PENDING"));
        assert_eq!(client.download(&file, None).await, b"abcdefghi");
    }
}

#[tokio::test]
async fn an_upload_that_nobody_completes_expires_with_what_was_staged() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    let mut database = mysql(Some(&deployment.settings["MYSQL_DATABASE"])).await;
    let id: uuid::Uuid = upload.parse().unwrap();
    let expire = "UPDATE uploads SET expires_at = '2020-01-01 00:00:00' WHERE id = ?";
    sqlx::query(expire).bind(id).execute(&mut database).await.unwrap();
    assert_eq!(client.chunk(&upload, 1, b"def").await.status, 422);
    let staged = deployment.folder.path().join("data/staging").join(&upload);
    eventually("what was staged is gone", async || (!staged.exists()).then_some(())).await;
}

#[tokio::test]
async fn a_job_that_is_given_up_leaves_its_notice_among_the_dead_letters() {
    let deployment = Deployment::new(Database::Sqlite, Store::Directory, Queue::RabbitMq).await;
    let services = deployment.start().await;
    let client = services[0].client();
    let upload = client.init(&[]).await;
    for index in [0, 1] {
        client.chunk(&upload, index, b"abc").await.data();
    }
    std::fs::write(deployment.folder.path().join("data/staging").join(&upload), b"").unwrap();
    let file = client.complete(&upload, 2, 6, &[]).await.data();
    assert_eq!(client.done(&file, None).await["status"], "FAILURE");

    let port = from_services("TEST_RABBITMQ_PORT");
    let (user, password) = (from_services("TEST_RABBITMQ_USER"), from_services("TEST_RABBITMQ_PASSWORD"));
    let uri = format!("amqp://{user}:{password}@{}:{port}/%2f", from_services("TEST_RABBITMQ_HOST"));
    let connection = lapin::Connection::connect(&uri, lapin::ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let queue = format!("{}.dead-letters", deployment.settings["RABBITMQ_QUEUE"]);
    let letter = eventually("a dead letter", async || {
        let options = lapin::options::BasicGetOptions { no_ack: true };
        channel.basic_get(queue.as_str().into(), options).await.unwrap()
    })
    .await;
    let notice: serde_json::Value = serde_json::from_slice(&letter.delivery.data).unwrap();
    let done = services[1].log_json().into_iter().find(|line| line["message"] == "job failed for good").unwrap();
    assert_eq!(notice["job_id"], done["span"]["job_id"]);
}
