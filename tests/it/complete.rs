//! Complete under contention, and names in every script.

use std::collections::HashSet;

use futures::future::join_all;
use tokio::sync::oneshot;

use crate::faults::with_a_gate_to_the_store;
use crate::support::client::Answer;
use crate::support::deployment::{connections_in, mysql};
use crate::support::{Database, Deployment, Queue, Store, bytes, eventually};

async fn a_hundred_completes_make_one_file_and_one_job(database: Database) {
    let deployment = Deployment::new(database, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, &bytes(5000, 1)).await.data();
    let answers = join_all((0..100).map(|_| client.complete(&upload, 1, 5000, &[]))).await;
    let files: Vec<_> = answers.into_iter().map(Answer::data).collect();
    let ids: HashSet<&str> = files.iter().map(|file| file["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 1);
    assert!(client.download(&files[0], None).await == bytes(5000, 1));
    let done =
        api.log_json().into_iter().filter(|line| line["message"] == "job done" && line["kind"] == "assemble_file");
    assert_eq!(done.count(), 1);
}

#[tokio::test]
async fn a_hundred_completes_at_once_make_one_file_on_sqlite() {
    a_hundred_completes_make_one_file_and_one_job(Database::Sqlite).await;
}

#[tokio::test]
async fn a_hundred_completes_at_once_make_one_file_on_mysql() {
    a_hundred_completes_make_one_file_and_one_job(Database::MySql).await;
}

#[tokio::test]
async fn complete_waits_for_a_chunk_too_many_that_is_on_its_way() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let (upload, chunk) = (client.init(&[]).await, bytes(2_000_000, 1));
    client.chunk(&upload, 0, b"abc").await.data();
    let (tell, told) = oneshot::channel();
    let completing = async {
        let mut database = mysql(deployment.mysql_database()).await;
        eventually("the chunk is reserved", async || {
            let sql = "SELECT COUNT(*) FROM upload_chunks";
            let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&mut database).await.unwrap();
            (count == 2).then_some(())
        })
        .await;
        // It would be laid behind the end of the file, which has become the object by then.
        assert_eq!(client.complete(&upload, 1, 3, &[]).await.status, 503);
        tell.send(()).unwrap();
    };
    let (answer, ()) = tokio::join!(client.chunk_in_halves(&upload, 7, &chunk, told), completing);
    assert_eq!(answer.status(), 200);
    assert_eq!(client.complete(&upload, 1, 3, &[]).await.status, 422);
    let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
    let upload = file["path"].as_str().unwrap().rsplit('/').next().unwrap().split('.').next().unwrap().to_owned();
    assert_eq!(client.raw_chunk(&upload, "1", b"def", &[]).await.status, 409);
    assert_eq!(client.download(&file, None).await, b"abc");
}

#[tokio::test]
async fn names_in_every_script_are_kept_to_the_letter() {
    let deployment = Deployment::full().await;
    let services = deployment.start().await;
    let client = services[0].client();
    let longest = "語".repeat(255);
    let names = [
        "отчёт \"1\".txt",
        "تقرير.txt",
        "दस्तावेज़.txt",
        "🦀 crab\r\n.txt",
        "a/b\\c:d.txt",
        "..",
        "<b>&amp;'%00",
        "trailing ",
        &longest,
    ];
    for name in names {
        let upload = client.init(&[]).await;
        client.chunk(&upload, 0, b"abc").await.data();
        let completed = client.http.post(client.url("/file/upload/complete/")).form(&[
            ("upload_id", upload.as_str()),
            ("total_chunks", "1"),
            ("total_size", "3"),
            ("file_extension", "txt"),
            ("content_type", "text/plain"),
            ("filename", name),
        ]);
        let file = Answer::of(completed.send().await.unwrap()).await.data();
        assert_eq!(file["filename"], name);
        let kept = client.get(&format!("/file/get/{}", file["id"].as_str().unwrap())).await.data();
        assert_eq!(kept["filename"], name);
        assert_eq!(client.download(&file, None).await, b"abc", "{name}");
    }
}

#[tokio::test]
async fn an_upload_that_was_declared_private_does_not_become_public_by_omission() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let upload = client.init(&[("visibility", "private"), ("file_extension", "txt")]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    let (status, errors, _) = client.complete(&upload, 1, 3, &[]).await.error();
    assert_eq!(status, 422);
    assert!(errors[0].starts_with("[body->credential] field required"), "{errors:?}");
    client.complete(&upload, 1, 3, &[("credential", r#"{"a": 1}"#)]).await.data();

    let upload = client.init(&[("credential", r#"{"a": 1}"#)]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    let file = client.complete(&upload, 1, 3, &[]).await.data();
    assert!(file["path"].as_str().unwrap().starts_with("private/"));
}

/// Its parts are in the public bucket, and only the store knows whether strangers read that.
#[tokio::test]
async fn an_upload_that_becomes_private_waits_for_the_word_of_the_store() {
    let (deployment, gate) = with_a_gate_to_the_store(Database::Sqlite).await;
    let api = deployment.api().await;
    let upload = api.client().init(&[("visibility", "public"), ("file_extension", "txt")]).await;
    let content = bytes(5 << 20, 1);
    api.client().chunk(&upload, 0, &content).await.data();
    drop(api);
    gate.shut();
    let api = deployment.api().await;
    let client = api.client();
    let complete = async || client.complete(&upload, 1, content.len(), &[("credential", r#"{"a": 1}"#)]).await;
    assert_eq!(complete().await.status, 503);
    gate.open();
    let file = eventually("the store has told", async || {
        let answer = complete().await;
        (answer.status != 503).then_some(answer)
    });
    let file = file.await.data();
    assert!(client.download(&file, Some(r#"{"a": 1}"#)).await == content);
}

#[tokio::test]
async fn completing_again_opens_no_private_file_to_who_does_not_know_its_credential() {
    let deployment = Deployment::embedded().await;
    let services = deployment.start().await;
    let client = services[0].client();
    let upload = client.init(&[]).await;
    client.chunk(&upload, 0, b"secret").await.data();
    let credential = r#"{"pin":"1234"}"#;
    let file = client.complete(&upload, 1, 6, &[("credential", credential)]).await.data();
    let again = client.complete(&upload, 1, 6, &[("credential", credential)]).await.data();
    assert_eq!((&again["id"], &again["credential"]), (&file["id"], &file["credential"]));
    client.done(&file, Some(credential)).await;
    assert_eq!(client.follow(again["download_url"].as_str().unwrap()).await, b"secret");
    for other in [&[][..], &[("credential", r#"{"pin":"1235"}"#)]] {
        let known = client.complete(&upload, 1, 6, other).await.data();
        assert_eq!((&known["id"], &known["credential"]), (&file["id"], &serde_json::Value::Null));
        let link = known["download_url"].as_str().unwrap();
        assert_eq!(client.http.get(link).send().await.unwrap().status(), 403);
        let opened = client.http.get(link).header("x-file-credential", credential).send().await.unwrap();
        assert_eq!(opened.bytes().await.unwrap(), "secret");
    }
}

#[tokio::test]
async fn a_complete_whose_caller_leaves_comes_to_its_end() {
    // Nobody but the complete itself announces the job in time.
    let deployment = Deployment::full().await.set("JOB_SWEEP_INTERVAL", "600");
    let services = deployment.start().await;
    let client = services[0].client();
    let user = client.user("Ada").await;
    let upload = client.init(&[("user_id", &user)]).await;
    client.chunk(&upload, 0, b"abc").await.data();
    let name = deployment.mysql_database().unwrap();
    let mut other = mysql(Some(name)).await;
    sqlx::raw_sql("LOCK TABLES uploads WRITE").execute(&mut other).await.unwrap();
    let is_waiting = eventually("the complete waits for the table", async || {
        (connections_in("Waiting for table", name).await > 0).then_some(())
    });
    tokio::select! {
        answer = client.complete(&upload, 1, 3, &[]) => panic!("{answer:?}"),
        () = is_waiting => {}
    }
    drop(other);
    let list = format!("/file/all?user_id={user}");
    eventually("the file is stored", async || {
        let files = client.get(&list).await.data();
        (files[0]["status"] == "SUCCESS").then_some(())
    })
    .await;
}
