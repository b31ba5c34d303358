//! Secrets that are planted wherever there is room for one, and looked for wherever something comes out.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::access::{WORDS, closed_routes, new_upload_token};
use crate::support::collector::Collector;
use crate::support::deployment::run;
use crate::support::{Database, Deployment, Queue, Store, bytes, eventually};

const JWT_SECRET: &str = "canary-of-the-issuer-and-ourselves";
const PIN: &str = "canary-of-a-credential";

fn jwt() -> String {
    let encoded = |part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let exp = chrono::Utc::now().timestamp() + 300;
    let claims = json!({ "iss": "me", "aud": "files", "sub": "ada", "exp": exp, "scope": "files:read files:write" });
    let message = format!("{}.{}", encoded(json!({ "alg": "HS256" })), encoded(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(ring::hmac::sign(&key, message.as_bytes())))
}

#[tokio::test]
async fn no_secret_is_seen_again_in_any_output() {
    let collector = Collector::start().await;
    let deployment = Deployment::new(Database::MySql, Store::S3, Queue::InProcess).await.closed().await;
    let deployment = deployment.set("APP_AUTH", "keys,jwt").set("APP_JWT_SECRET", JWT_SECRET);
    let deployment = deployment.set("APP_JWT_ALGORITHMS", "HS256").set("APP_JWT_ISSUER", "me");
    let deployment = deployment.set("APP_JWT_AUDIENCE", "files").set("LOG_LEVEL", "filemanager=trace,debug");
    let deployment = deployment.set("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint.clone());
    let store_secret = deployment.settings["MINIO_SECRET_KEY"].clone();
    let service = deployment.api().await;
    let client = service.client();
    let key = deployment.new_key(&["canary"]).await;
    let token = new_upload_token(&client, &[("max_size", "10")]).await;
    let jwt = jwt();
    let (mut answers, mut signature) = (Vec::new(), String::new());
    for shown in [&key, &token, &jwt] {
        let caller = service.client_with(Some(shown));
        for route in closed_routes(&client).await {
            let response =
                route.request(&caller, &WORDS).header("x-file-credential", json!({ "pin": PIN }).to_string());
            let response = response.send().await.unwrap();
            answers.push(format!("{:?}", response.headers()));
            if !response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream") {
                answers.push(response.text().await.unwrap());
            }
        }
        let credential = json!({ "pin": PIN }).to_string();
        let file = caller.upload(&[bytes(5, 1)], &[], &[("credential", &credential)]).await;
        caller.done(&file, Some(&credential)).await;
        let link = file["download_url"].as_str().unwrap();
        assert_eq!(caller.follow(link).await, bytes(5, 1));
        signature = link.rsplit("ignature=").next().unwrap()[..40].to_owned();
        let query = client.url(&format!("/file/get/{}?pin={PIN}", file["id"].as_str().unwrap()));
        assert_eq!(client.http.get(query).send().await.unwrap().status(), 200);
    }
    let metrics = client.http.get(format!("{}/metrics", client.base)).send().await.unwrap();
    answers.push(metrics.text().await.unwrap());
    answers.push(std::fs::read_to_string(format!("/proc/{}/cmdline", service.pid().as_raw_nonzero())).unwrap());
    let mut audit = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
    audit.args(["audit", "--json"]);
    let (_, record, complaint) = run(audit).await;
    answers.extend([record, complaint]);
    answers.extend(service.log());
    answers
        .push(eventually("traces are exported", async || Some(collector.text()).filter(|text| !text.is_empty())).await);
    let secrets = [
        &key[21..],
        &token[20..60],
        &token[token.len() - 20..],
        &jwt[jwt.len() - 30..],
        JWT_SECRET,
        PIN,
        &store_secret,
        &signature,
    ];
    for secret in secrets {
        for text in &answers {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
