//! Access control at the wire: who is let in where, by what, and that nothing of a credential is ever seen again.

use reqwest::Method;
use serde_json::Value;

use crate::support::client::Answer;
use crate::support::deployment::{Service, first_key};
use crate::support::routes::{Route, routes};
use crate::support::{Client, Database, Deployment, Queue, Store, bytes, eventually};

const UNKNOWN: &str = "f28a2047-2409-4a88-af3b-227038f6c81c";
pub const WORDS: [&str; 2] = [UNKNOWN, "0"];

async fn closed() -> (Deployment, Vec<Service>) {
    let deployment = Deployment::embedded().await.closed().await;
    let services = deployment.start().await;
    (deployment, services)
}

async fn on_mysql() -> Deployment {
    Deployment::new(Database::MySql, Store::Directory, Queue::InProcess).await
}

pub async fn closed_routes(client: &Client) -> Vec<Route> {
    let (closed, open): (Vec<_>, Vec<_>) = routes(client).await.into_iter().partition(|route| route.closed);
    let open: Vec<_> = open.iter().map(|route| route.path.as_str()).collect();
    assert_eq!(open, ["/health/live", "/health/ready"]);
    closed
}

/// What a route answers to these headers; it must be an error in the envelope.
async fn refusal(route: &Route, client: &Client, headers: &[(&str, &str)]) -> (u16, String, Option<String>) {
    let request = route.request(client, &WORDS);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.expect("an answer");
    let challenge = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    assert!(response.headers().contains_key("x-request-id"));
    let (status, errors, message) = Answer::of(response).await.error();
    assert_eq!(errors, Vec::<String>::new(), "{route:?}");
    (status, message, challenge)
}

pub async fn new_upload_token(client: &Client, fields: &[(&str, &str)]) -> String {
    let answer = client.post("/file/upload/token", fields).await.data();
    answer["token"].as_str().expect("a token").to_owned()
}

#[tokio::test]
async fn every_route_refuses_every_bad_credential_with_the_same_words() {
    let (deployment, services) = closed().await;
    let (client, nobody) = (services[0].client(), services[0].client_with(None));
    let good = deployment.new_key(&["good"]).await;
    let revoked = deployment.new_key(&["revoked"]).await;
    let expired = deployment.new_key(&["expired", "--expires", "1s"]).await;
    Answer::of(client.http.delete(client.url(&format!("/keys/{}", &revoked[4..20]))).send().await.unwrap())
        .await
        .data();
    eventually("the key expires", async || {
        let list = services[0].client_with(Some(&expired)).get("/users").await;
        (list.status == 401).then_some(())
    })
    .await;
    let wrong_secret = format!("{}{}", &good[..21], "A".repeat(43));
    let unknown = format!("fmk_{}{}", "0".repeat(16), &good[20..]);
    let token = new_upload_token(&client, &[("max_size", "10")]).await;
    let changed = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    let huge = format!("fmk_{}", "a".repeat(9000));
    let bad = [
        "garbage",
        "",
        "fmk_",
        "null",
        "..%2f",
        &wrong_secret,
        &unknown,
        &revoked,
        &expired,
        &changed,
        &huge,
        "eyJhbGciOiJub25lIn0.e30.",
        &good[4..],
        "fmu_9999999999.e30.00",
    ];
    let unauthorized = (401, "Authentication required!".to_owned(), Some("Bearer".to_owned()));
    for route in closed_routes(&nobody).await {
        assert_eq!(refusal(&route, &nobody, &[]).await, unauthorized, "{route:?}");
        for credential in bad {
            let bearer = format!("Bearer {credential}");
            assert_eq!(
                refusal(&route, &nobody, &[("authorization", &bearer)]).await,
                unauthorized,
                "{route:?} {bearer}"
            );
            assert_eq!(
                refusal(&route, &nobody, &[("x-api-key", credential)]).await,
                unauthorized,
                "{route:?} {bearer}"
            );
        }
        for scheme in ["Basic dTpw", "Digest x", &good] {
            assert_eq!(
                refusal(&route, &nobody, &[("authorization", scheme)]).await,
                unauthorized,
                "{route:?} {scheme}"
            );
        }
        let bearer = format!("Bearer {good}");
        for twice in
            [[("authorization", bearer.as_str()), ("x-api-key", &good)], [("x-api-key", &good), ("x-api-key", &good)]]
        {
            assert_eq!(refusal(&route, &nobody, &twice).await.0, 400, "{route:?}");
        }
    }
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_say_and_nothing_else() {
    let (deployment, services) = closed().await;
    let scoped = [
        (
            "files:read",
            vec![
                "GET /file/get",
                "GET /file/status",
                "GET /file/events",
                "GET /file/all",
                "GET /file/appointment",
                "GET /file/download",
            ],
        ),
        ("files:write", vec!["POST /file/upload/", "GET /file/upload/", "DELETE /file/upload/", "PUT /file/upload/"]),
        ("files:delete", vec!["DELETE /file/{file_id}"]),
        (
            "users",
            vec![
                "GET /users",
                "POST /users",
                "DELETE /users",
                "GET /appointments",
                "POST /appointments",
                "DELETE /appointments",
            ],
        ),
        ("admin", vec!["GET /keys", "POST /keys", "DELETE /keys"]),
        ("metrics", vec![]),
    ];
    let routes = closed_routes(&services[0].client()).await;
    for (scope, opens) in scoped {
        let client = services[0].client_with(Some(&deployment.new_key(&["one", "--scope", scope]).await));
        for route in &routes {
            let status = route.request(&client, &WORDS).send().await.unwrap().status().as_u16();
            let name = format!("{} {}", route.method, route.path.strip_prefix("/api/v1").unwrap());
            if name == "GET /usage" {
                assert_eq!(status, 200, "every key may see its usage");
                continue;
            }
            let may = opens.iter().any(|open| name.starts_with(open));
            assert_eq!(status != 403, may, "{scope}: {name}: {status}");
        }
        let metrics = client.http.get(format!("{}/metrics", client.base)).send().await.unwrap().status();
        assert_eq!(metrics, if scope == "metrics" { 200 } else { 403 }, "{scope}");
    }
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_revoked_everywhere() {
    let deployment = on_mysql().await.closed().await;
    let (one, two) = (deployment.api().await, deployment.api().await);
    let made = one.client().post("/keys", &[("name", "Zoë"), ("scopes", "users"), ("expires_in", "600")]).await.data();
    let key = made["key"].as_str().expect("a key").to_owned();
    assert_eq!((&made["scopes"], &made["state"]), (&serde_json::json!(["users"]), &Value::from("valid")));
    for service in [&one, &two] {
        let client = service.client_with(Some(&key));
        client.get("/users").await.data();
        assert_eq!(client.get("/keys").await.status, 403);
    }
    let listed = eventually("the use is noted", async || {
        let keys = two.client().get("/keys").await.data();
        let ours = keys.as_array().unwrap().iter().find(|listed| listed["id"] == made["id"]).cloned();
        ours.filter(|ours| ours["last_used_at"].is_string())
    })
    .await;
    assert_eq!(listed["name"], "Zoë");
    assert!(!listed.to_string().contains(&key[21..]), "{listed}");
    let path = format!("/keys/{}", made["id"].as_str().unwrap());
    let revoke = || async { Answer::of(one.client().http.delete(one.client().url(&path)).send().await.unwrap()).await };
    revoke().await.data();
    assert_eq!(one.client_with(Some(&key)).get("/users").await.status, 401);
    eventually("the other node knows", async || {
        (two.client_with(Some(&key)).get("/users").await.status == 401).then_some(())
    })
    .await;
    assert_eq!(revoke().await.status, 404);
    let page = one.client().get("/keys?limit=1").await;
    let cursor = page.body["next_cursor"].as_str().expect("another page").to_owned();
    let next = one.client().get(&format!("/keys?limit=1&cursor={cursor}")).await;
    assert_ne!(page.data()[0]["id"], next.data()[0]["id"]);
}

#[tokio::test]
async fn an_upload_token_ends_with_the_key_that_made_it() {
    let (deployment, services) = closed().await;
    let key = deployment.new_key(&["maker"]).await;
    let token = new_upload_token(&services[0].client_with(Some(&key)), &[("max_size", "9")]).await;
    let stranger = services[0].client_with(Some(&token));
    stranger.init(&[]).await;
    let client = services[0].client();
    Answer::of(client.http.delete(client.url(&format!("/keys/{}", &key[4..20]))).send().await.unwrap()).await.data();
    let (status, ..) = stranger.post("/file/upload/init", &[]).await.error();
    assert_eq!(status, 401);
}

#[tokio::test]
async fn nobody_makes_a_key_that_may_more_than_they() {
    let (deployment, services) = closed().await;
    let admin = deployment.new_key(&["admin", "--scope", "admin,users"]).await;
    let client = services[0].client_with(Some(&admin));
    assert_eq!(client.post("/keys", &[("name", "a"), ("scopes", "users")]).await.status, 200);
    for scopes in ["files:read", "users,files:delete", ""] {
        assert_eq!(client.post("/keys", &[("name", "a"), ("scopes", scopes)]).await.status, 403, "{scopes}");
    }
    let (status, errors, _) = client.post("/keys", &[("scopes", "root"), ("expires_in", "0")]).await.error();
    assert_eq!((status, errors.len()), (422, 3), "{errors:?}");
}

#[tokio::test]
async fn the_first_key_is_made_once_and_the_service_warns_when_it_is_open() {
    for database in [Database::Sqlite, Database::MySql] {
        let deployment = Deployment::open(database, Store::Directory, Queue::InProcess).await.set("APP_AUTH", "keys");
        let first = first_key(&deployment).await.expect("a key");
        assert!(first_key(&deployment).await.is_none());
        let service = deployment.api().await;
        service.client_with(Some(&first)).get("/keys").await.data();
    }
    let open = Deployment::embedded().await.set("APP_HOST", "0.0.0.0").set("APP_AUTH", "off");
    let service = open.api().await;
    assert!(service.log().iter().any(|line| line.contains("APP_AUTH is off")));
}

#[tokio::test]
async fn an_upload_token_that_anyone_could_make_ends_when_access_control_begins() {
    for auth in ["keys", "jwt"] {
        let deployment = Deployment::embedded().await.set("APP_AUTH", "off");
        let api = deployment.api().await;
        let token = new_upload_token(&api.client_with(None), &[("max_size", "9")]).await;
        assert_eq!(api.client_with(Some(&token)).post("/file/upload/init", &[]).await.status, 200);
        drop(api);
        let deployment = deployment.set("APP_AUTH", auth);
        let deployment =
            deployment.set("APP_JWT_ISSUER", "https://issuer.example.org").set("APP_JWT_AUDIENCE", "files");
        let deployment = deployment.set("APP_JWT_ALGORITHMS", "HS256").set("APP_JWT_SECRET", "x".repeat(32));
        let api = deployment.api().await;
        assert_eq!(api.client_with(Some(&token)).post("/file/upload/init", &[]).await.status, 401, "{auth}");
    }
}

#[tokio::test]
async fn an_upload_token_allows_one_thing() {
    let (_deployment, services) = closed().await;
    let client = services[0].client();
    let user = client.post("/users", &[("name", "Ada")]).await.data()["id"].as_str().unwrap().to_owned();
    let fields = [("max_size", "20"), ("extensions", "txt"), ("user_id", &*user), ("visibility", "public")];
    let token = new_upload_token(&client, &fields).await;
    let stranger = services[0].client_with(Some(&token));
    let file = stranger.upload(&[bytes(20, 1)], &[], &[]).await;
    assert_eq!(file["user_id"], *user);
    assert_eq!(stranger.done(&file, None).await["status"], "SUCCESS");
    assert_eq!(client.download(&file, None).await, bytes(20, 1));
    // Too large, whether told or found; another extension, user, or visibility.
    assert_eq!(stranger.post("/file/upload/init", &[("total_size", "21")]).await.status, 413);
    for other in
        [("file_extension", "png"), ("user_id", UNKNOWN), ("credential", r#"{"a":"b"}"#), ("visibility", "private")]
    {
        let (status, _, message) = stranger.post("/file/upload/init", &[other]).await.error();
        assert_eq!(status, 403, "{other:?}");
        assert!(message.starts_with("The token does not allow this"), "{message}");
    }
    let upload = stranger.init(&[]).await;
    let (status, _, message) = stranger.chunk(&upload, 0, &bytes(21, 1)).await.error();
    assert_eq!((status, message.as_str()), (413, "The token allows at most 20 bytes."));
    for index in [3, 0] {
        stranger.chunk(&upload, index, &bytes(10, 1)).await.data();
    }
    assert_eq!(stranger.chunk(&upload, 1, &bytes(1, 1)).await.status, 413);
    // Once more is not more.
    stranger.chunk(&upload, 0, &bytes(10, 1)).await.data();
    let small = stranger.init(&[]).await;
    stranger.chunk(&small, 0, &bytes(3, 1)).await.data();
    assert_eq!(stranger.complete(&small, 1, 3, &[("credential", r#"{"a":"b"}"#)]).await.status, 403);
    // Nothing else, and nothing of others.
    let theirs = client.init(&[]).await;
    assert_eq!(stranger.chunk(&theirs, 0, b"x").await.status, 422);
    assert_eq!(stranger.get("/users").await.status, 403);
    assert_eq!(stranger.get(&format!("/file/all?user_id={user}")).await.status, 403);
    let id = file["id"].as_str().unwrap();
    let delete = stranger.http.request(Method::DELETE, stranger.url(&format!("/file/{id}"))).send().await.unwrap();
    assert_eq!(delete.status(), 403);
    let other = services[0].client_with(Some(&new_upload_token(&client, &fields).await));
    assert_eq!(other.get(&format!("/file/get/{id}")).await.status, 404);
    assert_eq!(other.get(&format!("/file/upload/{small}")).await.status, 422);
    // A token cannot make another one, nor outlive its time.
    assert_eq!(stranger.post("/file/upload/token", &fields).await.status, 403);
    let brief = new_upload_token(&client, &[("max_size", "1"), ("expires_in", "1")]).await;
    let brief = services[0].client_with(Some(&brief));
    eventually("the token ends", async || (brief.post("/file/upload/init", &[]).await.status == 401).then_some(()))
        .await;
    let (status, errors, _) =
        client.post("/file/upload/token", &[("extensions", "exe"), ("user_id", "x")]).await.error();
    assert_eq!((status, errors.len()), (422, 3), "{errors:?}");
    assert_eq!(client.post("/file/upload/token", &[("max_size", "1"), ("user_id", UNKNOWN)]).await.status, 422);
}

#[tokio::test]
async fn strangers_get_what_is_public_and_what_they_have_a_link_to() {
    let (_deployment, services) = closed().await;
    let (client, stranger) = (services[0].client(), services[0].client_with(None));
    let credential = r#"{"pin":"1"}"#;
    let public = client.upload(&[bytes(9, 1)], &[], &[]).await;
    let private = client.upload(&[bytes(9, 2)], &[], &[("credential", credential)]).await;
    assert_eq!(client.download(&public, None).await, bytes(9, 1));
    assert_eq!(client.download(&private, Some(credential)).await, bytes(9, 2));
    let id = private["id"].as_str().unwrap();
    for unseen in [id, UNKNOWN] {
        let path = format!("/file/download/{unseen}");
        assert_eq!(stranger.get(&path).await.status, 401);
        assert_eq!(stranger.get_with(&path, credential).await.status, 401);
        assert_eq!(stranger.get(&format!("{path}?expires=9999999999&signature=00")).await.status, 403);
    }
    // A link for a chunk is enough for that chunk.
    let upload = client.init(&[("total_size", "4")]).await;
    let links = client.post(&format!("/file/upload/{upload}/urls"), &[("indexes", "[0]")]).await.data();
    let link = links["urls"][0]["url"].as_str().expect("a link");
    let put = async |link: String| stranger.http.put(link).body("four").send().await.unwrap().status().as_u16();
    assert_eq!(put(link.replace("chunk/0", "chunk/1")).await, 403);
    assert_eq!(put(link.replace("signature=", "signature=0")).await, 403);
    assert_eq!(put(link.split('?').next().unwrap().to_owned()).await, 401);
    assert_eq!(put(link.to_owned()).await, 200);
}

#[tokio::test]
async fn tricks_with_paths_and_lengths_open_nothing() {
    let (_deployment, services) = closed().await;
    let ask = async |line: &str, headers: &str, body: &str| {
        let head = format!("{line} HTTP/1.1\r\nHost: x\r\n{headers}\r\n{body}");
        crate::bad_input::raw(&services[0], &head, &[]).await
    };
    let paths = [
        "/api/v1/users",
        "/api/v1/%75sers",
        "/api/v1//users",
        "//api/v1/users",
        "/api/v1/./users",
        "/docs/../api/v1/users",
        "/health/live/..%2f..%2f..%2fapi/v1/users",
        "/api/v1/users%2f",
        "/api/v1/users;a=b",
        "/api/v1/users?x-api-key=fmk_",
        "/API/V1/USERS",
        "http://x/api/v1/users",
        "/api/v1/file/%2e%2e/users",
        "/api/v1/keys/%00",
        "/metrics",
        "/metrics/",
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
        for path in paths {
            let answer = ask(&format!("{method} {path}"), "Connection: close\r\n", "").await;
            let status: u16 = answer.split(' ').nth(1).unwrap().parse().unwrap();
            assert!([400, 401, 404, 405].contains(&status), "{method} {path}: {answer}");
        }
    }
    // A second request within the body of the first, for whoever reads the other length.
    let second = "0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", second.len());
    for (what, headers) in [
        ("both lengths", format!("{length}Transfer-Encoding: chunked\r\n")),
        ("both lengths, the other way round", format!("Transfer-Encoding: chunked\r\n{length}")),
        ("two lengths", format!("Content-Length: 5\r\n{length}")),
        ("a coding that is none", "Transfer-Encoding: xchunked\r\n".to_owned()),
        ("a length that is none", "Content-Length: +5\r\n".to_owned()),
    ] {
        let answer = ask("POST /api/v1/users", &headers, second).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{what}: {answer}");
        assert!(answer.starts_with("HTTP/1.1 4"), "{what}: {answer}");
    }
}
