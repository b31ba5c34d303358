//! How callers may speak: what HTTP and the contract allow, and what is easily missed.

use reqwest::{Method, header};
use serde_json::json;

use crate::support::client::Answer;
use crate::support::{Client, Deployment, Service};

async fn embedded() -> (Deployment, Service, Client) {
    let deployment = Deployment::embedded().await.set("APP_MAX_CHUNK_SIZE", "1000");
    let api = deployment.api().await;
    let client = api.client();
    (deployment, api, client)
}

#[tokio::test]
async fn a_json_object_is_one_whatever_it_is_called_and_nothing_is_nothing() {
    let (_deployment, _api, client) = embedded().await;
    let users = client.url("/users/");
    for kind in [None, Some("application/json ; charset=utf-8"), Some("application/vnd.api+json")] {
        let request = client.http.post(&users).body(" {\"name\": \"Anna\"}");
        let request = kind.into_iter().fold(request, |request, kind| request.header(header::CONTENT_TYPE, kind));
        assert_eq!(Answer::of(request.send().await.unwrap()).await.data()["name"], "Anna", "{kind:?}");
    }
    for kind in ["multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain", ""] {
        let request = client.http.post(client.url("/file/upload/init/")).header(header::CONTENT_TYPE, kind);
        assert_eq!(Answer::of(request.body("").send().await.unwrap()).await.data()["chunk_size"], 1000, "{kind}");
    }
}

#[tokio::test]
async fn numbers_keep_all_their_digits() {
    let (_deployment, _api, client) = embedded().await;
    let number = "12345678901234567890123";
    let credential = format!(r#"{{"id": {number}}}"#);
    for as_json in [false, true] {
        let upload = client.init(&[]).await;
        let completed = if as_json {
            let body = format!(
                r#"{{"upload_id": "{upload}", "total_chunks": 0, "total_size": 0, "file_extension": "txt",
                    "content_type": "text/plain", "credential": {credential}}}"#
            );
            let request = client.http.post(client.url("/file/upload/complete")).body(body);
            Answer::of(request.header(header::CONTENT_TYPE, "application/json").send().await.unwrap()).await
        } else {
            client.complete(&upload, 0, 0, &[("credential", &credential)]).await
        };
        let file = completed.data();
        assert_eq!(file["credential"], json!({ "id": number }));
        let path = format!("/file/get/{}", file["id"].as_str().unwrap());
        assert_eq!(client.get(&format!("{path}?id={number}")).await.status, 200);
        assert_eq!(client.get(&format!("{path}?id=1.2345678901234568e22")).await.status, 403);
    }
}

#[tokio::test]
async fn a_detail_is_as_deep_as_every_database_keeps_it() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let services = deployment.start().await;
        let client = services[0].client();
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        let upload = client.init(&[("detail", &nested(30))]).await;
        client.chunk(&upload, 0, b"abc").await.data();
        let file = client.complete(&upload, 1, 3, &[]).await.data();
        assert_eq!(file["detail"], serde_json::from_str::<serde_json::Value>(&nested(30)).unwrap());
        let refused = client.post("/file/upload/init", &[("detail", &nested(31))]).await.error();
        let message = "[body->detail] detail should be nested at most 30 levels deep".to_owned();
        assert_eq!(refused, (422, vec![message], String::new()));
    }
}

#[tokio::test]
async fn programs_get_the_envelope_whatever_they_accept_and_whatever_they_do() {
    let (_deployment, api, client) = embedded().await;
    let base = client.base.clone();
    let ask = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        let request = client.http.request(method, format!("{base}{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    };
    let accept = [("accept", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2")];
    let unknown = Answer::of(ask(Method::GET, "/api/v1/nowhere", &accept).await).await.error();
    assert_eq!(unknown, (404, vec![], "Not found!".to_owned()));
    let wrong = ask(Method::DELETE, "/icon.svg", &[]).await;
    assert_eq!(wrong.headers()[header::ALLOW], "GET,HEAD");
    assert_eq!(Answer::of(wrong).await.error().0, 405);
    let options = ask(Method::OPTIONS, "/api/v1/users/", &[("origin", "http://localhost:3000")]).await;
    assert_eq!(options.headers()[header::ALLOW], "POST,GET,HEAD");
    assert_eq!(Answer::of(options).await.error().0, 405);
    let preflight = [("origin", "http://localhost:3000"), ("access-control-request-method", "POST")];
    let allowed = ask(Method::OPTIONS, "/api/v1/users/", &preflight).await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], "http://localhost:3000");
    for path in ["/health/live/", "/health/ready/", "/openapi.json/", "/metrics/"] {
        assert_eq!(ask(Method::GET, path, &[]).await.status(), 200, "{path}");
    }
    drop(api);
}

#[tokio::test]
async fn whoever_is_known_may_hear_that_a_method_is_wrong() {
    let deployment = Deployment::embedded().await.closed().await;
    let key = deployment.new_key(&["a key", "--scope", "users"]).await;
    let api = deployment.api().await;
    for (key, status) in [(Some(key.as_str()), 405), (None, 401)] {
        let client = api.client_with(key);
        for method in [Method::OPTIONS, Method::PATCH] {
            let answer = client.http.request(method, client.url("/users")).send().await.unwrap();
            assert_eq!(Answer::of(answer).await.error().0, status);
        }
    }
}

#[tokio::test]
async fn a_list_takes_no_cursor_that_it_cannot_have_given() {
    for deployment in [Deployment::embedded().await, Deployment::full().await] {
        let api = deployment.api().await;
        let beyond = "/users/?cursor=1c0000000000000000000000000000000000000000000000";
        assert_eq!(api.client().get(beyond).await.error().0, 422);
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_file_is_told_at_once() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[("visibility", "private")]).await;
    let user = [("user_id", "00000000-0000-4000-8000-000000000000")];
    let (status, errors, _) = client.complete(&upload, 1, 3, &user).await.error();
    assert_eq!(status, 422);
    let fields: Vec<&str> = errors.iter().filter_map(|error| error.split_once(']')).map(|(field, _)| field).collect();
    assert_eq!(fields, ["[body->total_chunks", "[body->credential", "[body->user_id"], "{errors:?}");
}

#[tokio::test]
async fn a_chunk_that_is_larger_than_usual_may_come_before_what_it_is() {
    let (_deployment, _api, client) = embedded().await;
    let upload = client.init(&[("total_size", "10000001")]).await;
    client.chunk_file_first(&upload, 0, &[1; 1001]).await.data();
    let too_large = client.chunk_file_first(&upload, 1, &[1; 1002]).await.error();
    assert_eq!(too_large.1, ["[body->file] file size is larger than valid chunk size"]);
    // Where the upload's name has come, its own size counts.
    let other = client.init(&[]).await;
    assert_eq!(client.chunk_file_first(&other, 0, &[1; 1001]).await.status, 422);
}

#[tokio::test]
async fn a_credential_counts_beside_a_link_that_is_over() {
    let (_deployment, _api, client) = embedded().await;
    let file = client.upload(&[b"abc".to_vec()], &[], &[("credential", r#"{"pin": 1234}"#)]).await;
    client.done(&file, Some(r#"{"pin": 1234}"#)).await;
    let path = format!("/file/download/{}?expires=1&signature=00", file["id"].as_str().unwrap());
    let request = || client.http.get(client.url(&path));
    assert_eq!(request().send().await.unwrap().status(), 403);
    let wrong = request().header("x-file-credential", r#"{"pin": 4321}"#);
    assert_eq!(wrong.send().await.unwrap().status(), 403);
    let right = request().header("x-file-credential", r#"{"pin": 1234}"#).send().await.unwrap();
    assert_eq!((right.status().as_u16(), &*right.bytes().await.unwrap()), (200, &b"abc"[..]));
}

/// Somebody can make a name of theirs lead to this machine, and have a browser here ask for their page under it.
#[tokio::test]
async fn a_service_that_is_open_to_its_machine_has_no_strangers_name() {
    let open = Deployment::embedded().await.set("APP_AUTH", "off");
    let named = Deployment::embedded().await.set("APP_AUTH", "off").set("APP_PUBLIC_URL", "https://files.example.org");
    let closed = Deployment::embedded().await.closed().await;
    for (deployment, host, status) in [
        (&open, "evil.example:8000", 421),
        (&open, "localhost:8000", 200),
        (&open, "files", 200),
        (&named, "files.example.org", 200),
        (&named, "evil.example", 421),
        (&closed, "evil.example", 200),
    ] {
        let api = deployment.api().await;
        let client = api.client();
        let request = client.http.get(client.url("/users")).header(header::HOST, host);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.body);
    }
}
