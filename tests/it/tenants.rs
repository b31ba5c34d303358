//! Tenants: nothing of another one can be seen, counted, changed or guessed.

use std::collections::HashMap;
use std::sync::LazyLock;

use futures::future::join_all;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::routes::{Route, routes};
use crate::support::{Client, Database, Deployment, Queue, Store, bytes};

const UNKNOWN: &str = "f28a2047-2409-4a88-af3b-227038f6c81c";
const CREDENTIAL: &str = r#"{"pin":"1"}"#;
/// How often each tenant tries each thing of the other; more often with `HAMMER_ROUNDS`.
static ROUNDS: LazyLock<usize> = LazyLock::new(|| {
    std::env::var("HAMMER_ROUNDS").map_or(20, |rounds| rounds.parse().expect("HAMMER_ROUNDS is a number"))
});

/// What a tenant has, by the name that a route or a form has for it.
struct Things {
    client: Client,
    ids: HashMap<&'static str, Vec<String>>,
}

impl Things {
    async fn of(client: Client) -> Self {
        let id = |data: Value| data["id"].as_str().expect("an identifier").to_owned();
        let user = id(client.post("/users", &[("name", "Ada")]).await.data());
        let appointment = id(client.post("/appointments", &[("name", "Monday"), ("user_id", &user)]).await.data());
        let owned = [("user_id", user.as_str()), ("appointment_id", appointment.as_str())];
        let public = client.upload(&[bytes(9, 1)], &owned, &[]).await;
        let private = client.upload(&[bytes(9, 2)], &owned, &[("credential", CREDENTIAL)]).await;
        client.done(&public, None).await;
        let upload = client.init(&[]).await;
        client.chunk(&upload, 0, b"one").await.data();
        let ids = HashMap::from([
            ("user_id", vec![user]),
            ("appointment_id", vec![appointment]),
            ("file_id", vec![id(public), id(private)]),
            ("upload_id", vec![upload]),
        ]);
        Self { client, ids }
    }

    /// What an owner sees of it all.
    async fn seen(&self) -> Vec<Value> {
        let (user, upload) = (&self.ids["user_id"][0], &self.ids["upload_id"][0]);
        let paths = ["/users".to_owned(), format!("/file/all?user_id={user}"), format!("/appointments?user_id={user}")];
        let mut seen = Vec::new();
        for path in paths {
            seen.push(self.client.get(&path).await.data());
        }
        seen.push(self.client.get(&format!("/file/upload/{upload}")).await.data()["chunks"].clone());
        seen
    }
}

/// A request about one thing: a route, and where the thing's identifier goes if not into the path.
struct Try {
    route: Route,
    /// What kind of thing it is about.
    name: &'static str,
    place: Place,
}

#[derive(Clone, Copy, PartialEq)]
enum Place {
    Path,
    Query,
    Json,
    Form,
}

/// What names things without being in the path.
const ELSEWHERE: [(&str, &str, &str, Place); 10] = [
    ("GET", "/file/all", "user_id", Place::Query),
    ("GET", "/appointments", "user_id", Place::Query),
    ("POST", "/appointments", "user_id", Place::Json),
    ("POST", "/file/upload/chunk", "upload_id", Place::Form),
    ("POST", "/file/upload/complete", "upload_id", Place::Json),
    ("POST", "/file/upload/retry", "file_id", Place::Json),
    ("POST", "/file/upload/token", "user_id", Place::Json),
    ("POST", "/file/upload/token", "appointment_id", Place::Json),
    // These take anything at first, and find out when the upload is completed.
    ("POST", "/file/upload/init", "", Place::Json),
    ("GET", "/users", "", Place::Query),
];
/// What names nothing of a tenant, or is tried by itself: keys, and what is public.
const APART: [(&str, &str); 6] = [
    ("GET", "/usage"),
    ("POST", "/users"),
    ("GET", "/keys"),
    ("POST", "/keys"),
    ("DELETE", "/keys/{key_id}"),
    ("GET", "/file/download/{file_id}"),
];

/// Every closed route, each with every kind of thing that it can name.
async fn tries(client: &Client) -> Vec<Try> {
    let mut tries = Vec::new();
    for route in routes(client).await.into_iter().filter(|route| route.closed) {
        let path = route.path.strip_prefix("/api/v1").unwrap().to_owned();
        let is = |(method, at): (&str, &str)| method == route.method.as_str() && at == path;
        if APART.into_iter().any(is) {
            continue;
        }
        let in_path = ["user_id", "appointment_id", "file_id", "upload_id"]
            .into_iter()
            .filter(|name| path.contains(&format!("{{{name}}}")))
            .map(|name| (name, Place::Path));
        let elsewhere = ELSEWHERE.into_iter().filter(|(method, at, ..)| is((method, at)));
        let places: Vec<_> = in_path.chain(elsewhere.map(|(_, _, name, place)| (name, place))).collect();
        assert!(!places.is_empty(), "this test does not know {route:?}");
        let named = places.into_iter().filter(|(name, _)| !name.is_empty());
        tries.extend(named.map(|(name, place)| Try { route: route.clone(), name, place }));
    }
    tries
}

impl Try {
    /// What is answered about `id`, without what differs from one identifier to another.
    async fn answer(&self, client: &Client, id: &str) -> (u16, String) {
        let request = self.route.request(client, &[id, "0"]).header("x-file-credential", CREDENTIAL);
        let request = match self.place {
            Place::Query => request.query(&[(self.name, id)]),
            Place::Path if self.route.method == "PUT" => request.body("two"),
            Place::Path if self.route.path.ends_with("/urls") => request.json(&json!({ "indexes": [0] })),
            Place::Path => request,
            Place::Form => {
                let form = Form::new().text(self.name, id.to_owned()).text("chunk_index", "0").text("chunk_size", "3");
                request.multipart(form.part("file", Part::bytes(b"two".to_vec()).file_name("blob")))
            }
            Place::Json => {
                let mut body = json!({
                    "name": "a", "max_size": 1, "total_chunks": 1, "total_size": 3, "file_extension": "txt",
                    "content_type": "text/plain", "credential": { "pin": "1" },
                });
                body[self.name] = id.into();
                request.json(&body)
            }
        };
        let response = request.send().await.expect("an answer");
        (response.status().as_u16(), response.text().await.expect("a body").replace(id, "…"))
    }
}

/// Tries everything with all that another tenant has, which must end as with what never was; how many tries there were.
async fn hammer(attempts: &[Try], client: &Client, whose: &Things) -> usize {
    let mut count = 0;
    for round in 0..*ROUNDS {
        for attempt in attempts {
            let never = attempt.answer(client, UNKNOWN).await;
            assert!([404, 422].contains(&never.0), "{:?}: {never:?}", attempt.route);
            for id in &whose.ids[attempt.name] {
                let found = attempt.answer(client, id).await;
                assert_eq!(found, never, "round {round}: {:?} {}", attempt.route, attempt.name);
                count += 1;
            }
        }
    }
    count
}

#[tokio::test]
async fn nothing_of_another_tenant_is_there() {
    let full = Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await;
    for deployment in [Deployment::embedded().await, full] {
        let deployment = deployment.closed().await;
        let service = deployment.api().await;
        let scope = "files:read,files:write,files:delete,users,admin";
        let mut tenants = Vec::new();
        for tenant in ["one", "two"] {
            let key = deployment.new_key(&["k", "--tenant", tenant, "--scope", scope]).await;
            tenants.push(Things::of(service.client_with(Some(&key))).await);
        }
        let before = (tenants[0].seen().await, tenants[1].seen().await);
        assert_ne!(before.0, before.1);
        let things_to_try = tries(&tenants[0].client).await;
        let both = [(0, 1), (1, 0)].map(|(who, whose)| hammer(&things_to_try, &tenants[who].client, &tenants[whose]));
        let answered: usize = join_all(both).await.into_iter().sum();
        assert!(answered > 30 * *ROUNDS, "{answered}");
        assert_eq!((tenants[0].seen().await, tenants[1].seen().await), before);
        nothing_is_given_away(&tenants[0], &tenants[1]).await;
    }
}

/// A file cannot be given to somebody of another tenant, a private one not be downloaded, a key not be seen.
async fn nothing_is_given_away(mine: &Things, theirs: &Things) {
    for (name, known) in [("user_id", "there is no such user"), ("appointment_id", "there is no such appointment")] {
        let id = theirs.ids[name][0].as_str();
        let answer = mine.client.complete(&mine.ids["upload_id"][0], 1, 3, &[(name, id)]).await;
        assert_eq!(answer.error(), (422, vec![format!("[body->{name}] {known}")], String::new()));
    }
    let private = format!("/file/download/{}", theirs.ids["file_id"][1]);
    assert_eq!(mine.client.get_with(&private, CREDENTIAL).await.status, 404);
    let (ours, others) = (mine.client.get("/keys").await.data(), theirs.client.get("/keys").await.data());
    assert_eq!((ours.as_array().unwrap().len(), others.as_array().unwrap().len()), (1, 1));
    let path = format!("/keys/{}", others[0]["id"].as_str().unwrap());
    let revoked = mine.client.http.delete(mine.client.url(&path)).send().await.unwrap().status();
    assert_eq!(revoked, 404);
}

#[tokio::test]
async fn a_public_file_is_nobody_elses_business_before_it_can_be_downloaded() {
    let deployment = Deployment::new(Database::Sqlite, Store::Directory, Queue::RabbitMq).await.closed().await;
    let service = deployment.api().await;
    let [one, two] = ["one", "two"].map(|tenant| {
        let deployment = &deployment;
        async move { deployment.new_key(&["k", "--tenant", tenant]).await }
    });
    let (owner, other) = (service.client_with(Some(&one.await)), service.client_with(Some(&two.await)));
    let file = owner.upload(&[bytes(9, 1)], &[], &[]).await;
    let path = format!("/file/download/{}", file["id"].as_str().unwrap());
    let never = format!("/file/download/{UNKNOWN}");
    assert_eq!(owner.get(&path).await.status, 409);
    assert_eq!(other.get(&path).await.error(), other.get(&never).await.error());
    let stranger = service.client_with(None);
    assert_eq!(stranger.get(&path).await.error(), stranger.get(&never).await.error());
    // Without a worker it waits; with one everybody may have it.
    let _worker = deployment.worker().await;
    owner.done(&file, None).await;
    for client in [&owner, &other, &stranger] {
        let downloaded = client.http.get(client.url(&path)).send().await.unwrap();
        assert_eq!(downloaded.bytes().await.unwrap(), bytes(9, 1));
    }
}

/// A chunk that comes before its fields waits on this machine's disk.
#[tokio::test]
async fn the_large_uploads_of_one_tenant_allow_another_no_larger_chunks() {
    let deployment = Deployment::embedded().await.set("APP_MAX_CHUNK_SIZE", "1000").closed().await;
    let api = deployment.api().await;
    let mut clients = Vec::new();
    for tenant in ["acme", "globex"] {
        let key = deployment.new_key(&["k", "--tenant", tenant]).await;
        clients.push(Client::with_key(&api.client().base, Some(&key)));
    }
    let uploads = [clients[0].init(&[("total_size", "10000001")]).await, clients[1].init(&[]).await];
    clients[0].chunk_file_first(&uploads[0], 0, &[1; 1001]).await.data();
    let refused = clients[1].chunk_file_first(&uploads[1], 0, &[1; 1001]).await.error();
    assert_eq!(refused.1, ["[body->file] file size is larger than valid chunk size"]);
}
