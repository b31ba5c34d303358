//! Users, appointments, lists, and deleting: section 4 of the contract.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::support::client::Answer;
use crate::support::proxy::Proxy;
use crate::support::{Client, Database, Deployment, Queue, Store, bytes, eventually, s3};

const UNKNOWN: &str = "00000000-0000-4000-8000-000000000000";
const MIB: usize = 1024 * 1024;

impl Client {
    async fn post_json(&self, path: &str, body: &Value) -> Answer {
        Answer::of(self.http.post(self.url(path)).json(body).send().await.expect("an answer")).await
    }

    async fn delete(&self, path: &str) -> Answer {
        Answer::of(self.http.delete(self.url(path)).send().await.expect("an answer")).await
    }

    pub async fn user(&self, name: &str) -> String {
        let user = self.post_json("/users/", &json!({ "name": name })).await.data();
        user["id"].as_str().unwrap().to_owned()
    }

    pub async fn appointment(&self, name: &str, user: &str) -> String {
        let answer = self.post_json("/appointments/", &json!({ "name": name, "user_id": user })).await;
        answer.data()["id"].as_str().unwrap().to_owned()
    }

    /// All of a list, by pages of this size.
    async fn pages(&self, path: &str, limit: usize) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let answer = self.get(&format!("{path}{mark}limit={limit}{cursor}")).await;
            rows.extend(answer.body["data"].as_array().unwrap_or_else(|| panic!("{answer:?}")).clone());
            match answer.body.get("next_cursor") {
                Some(next) => cursor = format!("&cursor={}", next.as_str().unwrap()),
                None => return rows,
            }
        }
    }
}

pub fn texts<'v>(rows: &'v [Value], field: &str) -> Vec<&'v str> {
    rows.iter().map(|row| row[field].as_str().unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// Both databases, with the store and the queue that go with them.
pub async fn both() -> [Deployment; 2] {
    [Deployment::embedded().await, Deployment::full().await]
}

#[tokio::test]
async fn users_and_appointments_answer_as_the_contract_says() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let user = client.post_json("/users/", &json!({ "name": "  Zoë 👩🏽‍⚕️ <b>  " })).await.data();
        assert_eq!(keys(&user), ["created_at", "id", "name", "updated_at"]);
        assert_eq!(user["name"], "Zoë 👩🏽‍⚕️ <b>");
        let id = user["id"].as_str().unwrap();
        let appointment = client.post_json("/appointments", &json!({ "name": "Röntgen", "user_id": id })).await.data();
        assert_eq!(keys(&appointment), ["date", "files", "id", "name", "user_id"]);
        assert_eq!((&appointment["files"], &appointment["user_id"]), (&json!([]), &user["id"]));
        let listed = client.get(&format!("/appointments/?user_id={id}")).await;
        assert_eq!(listed.body["data"], json!([appointment]));
        assert_eq!(keys(&listed.body), ["data", "message", "success"]);
        assert_eq!(client.get("/users/").await.body["data"], json!([user]));
        let form = client.post("/users/", &[("name", "by form")]).await.data();
        assert_eq!(form["name"], "by form");
    }
}

#[tokio::test]
async fn bad_names_ids_and_pages_are_told_by_field() {
    let deployment = Deployment::embedded().await;
    let api = deployment.api().await;
    let client = api.client();
    let long = "語".repeat(256);
    for (name, message) in [
        (json!(null), "field required"),
        (json!("  "), "string should have at least 1 character"),
        (json!(long), "string should have at most 255 characters"),
    ] {
        let (status, errors, _) = client.post_json("/users", &json!({ "name": name })).await.error();
        assert_eq!((status, errors), (422, vec![format!("[body->name] {message}")]));
    }
    client.post_json("/users", &json!({ "name": "語".repeat(255) })).await.data();
    let (status, errors, _) = client.post_json("/appointments", &json!({ "user_id": "x" })).await.error();
    assert_eq!(status, 422);
    assert_eq!(errors, ["[body->name] field required", "[body->user_id] input should be a valid uuid"]);
    for (query, wrong) in [
        ("", "[query->user_id] field required"),
        ("?user_id=x", "[query->user_id] input should be a valid uuid"),
        (&format!("?user_id={UNKNOWN}&limit=0"), "[query->limit] input should be greater than or equal to 1"),
        (&format!("?user_id={UNKNOWN}&limit=1001"), "[query->limit] input should be less than or equal to 1000"),
        (&format!("?user_id={UNKNOWN}&cursor=abc"), "[query->cursor] input should be a next_cursor of this list"),
    ] {
        for list in ["/file/all", "/appointments"] {
            let (status, errors, _) = client.get(&format!("{list}{query}")).await.error();
            assert_eq!((status, errors), (422, vec![wrong.to_owned()]), "{list}{query}");
        }
    }
}

#[tokio::test]
async fn what_is_unknown_is_a_404() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        for list in [format!("/file/all?user_id={UNKNOWN}"), format!("/appointments?user_id={UNKNOWN}")] {
            assert_eq!(client.get(&list).await.error().0, 404, "{list}");
        }
        for id in [UNKNOWN, "nonsense"] {
            assert_eq!(client.get(&format!("/file/appointment/{id}")).await.error().0, 404, "{id}");
            for kind in ["file", "users", "appointments"] {
                let gone = client.delete(&format!("/{kind}/{id}")).await.error();
                assert_eq!((gone.0, gone.2.as_str()), (404, "Not found!"), "{kind}/{id}");
            }
        }
        let orphan = json!({ "name": "x", "user_id": UNKNOWN });
        assert_eq!(client.post_json("/appointments", &orphan).await.error().0, 404);
    }
}

#[tokio::test]
async fn files_are_listed_with_their_appointment_and_a_link_unless_private() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let user = client.user("Ada").await;
        let appointment = client.appointment("Monday", &user).await;
        let owner = [("user_id", user.as_str()), ("appointment_id", appointment.as_str()), ("filename", "a.txt")];
        let public = client.upload(&[b"public".to_vec()], &[], &owner).await;
        client.done(&public, None).await;
        let private = [&owner[..1], &[("credential", r#"{"page":"7"}"#)]].concat();
        let private = client.upload(&[b"private".to_vec()], &[], &private).await;
        client.done(&private, Some(r#"{"page":"7"}"#)).await;
        let all = client.get(&format!("/file/all?user_id={user}")).await.data();
        assert_eq!(
            texts(all.as_array().unwrap(), "id"),
            [private["id"].as_str().unwrap(), public["id"].as_str().unwrap()]
        );
        assert_eq!(
            keys(&all[0]),
            ["appointment_name", "content_type", "created_at", "download_url", "filename", "id", "size", "status"]
        );
        assert_eq!((&all[0]["download_url"], &all[0]["appointment_name"]), (&Value::Null, &Value::Null));
        assert_eq!((&all[1]["appointment_name"], &all[1]["filename"]), (&json!("Monday"), &json!("a.txt")));
        assert_eq!((&all[1]["status"], &all[1]["size"]), (&json!("SUCCESS"), &json!(6)));
        assert_eq!(client.follow(all[1]["download_url"].as_str().unwrap()).await, b"public");
        let of_appointment = client.get(&format!("/file/appointment/{appointment}/")).await.data();
        assert_eq!(texts(of_appointment.as_array().unwrap(), "id"), [public["id"].as_str().unwrap()]);
        let appointments = client.get(&format!("/appointments?user_id={user}")).await.data();
        assert_eq!(texts(appointments[0]["files"].as_array().unwrap(), "id"), [public["id"].as_str().unwrap()]);
    }
}

#[tokio::test]
async fn pages_stay_right_while_rows_come_and_go() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let names: Vec<String> = (0..25).map(|number| format!("user {number}")).collect();
        let mut ids = Vec::new();
        for name in &names {
            ids.push(client.user(name).await);
        }
        ids.reverse();
        assert_eq!(texts(&client.pages("/users", 7).await, "id"), ids);
        assert_eq!(texts(&client.pages("/users", 25).await, "id"), ids);
        let first = client.get("/users?limit=10").await.body;
        // The row at the edge and one of the page before go, and a new one comes at the top.
        client.delete(&format!("/users/{}", ids[9])).await.data();
        client.delete(&format!("/users/{}", ids[3])).await.data();
        client.user("late").await;
        let next = first["next_cursor"].as_str().unwrap();
        let rest = client.get(&format!("/users?limit=1000&cursor={next}")).await.body;
        assert_eq!(texts(rest["data"].as_array().unwrap(), "id"), ids[10..]);
    }
}

async fn object_is_there(deployment: &Deployment, file: &Value) -> bool {
    let path = file["path"].as_str().unwrap();
    if deployment.settings.contains_key("MINIO_ENDPOINT") {
        let (bucket, key) = path.split_once('/').unwrap();
        return s3::client().await.head_object().bucket(bucket).key(key).send().await.is_ok();
    }
    deployment.folder.path().join("data/objects").join(path).exists()
}

async fn object_goes(deployment: &Deployment, file: &Value) {
    eventually("the object goes", async || (!object_is_there(deployment, file).await).then_some(())).await;
}

#[tokio::test]
async fn a_deleted_file_is_gone_from_every_list_at_once_and_from_the_store_soon() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let user = client.user("Ada").await;
        let owner = [("user_id", user.as_str())];
        let secret = [("user_id", user.as_str()), ("credential", r#"{"page":"7"}"#)];
        // The private one was hinted as public, so that its parts are gathered elsewhere than where it ends.
        let kept = client.upload(&[b"kept".to_vec()], &[], &owner).await;
        let gone = client.upload(&[bytes(5 * MIB, 1), bytes(9, 2)], &[], &owner).await;
        let private = client.upload(&[bytes(5 * MIB, 3)], &[], &secret).await;
        client.done(&kept, None).await;
        client.done(&gone, None).await;
        client.done(&private, Some(r#"{"page":"7"}"#)).await;
        assert!(object_is_there(&deployment, &gone).await && object_is_there(&deployment, &private).await);
        let (gone_path, private_path) =
            [&gone, &private].map(|file| format!("/file/{}", file["id"].as_str().unwrap())).into();
        let refused = client.delete(&private_path).await.error();
        assert_eq!((refused.0, refused.2.as_str()), (403, "Permission denied"));
        let answer = client.delete(&gone_path).await;
        assert_eq!((answer.status, &answer.body["message"]), (200, &json!("File deleted successfully.")));
        client.delete(&format!("{private_path}?page=7")).await.data();
        let left = client.get(&format!("/file/all?user_id={user}")).await.data();
        assert_eq!(texts(left.as_array().unwrap(), "id"), [kept["id"].as_str().unwrap()]);
        for path in [gone_path.replace("/file/", "/file/get/"), gone_path.replace("/file/", "/file/download/")] {
            assert_eq!(client.get(&path).await.error().0, 404, "{path}");
        }
        assert_eq!(client.delete(&gone_path).await.error().0, 404);
        object_goes(&deployment, &gone).await;
        object_goes(&deployment, &private).await;
        assert_eq!(client.download(&kept, None).await, b"kept");
    }
}

#[tokio::test]
async fn a_user_goes_with_appointments_files_and_objects() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        let (user, other) = (client.user("Ada").await, client.user("Bob").await);
        let appointments = [client.appointment("one", &user).await, client.appointment("two", &user).await];
        let mut doomed = Vec::new();
        for (user, appointment) in [(&user, Some(0)), (&user, Some(1)), (&user, None), (&other, Some(1))] {
            let mut owner = vec![("user_id", user.as_str())];
            owner.extend(appointment.map(|which: usize| ("appointment_id", appointments[which].as_str())));
            doomed.push(client.upload(&[bytes(1000, doomed.len() as u64)], &[], &owner).await);
        }
        let kept = client.upload(&[b"kept".to_vec()], &[], &[("user_id", &other)]).await;
        for file in &doomed {
            client.done(file, None).await;
        }
        client.delete(&format!("/appointments/{}", appointments[0])).await.data();
        object_goes(&deployment, &doomed[0]).await;
        assert!(object_is_there(&deployment, &doomed[1]).await);
        assert_eq!(client.get(&format!("/file/appointment/{}", appointments[0])).await.error().0, 404);
        client.delete(&format!("/users/{user}")).await.data();
        assert_eq!(client.get(&format!("/file/all?user_id={user}")).await.error().0, 404);
        assert_eq!(client.get(&format!("/appointments?user_id={user}")).await.error().0, 404);
        assert_eq!(texts(&client.pages("/users", 10).await, "name"), ["Bob"]);
        for file in &doomed {
            object_goes(&deployment, file).await;
        }
        let left = client.get(&format!("/file/all?user_id={other}")).await.data();
        assert_eq!(texts(left.as_array().unwrap(), "id"), [kept["id"].as_str().unwrap()]);
        assert_eq!(client.download(&kept, None).await, b"kept");
    }
}

#[tokio::test]
async fn of_many_that_delete_a_file_at_once_one_does() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        for round in 0..5 {
            let file = client.upload(&[bytes(100, round)], &[], &[]).await;
            let path = format!("/file/{}", file["id"].as_str().unwrap());
            let answers = join_all((0..8).map(|_| client.delete(&path))).await;
            let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
            assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
            assert!(statuses.iter().all(|status| [200, 404].contains(status)), "{statuses:?}");
            object_goes(&deployment, &file).await;
        }
    }
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_stored_leaves_nothing() {
    for deployment in both().await {
        let services = deployment.start().await;
        let client = services[0].client();
        for round in 0..20 {
            // Sizes of which no two follow each other in the store: making the object takes a while.
            let chunks = [bytes(1000, round), bytes(5 * MIB, round), bytes(1000, round + 1)];
            let file = client.upload(&chunks, &[], &[]).await;
            client.delete(&format!("/file/{}", file["id"].as_str().unwrap())).await.data();
            let upload =
                file["path"].as_str().unwrap().split_once('/').unwrap().1.split_once('.').unwrap().0.to_owned();
            let (status, _, message) = client.get(&format!("/file/upload/{upload}")).await.error();
            assert_eq!((status, message.as_str()), (422, "File directory not found. Please initialize first!"));
            assert_eq!(client.complete(&upload, 3, chunks.concat().len(), &[]).await.status, 422);
            object_goes(&deployment, &file).await;
        }
        eventually("the upload's row goes", async || no_uploads(&deployment).await.then_some(())).await;
    }
}

/// Whether every upload's row is gone, which is the last thing that happens to a deleted file.
async fn no_uploads(deployment: &Deployment) -> bool {
    let sql = "SELECT COUNT(*) FROM uploads";
    let count: i64 = if deployment.mysql_database().is_some() {
        let mut database = crate::support::deployment::mysql(deployment.mysql_database()).await;
        sqlx::query_scalar(sql).fetch_one(&mut database).await.unwrap()
    } else {
        let path = deployment.folder.path().join("data/filemanager.db");
        let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap()
    };
    count == 0
}

#[tokio::test]
async fn an_object_goes_even_if_the_store_is_away_when_its_file_is_deleted() {
    let (endpoint, ..) = s3::endpoint().await;
    let gate = Proxy::to(endpoint.trim_start_matches("http://").to_owned()).await;
    let deployment = Deployment::new(Database::Sqlite, Store::S3, Queue::InProcess).await;
    let deployment = deployment.set("JOB_MAX_ATTEMPTS", "1");
    let deployment = deployment.set("MINIO_ENDPOINT", format!("127.0.0.1:{}", gate.port)).set("MINIO_URL", endpoint);
    let api = deployment.api().await;
    let client = api.client();
    let file = client.upload(&[bytes(1000, 1)], &[], &[]).await;
    client.done(&file, None).await;
    gate.shut();
    client.delete(&format!("/file/{}", file["id"].as_str().unwrap())).await.data();
    eventually("the job is tried again", async || {
        api.log().iter().any(|line| line.contains("job to be tried again")).then_some(())
    })
    .await;
    assert!(object_is_there(&deployment, &file).await);
    gate.open();
    object_goes(&deployment, &file).await;
}
