//! Tokens that somebody else gives out, and the server that publishes their keys: in order, slow, huge, gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::deployment::Service;
use crate::support::{Client, Deployment, bytes};

const ISSUER: &str = "https://issuer.example";
/// In the address of the keys.
const SECRET: &str = "a-secret-that-no-log-may-show";

struct Issuer {
    key: Ed25519KeyPair,
    id: &'static str,
}

impl Issuer {
    fn new(id: &'static str) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new()).unwrap();
        Self { key: Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap(), id }
    }

    fn public(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.key.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x, "use": "sig" })
    }

    fn token(&self, changes: &Value) -> String {
        let exp = chrono::Utc::now().timestamp() + 300;
        let mut claims = json!({ "iss": ISSUER, "aud": "files", "sub": "ada", "exp": exp, "org": "acme",
                                 "scope": "openid files:read files:write users" });
        claims.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let encoded = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encoded(&json!({ "alg": "EdDSA", "kid": self.id })), encoded(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

/// What the server of keys does next.
#[derive(Clone)]
enum Conduct {
    Answer(Value),
    Huge,
    Silent,
    HangUp,
}

struct KeyServer {
    url: String,
    conduct: Arc<Mutex<Conduct>>,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (conduct, asked) = (Arc::new(Mutex::new(conduct)), Arc::new(AtomicUsize::new(0)));
        let (current, count) = (Arc::clone(&conduct), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let conduct = current.lock().unwrap().clone();
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 4096]).await;
                    let body = match conduct {
                        Conduct::Answer(keys) => keys.to_string(),
                        Conduct::Huge => " ".repeat(10 << 20),
                        Conduct::Silent => return std::future::pending().await,
                        Conduct::HangUp => return,
                    };
                    let head =
                        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        Self { url, conduct, asked }
    }

    fn now(&self, conduct: Conduct) {
        *self.conduct.lock().unwrap() = conduct;
    }
}

async fn trusting(server: &KeyServer, auth: &str) -> (Deployment, Service) {
    let deployment = Deployment::embedded().await.closed().await.set("APP_AUTH", auth);
    let deployment = deployment.set("APP_JWT_ISSUER", ISSUER).set("APP_JWT_AUDIENCE", "files");
    let deployment =
        deployment.set("APP_JWT_JWKS_URL", format!("{}?key={SECRET}", server.url)).set("APP_JWT_TENANT_CLAIM", "org");
    let deployment = deployment.set("APP_JWT_USER_CLAIM", "user");
    let service = deployment.api().await;
    (deployment, service)
}

async fn status(service: &Service, token: &str) -> u16 {
    service.client_with(Some(token)).get("/users").await.status
}

#[tokio::test]
async fn a_trusted_issuers_token_opens_what_it_says() {
    let issuer = Issuer::new("one");
    let server = KeyServer::start(Conduct::Answer(json!({ "keys": [issuer.public()] }))).await;
    let (_data, service) = trusting(&server, "keys,jwt").await;
    let client: Client = service.client_with(Some(&issuer.token(&json!({}))));
    let user = client.post("/users", &[("name", "Ada")]).await.data()["id"].as_str().unwrap().to_owned();
    // What a user uploads is theirs.
    let hers = service.client_with(Some(&issuer.token(&json!({ "user": user }))));
    assert_eq!(hers.upload(&[bytes(9, 1)], &[], &[]).await["user_id"], *user);
    // Nor do they get a token for anybody else.
    let other = client.post("/users", &[("name", "Bea")]).await.data()["id"].as_str().unwrap().to_owned();
    for (of, status) in [(&user, 200), (&other, 403)] {
        let fields = [("max_size", "9"), ("user_id", of.as_str())];
        assert_eq!(hers.post("/file/upload/token", &fields).await.status, status);
    }
    assert_eq!(client.get("/keys").await.status, 403);
    assert_eq!(client.get("/usage").await.data()["tenant"], "acme");
    let other = service.client_with(Some(&issuer.token(&json!({ "org": "other" }))));
    assert_eq!(other.get(&format!("/file/all?user_id={user}")).await.status, 404);
    // Keys of ours work beside it, and the issuer's server is not asked for them, nor for every token.
    assert_eq!(service.client().get("/keys").await.status, 200);
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    for bad in [json!({ "aud": "others" }), json!({ "iss": "me" }), json!({ "exp": 1 }), json!({ "org": null })] {
        assert_eq!(status(&service, &issuer.token(&bad)).await, 401, "{bad}");
    }
    assert_eq!(status(&service, &Issuer::new("one").token(&json!({}))).await, 401);
}

#[tokio::test]
async fn where_only_tokens_count_keys_do_not() {
    let issuer = Issuer::new("one");
    let server = KeyServer::start(Conduct::Answer(json!({ "keys": [issuer.public()] }))).await;
    let (_data, service) = trusting(&server, "jwt").await;
    assert_eq!(status(&service, &issuer.token(&json!({}))).await, 200);
    assert_eq!(service.client().get("/users").await.status, 401);
}

#[tokio::test]
async fn a_server_of_keys_that_misbehaves_lets_nobody_in_and_keeps_nobody_out() {
    let (issuer, next) = (Issuer::new("one"), Issuer::new("two"));
    for conduct in [Conduct::Huge, Conduct::HangUp, Conduct::Answer(json!({ "keys": [] })), Conduct::Answer(json!(7))] {
        let server = KeyServer::start(conduct).await;
        let (_data, service) = trusting(&server, "keys,jwt").await;
        // Nobody can tell whether the token is good.
        assert_eq!(status(&service, &issuer.token(&json!({}))).await, 503);
        assert_eq!(status(&service, "no token at all").await, 401);
        assert!(service.log().iter().any(|line| line.contains("APP_JWT_JWKS_URL gives no keys")));
        assert!(!service.log().iter().any(|line| line.contains(SECRET)));
        assert_eq!(service.client().get("/users").await.status, 200);
    }
    let server = KeyServer::start(Conduct::Answer(json!({ "keys": [issuer.public()] }))).await;
    let (_data, service) = trusting(&server, "keys,jwt").await;
    assert_eq!(status(&service, &issuer.token(&json!({}))).await, 200);
    // The server is gone: who is known stays so, and whoever makes keys up does not make us ask again and again.
    for conduct in [Conduct::Silent, Conduct::HangUp] {
        server.now(conduct);
        for _ in 0..20 {
            assert_eq!(status(&service, &next.token(&json!({}))).await, 401);
            assert_eq!(status(&service, &issuer.token(&json!({}))).await, 200);
        }
    }
    assert_eq!(server.asked.load(Ordering::SeqCst), 1);
}
