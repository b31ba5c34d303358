//! Several processes on one database, one broker and one store.

use std::time::Duration;

use filemanager::repositories::Durability;
use futures::future::join_all;
use tokio::time::timeout;

use crate::support::deployment::{mysql, mysql_options, run};
use crate::support::{Client, Database, Deployment, Queue, Store, bytes};

const MIB: usize = 1024 * 1024;

#[tokio::test]
async fn two_apis_and_three_workers_share_uploads() {
    let deployment = Deployment::full().await;
    let (first, second) = (deployment.api().await, deployment.api().await);
    let _workers = [deployment.worker().await, deployment.worker().await, deployment.worker().await];
    let clients = [first.client(), second.client()];
    let uploads = (0..12_u64).map(|number| {
        let clients = &clients;
        async move {
            let chunks = [bytes(5 * MIB + 1, number), bytes(10, number + 100), bytes(5 * MIB, number + 200)];
            let upload = clients[0].init(&[]).await;
            let sent = chunks.iter().enumerate().map(|(i, chunk)| clients[i % 2].chunk(&upload, i, chunk));
            for answer in join_all(sent).await {
                answer.data();
            }
            let size = chunks.concat().len();
            let (one, other) =
                tokio::join!(clients[0].complete(&upload, 3, size, &[]), clients[1].complete(&upload, 3, size, &[]));
            let (one, other) = (one.data(), other.data());
            assert_eq!(one["id"], other["id"]);
            assert!(clients[1].download(&one, None).await == chunks.concat());
        }
    });
    join_all(uploads).await;
}

/// Of many that send one chunk at once, with the same or with other bytes, one is kept and nobody is lied to.
async fn one_chunk_sent_by_many_at_once(clients: &[Client]) {
    for round in 0..6 {
        let upload = clients[0].init(&[]).await;
        let size = if round % 2 == 0 { 5 * MIB } else { 1000 };
        let bodies = [bytes(size, 1), bytes(size, 2)];
        let sent = join_all((0..8).map(|i| clients[i % clients.len()].chunk(&upload, 0, &bodies[i / 4]))).await;
        let kept: Vec<usize> = (0..8).filter(|i| sent[*i].status == 200).map(|i| i / 4).collect();
        assert_eq!(kept.len(), 4, "{sent:?}");
        assert!(kept.iter().all(|body| *body == kept[0]), "both were acknowledged: {sent:?}");
        assert!(sent.iter().all(|answer| [200, 409].contains(&answer.status)), "{sent:?}");
        let file = clients[0].complete(&upload, 1, size, &[]).await.data();
        assert!(clients[0].download(&file, None).await == bodies[kept[0]], "not what was acknowledged");
    }
}

#[tokio::test]
async fn the_same_chunk_at_once_through_two_apis_is_written_once() {
    let deployment = Deployment::full().await;
    let services = [deployment.api().await, deployment.api().await, deployment.worker().await];
    one_chunk_sent_by_many_at_once(&[services[0].client(), services[1].client()]).await;
}

#[tokio::test]
async fn the_same_chunk_at_once_through_one_api_is_written_once() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    one_chunk_sent_by_many_at_once(&[api.client()]).await;
}

#[tokio::test]
async fn the_first_large_chunks_at_once_settle_on_one_multipart_upload() {
    let deployment = Deployment::full().await;
    let services = [deployment.api().await, deployment.api().await, deployment.worker().await];
    let clients = [services[0].client(), services[1].client()];
    let upload = clients[0].init(&[("file_extension", "txt"), ("visibility", "public")]).await;
    let chunks: Vec<Vec<u8>> = (0..6).map(|seed| bytes(5 * MIB, seed)).collect();
    for answer in join_all(chunks.iter().enumerate().map(|(i, chunk)| clients[i % 2].chunk(&upload, i, chunk))).await {
        answer.data();
    }
    let file = clients[0].complete(&upload, 6, 30 * MIB, &[]).await.data();
    assert!(clients[0].download(&file, None).await == chunks.concat());
}

#[tokio::test]
async fn many_processes_that_migrate_at_once_do_it_once() {
    for database in [Database::MySql, Database::Sqlite] {
        let deployment = Deployment::new(database, Store::Directory, Queue::InProcess).await;
        let migrations = (0..8).map(|_| {
            let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
            command.arg("migrate");
            run(command)
        });
        for (status, _, complaint) in join_all(migrations).await {
            assert!(status.success(), "{complaint}");
        }
        deployment.api().await.client().init(&[]).await;
    }
}

#[tokio::test]
async fn the_tables_for_users_and_appointments_have_real_foreign_keys() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let api = deployment.api().await;
    let client = api.client();
    let mut database = mysql(Some(&deployment.settings["MYSQL_DATABASE"])).await;
    client.init(&[]).await;
    let user = uuid::Uuid::new_v4();
    let insert = "INSERT INTO users (id, name, created_at, updated_at) VALUES (?, 'Ada', NOW(6), NOW(6))";
    sqlx::query(insert).bind(user).execute(&mut database).await.unwrap();
    let file = client.upload(&[b"abc".to_vec()], &[], &[("user_id", &user.to_string())]).await;
    assert_eq!(file["user_id"], user.to_string());
    let deleted = sqlx::query("DELETE FROM users WHERE id = ?").bind(user).execute(&mut database).await;
    assert!(deleted.is_err(), "a user with files was deleted under them");
}

/// A connection that goes back to the pool in a transaction would take every later statement into it: nothing of that is
/// ever committed, and old rows are read for good.
#[tokio::test]
async fn a_transaction_that_is_dropped_while_it_begins_leaves_nothing_open() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let database = filemanager::repositories::Database::mysql(mysql_options(deployment.mysql_database()), 1);
    let filemanager::repositories::Database::MySql(pool) = &database else { panic!("not MySQL") };
    let mut watcher = mysql(deployment.mysql_database()).await;
    sqlx::query("CREATE TABLE notes (number BIGINT)").execute(&mut watcher).await.unwrap();
    for number in 0..300_i64 {
        // Some moments are before the connection is ready, some while BEGIN is on its way, some after.
        let moment = Duration::from_micros(number.unsigned_abs() * 2);
        drop(timeout(moment, database.begin(Durability::Full)).await);
        // On the one connection that there is.
        sqlx::query("INSERT INTO notes VALUES (?)").bind(number).execute(pool).await.unwrap();
        let seen: Option<i64> =
            sqlx::query_scalar("SELECT MAX(number) FROM notes").fetch_one(&mut watcher).await.unwrap();
        assert_eq!(seen, Some(number), "dropped after {moment:?}");
    }
}

/// It may be stopped, or its machine be suspended or gone, without a word to the database.
#[tokio::test]
async fn a_process_that_is_frozen_in_a_transaction_holds_up_the_others_for_a_while_only() {
    let deployment = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    let database = filemanager::repositories::Database::mysql(mysql_options(deployment.mysql_database()), 2);
    let filemanager::repositories::Database::MySql(pool) = &database else { panic!("not MySQL") };
    sqlx::raw_sql("CREATE TABLE notes (number BIGINT PRIMARY KEY); INSERT INTO notes VALUES (1)")
        .execute(pool)
        .await
        .unwrap();
    let mut frozen = pool.acquire().await.unwrap();
    sqlx::raw_sql("BEGIN; UPDATE notes SET number = 2").execute(&mut *frozen).await.unwrap();
    // The server itself lets it wait for 50 s.
    sqlx::query("UPDATE notes SET number = 3").execute(pool).await.unwrap();
    assert!(sqlx::query("COMMIT").execute(&mut *frozen).await.is_err(), "what was locked is nobody's any more");
}

/// A job is due when it comes, whatever the clock of the machine says that it comes from.
#[tokio::test]
async fn a_worker_whose_clock_is_behind_takes_a_new_job_at_once() {
    let deployment = Deployment::full().await.set("JOB_SWEEP_INTERVAL", "600");
    let worker = deployment.worker().await;
    let ahead = deployment.folder.path().join("ahead");
    std::fs::write(&ahead, "60").unwrap();
    let deployment = deployment.set("CLOCK_OFFSET_FILE", ahead.display().to_string());
    let api = deployment.api().await;
    let client = api.client();
    let file = client.upload(&[b"abc".to_vec()], &[], &[]).await;
    assert_eq!(client.done(&file, None).await["status"], "SUCCESS");
    drop(worker);
}
