//! Limits and the record: what is counted, what is refused, and who did what.

use reqwest::Response;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::deployment::run;
use crate::support::{Client, Database, Deployment, Queue, Store, bytes, eventually};

async fn on_both_databases() -> [Deployment; 2] {
    [Deployment::embedded().await, Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await]
}

async fn command(deployment: &Deployment, arguments: &[&str]) -> String {
    let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
    command.args(arguments);
    let (status, output, complaint) = run(command).await;
    assert!(status.success(), "{arguments:?}: {complaint}");
    output
}

async fn usage(client: &Client) -> Value {
    client.get("/usage").await.data()
}

/// Status, sentence, and whether the caller is told when to come back.
async fn refused(response: Response) -> (u16, String, bool) {
    let told = response.headers().contains_key("retry-after");
    let (status, _, message) = Answer::of(response).await.error();
    (status, message, told)
}

#[tokio::test]
async fn a_tenant_may_have_what_its_limits_say_and_not_a_byte_more() {
    for deployment in on_both_databases().await {
        let deployment = deployment.closed().await;
        let limits = ["--max-bytes", "100", "--max-files", "3", "--max-uploads", "2", "--max-file-size", "1KiB"];
        let key = deployment.new_key(&["k", "--tenant", "small"]).await;
        let service = deployment.api().await;
        let before = service.client_with(Some(&key)).upload(&[bytes(10, 1)], &[], &[]).await;
        assert_eq!(usage(&service.client_with(Some(&key))).await["bytes"], 10);
        drop(service);
        command(&deployment, &[&["tenants", "set", "small"][..], &limits].concat()).await;
        let (one, two) = (deployment.api().await, deployment.api().await);
        let (client, other) = (one.client_with(Some(&key)), two.client_with(Some(&key)));
        // Two uploads at a time, on whichever node.
        let uploads = [client.init(&[]).await, other.init(&[]).await];
        let init = |client: &Client, form: Value| client.http.post(client.url("/file/upload/init")).json(&form).send();
        let most = "There may be at most 2 uploads at a time.".to_owned();
        assert_eq!(refused(init(&other, json!({})).await.unwrap()).await, (429, most, true));
        for upload in &uploads {
            client.abort(upload).await.data();
        }
        // The largest file, and all together.
        let large = refused(init(&client, json!({ "total_size": 1025 })).await.unwrap()).await;
        assert_eq!(large, (413, "A file may have at most 1024 bytes.".to_owned(), false));
        let all = (413, "All files together may have at most 100 bytes.".to_owned(), true);
        assert_eq!(refused(init(&client, json!({ "total_size": 91 })).await.unwrap()).await, all);
        let upload = client.init(&[]).await;
        client.chunk(&upload, 0, &bytes(91, 1)).await.data();
        assert_eq!(client.complete(&upload, 1, 91, &[]).await.status, 413);
        client.abort(&upload).await.data();
        // Of many at once so many are taken as there is room for.
        let mut completions = Vec::new();
        for round in 0..3 {
            let upload = client.init(&[]).await;
            client.chunk(&upload, 0, &bytes(20, round)).await.data();
            completions.push((upload, [client.clone(), other.clone()][usize::try_from(round).unwrap() % 2].clone()));
            if completions.len() == 2 {
                let both =
                    futures::future::join_all(completions.iter().map(|(upload, at)| at.complete(upload, 1, 20, &[])));
                assert!(both.await.iter().all(|answer| answer.status == 200));
                completions.clear();
            }
        }
        let (upload, at) = &completions[0];
        let (status, _, message) = at.complete(upload, 1, 20, &[]).await.error();
        assert_eq!((status, message.as_str()), (429, "There may be at most 3 files."));
        assert_eq!((&usage(&client).await["files"], &usage(&client).await["bytes"]), (&json!(3), &json!(50)));
        // What is deleted makes room.
        let path = format!("/file/{}", before["id"].as_str().unwrap());
        Answer::of(client.http.delete(client.url(&path)).send().await.unwrap()).await.data();
        at.complete(upload, 1, 20, &[]).await.data();
        let now = usage(&client).await;
        let limits = json!({ "bytes": 100, "files": 3, "uploads": 2, "file_size": 1024 });
        let scopes = ["files:read", "files:write", "files:delete", "users"];
        let expected = json!({
            "tenant": "small", "scopes": scopes, "user_id": null, "bytes": 60, "files": 3, "uploads": 0, "limits": limits,
        });
        assert_eq!(now, expected);
        assert!(command(&deployment, &["tenants", "list"]).await.contains("small  60 of 100 bytes  3 of 3 files"));
        // Others are not concerned.
        one.client().upload(&[bytes(2000, 1)], &[], &[]).await;
    }
}

#[tokio::test]
async fn of_many_completions_at_once_on_two_nodes_so_many_are_taken_as_there_is_room_for() {
    for deployment in on_both_databases().await {
        let deployment = deployment.closed().await;
        let key = deployment.new_key(&["k", "--tenant", "small"]).await;
        command(&deployment, &["tenants", "set", "small", "--max-bytes", "100"]).await;
        let (one, two) = (deployment.api().await, deployment.api().await);
        let clients = [one.client_with(Some(&key)), two.client_with(Some(&key))];
        let mut uploads = Vec::new();
        for number in 0..12 {
            let upload = clients[0].init(&[]).await;
            clients[0].chunk(&upload, 0, &bytes(20, number)).await.data();
            uploads.push(upload);
        }
        let completions =
            uploads.iter().zip(clients.iter().cycle()).map(|(upload, client)| client.complete(upload, 1, 20, &[]));
        let answers = futures::future::join_all(completions).await;
        let with = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((with(200), with(413)), (5, 7));
        assert_eq!(usage(&clients[1]).await["bytes"], 100);
    }
}

#[tokio::test]
async fn of_many_chunks_at_once_no_more_are_staged_than_the_file_may_have() {
    for deployment in on_both_databases().await {
        let deployment = deployment.closed().await;
        let key = deployment.new_key(&["k", "--tenant", "small"]).await;
        command(&deployment, &["tenants", "set", "small", "--max-file-size", "20"]).await;
        let (one, two) = (deployment.api().await, deployment.api().await);
        let clients = [one.client_with(Some(&key)), two.client_with(Some(&key))];
        let upload = clients[0].init(&[]).await;
        let send = async |index: usize| {
            clients[index % 2].raw_chunk(&upload, &index.to_string(), &bytes(10, index as u64), &[]).await.status
        };
        let statuses = futures::future::join_all((0..12).map(send)).await;
        assert!(statuses.iter().all(|status| [200, 413, 503].contains(status)), "{statuses:?}");
        assert!(clients[0].received(&upload).await.len() <= 2);
        // Those that were in each other's way come again, one by one, the last ones first.
        let mut again = Vec::new();
        for index in (0..12).rev() {
            again.push(send(index).await);
        }
        assert!(again.iter().all(|status| [200, 413].contains(status)), "{again:?}");
        assert_eq!(clients[0].received(&upload).await.len(), 2);
    }
}

#[tokio::test]
async fn an_address_and_a_key_have_their_rates() {
    let deployment = Deployment::embedded().await.closed().await.set("APP_RATE_PER_KEY", "3");
    let service = deployment.api().await;
    let (one, other) = (deployment.new_key(&["a"]).await, deployment.new_key(&["b"]).await);
    let tries = async |client: &Client| {
        let mut answers = Vec::new();
        for _ in 0..50 {
            answers.push(client.http.get(client.url("/usage")).send().await.unwrap());
        }
        answers
    };
    let mut answers = tries(&service.client_with(Some(&one))).await;
    assert_eq!(answers[0].status(), 200);
    answers.retain(|answer| answer.status() == 429);
    let refusal = refused(answers.pop().expect("a refusal")).await;
    assert_eq!(refusal, (429, "At most 3 requests a second may come from a key.".to_owned(), true));
    assert_eq!(service.client_with(Some(&other)).get("/usage").await.status, 200);
    drop(service);
    let deployment = deployment.set("APP_RATE_PER_ADDRESS", "3").set("APP_TRUSTED_PROXIES", "127.0.0.0/8");
    let service = deployment.api().await;
    let nobody = service.client_with(None);
    assert!(tries(&nobody).await.iter().any(|answer| answer.status() == 429));
    let elsewhere = nobody.http.get(nobody.url("/usage")).header("x-forwarded-for", "192.0.2.1").send().await.unwrap();
    assert_eq!(elsewhere.status(), 401);
    let health = nobody.http.get(format!("{}/health/live", nobody.base)).send().await.unwrap();
    assert_eq!(health.status(), 200);
}

#[tokio::test]
async fn the_record_says_who_did_what_to_what_and_from_where() {
    for deployment in on_both_databases().await {
        let deployment = deployment.closed().await.set("APP_TRUSTED_PROXIES", "127.0.0.1");
        let service = deployment.api().await;
        let key =
            deployment.new_key(&["Zoë's \u{1b}[31mkey", "--scope", "files:read,files:write,files:delete,users"]).await;
        let mut client = service.client_with(Some(&key));
        let headers = [("x-forwarded-for", "203.0.113.9"), ("authorization", &format!("Bearer {key}"))];
        let headers =
            headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        client.http = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
        let credential = r#"{"pin":"canary"}"#;
        let id = |data: &Value| data["id"].as_str().expect("an identifier").to_owned();
        let user = id(&client.post("/users", &[("name", "Ada")]).await.data());
        let appointment = id(&client.post("/appointments", &[("name", "a"), ("user_id", &user)]).await.data());
        let owned = [("credential", credential), ("appointment_id", appointment.as_str())];
        let file = client.upload(&[bytes(9, 1)], &[], &owned).await;
        client.done(&file, Some(credential)).await;
        let file = id(&file);
        for _ in 0..3 {
            client.get_with(&format!("/file/get/{file}"), credential).await.data();
            let path = client.url(&format!("/file/download/{file}"));
            let read = client.http.get(path).header("x-file-credential", credential).send().await.unwrap();
            assert_eq!(read.bytes().await.unwrap(), bytes(9, 1));
        }
        let given_up = client.init(&[]).await;
        client.abort(&given_up).await.data();
        client.post("/file/upload/token", &[("max_size", "1")]).await.data();
        // With its appointment and its file.
        Answer::of(client.http.delete(client.url(&format!("/users/{user}"))).send().await.unwrap()).await.data();
        let lines = eventually("the record has all", async || {
            let text = command(&deployment, &["audit", "--json", "--since", "1h"]).await;
            let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            (lines.iter().filter(|line| line["action"] == "file.download").count() == 1).then_some(lines)
        })
        .await;
        let mut ours: Vec<_> = lines.iter().filter(|line| line["address"] == "203.0.113.9").collect();
        assert!(
            ours.iter().all(|line| line["actor"].as_str().unwrap().starts_with("key ") && line["tenant"] == "default")
        );
        ours.sort_by_key(|line| line["action"].as_str().unwrap());
        let did: Vec<_> =
            ours.iter().map(|line| (line["action"].as_str().unwrap(), line["subject"].as_str().unwrap())).collect();
        let expected = [
            ("appointment.create", appointment.as_str()),
            ("file.create", &file),
            ("file.delete", &file),
            ("file.download", &file),
            ("file.link", &file),
            ("upload.abort", &given_up),
            ("upload_token.create", did[6].1),
            ("user.create", &user),
            ("user.delete", &user),
        ];
        assert_eq!(did, expected);
        let made: Vec<_> = lines.iter().filter(|line| line["action"] == "key.create").collect();
        assert!(made.len() == 2 && made.iter().all(|line| line["actor"] == "operator"), "{made:?}");
        let text = command(&deployment, &["audit"]).await;
        assert!(!text.contains('\u{1b}') && !text.contains("canary") && !text.contains(&key[21..]), "{text}");
        assert_eq!(command(&deployment, &["audit", "--since", "2999-01-01"]).await, "");
    }
}
