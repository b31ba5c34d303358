//! Callers that do not give up: they try again until they are answered, and write every answer down.

use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::ledger::{Ledger, Promised, sha256};
use crate::support::bytes;

const MIB: usize = 1024 * 1024;
/// No request may take longer.
const LONGEST_REQUEST: Duration = Duration::from_secs(35);
/// How long a caller tries before it says that the service is stuck.
const PATIENCE: Duration = Duration::from_mins(4);
const PAUSE: Duration = Duration::from_millis(150);
const CREDENTIAL: &str = r#"{"user_id": "84793"}"#;

/// By which way chunks go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Form,
    Raw,
    Direct,
}

/// One upload as it shall be made.
#[derive(Debug, Clone)]
pub struct Plan {
    pub door: Door,
    pub sizes: Vec<usize>,
    /// Whether init is told extension and visibility.
    pub hinted: bool,
    pub private: bool,
    pub seed: u64,
}

impl Plan {
    /// Any kind of upload.
    pub fn random(random: &mut StdRng) -> Self {
        let door = [Door::Form, Door::Raw, Door::Direct][random.random_range(0..3)];
        let (large, small) = (5 * MIB + random.random_range(0..1000), random.random_range(1..200_000));
        let sizes = match (door, random.random_range(0..5)) {
            (Door::Direct, _) => vec![6 * MIB, small],
            (_, 0) => vec![small],
            (_, 1) => vec![small, 70_000, small],
            (_, 2) => vec![small, large, small],
            _ => vec![large, small],
        };
        Self { door, sizes, hinted: random.random(), private: random.random(), seed: random.random() }
    }

    /// An upload of these chunks by raw bodies, which told init nothing.
    pub fn raw(sizes: &[usize], seed: u64) -> Self {
        Self { door: Door::Raw, sizes: sizes.to_vec(), hinted: false, private: false, seed }
    }

    pub fn chunks(&self) -> Vec<Vec<u8>> {
        self.sizes.iter().zip(0..).map(|(size, index)| bytes(*size, self.seed.wrapping_add(index))).collect()
    }
}

/// A caller.
#[derive(Clone)]
pub struct Caller {
    http: Client,
    base: String,
    pub ledger: Arc<Ledger>,
}

impl Caller {
    pub fn new(base: &str, ledger: &Arc<Ledger>) -> Self {
        // Once for the whole process; it does not matter who is first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().no_proxy().timeout(LONGEST_REQUEST).build().unwrap();
        Self { http, base: format!("{base}/api/v1"), ledger: Arc::clone(ledger) }
    }

    /// Asks once; status and body of the answer, if there is one.
    pub async fn once(&self, what: &str, request: RequestBuilder) -> Option<(u16, Value)> {
        match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                let body = answer.bytes().await.ok()?;
                let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
                self.ledger.note(&format!("{what}: {status} {}", body["message"].as_str().unwrap_or_default()));
                Some((status, body))
            }
            Err(error) => {
                if error.is_timeout() {
                    self.ledger.broken(&format!("{what}: no answer in {LONGEST_REQUEST:?}"));
                }
                self.ledger.note(&format!("{what}: {error}"));
                None
            }
        }
    }

    /// Asks until the answer is 200; its data. `None` when the answer is one that must never come.
    pub async fn insist(&self, what: &str, request: impl Fn() -> RequestBuilder) -> Option<Value> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.once(what, request()).await {
                Some((200, body)) => return Some(body["data"].clone()),
                // What a cut makes of a request, or a part of the service that is away.
                None | Some((400 | 408 | 500..=599, _)) => sleep(PAUSE).await,
                Some((status, body)) => {
                    self.ledger.broken(&format!("{what} was answered with {status}: {body}"));
                    return None;
                }
            }
        }
        self.ledger.broken(&format!("{what}: not done in {PATIENCE:?}"));
        None
    }

    /// Opens an upload; its identifier.
    pub async fn init(&self, plan: &Plan) -> Option<String> {
        let hints = json!({
            "total_size": plan.sizes.iter().sum::<usize>(),
            "file_extension": plan.hinted.then_some("txt"),
            "visibility": plan.hinted.then_some(if plan.private { "private" } else { "public" }),
        });
        let url = format!("{}/file/upload/init/", self.base);
        let data = self.insist("init", || self.http.post(&url).json(&hints)).await?;
        Some(data["upload_id"].as_str()?.to_owned())
    }

    /// Sends a chunk until it is acknowledged; whether it was.
    pub async fn chunk(&self, upload: &str, door: Door, index: usize, bytes: &[u8]) -> bool {
        let what = format!("chunk {index} of {upload} with SHA-256 {}", sha256(bytes));
        let sent = match door {
            Door::Form => {
                let url = format!("{}/file/upload/chunk/", self.base);
                let form = || {
                    let file = Part::bytes(bytes.to_vec()).file_name("blob");
                    let form =
                        Form::new().text("chunk_size", bytes.len().to_string()).text("upload_id", upload.to_owned());
                    form.text("chunk_index", index.to_string()).part("file", file)
                };
                self.insist(&what, || self.http.post(&url).multipart(form())).await
            }
            Door::Raw => {
                let url = self.chunk_url(upload, index);
                self.insist(&what, || self.http.put(&url).body(bytes.to_vec())).await
            }
            Door::Direct => {
                let url = format!("{}/file/upload/{upload}/urls", self.base);
                let links = self.insist("urls", || self.http.post(&url).json(&json!({ "indexes": [index] }))).await;
                let Some(link) = links.and_then(|data| data["urls"][0]["url"].as_str().map(str::to_owned)) else {
                    return false;
                };
                self.insist(&what, || self.http.put(&link).body(bytes.to_vec())).await
            }
        };
        sent.is_some()
    }

    pub fn chunk_url(&self, upload: &str, index: usize) -> String {
        format!("{}/file/upload/{upload}/chunk/{index}", self.base)
    }

    /// The request that completes an upload.
    pub fn completion(&self, upload: &str, plan: &Plan) -> RequestBuilder {
        let fields = json!({
            "upload_id": upload,
            "total_chunks": plan.sizes.len(),
            "total_size": plan.sizes.iter().sum::<usize>(),
            "file_extension": "txt",
            "content_type": "text/plain",
            "credential": plan.private.then_some(CREDENTIAL),
        });
        self.http.post(format!("{}/file/upload/complete/", self.base)).json(&fields)
    }

    /// Completes an upload and writes the promise down; the file's identifier.
    pub async fn complete(&self, upload: &str, plan: &Plan) -> Option<String> {
        let data = self.insist(&format!("complete {upload}"), || self.completion(upload, plan)).await?;
        let file = data["id"].as_str()?.to_owned();
        let sha256 = sha256(&plan.chunks().concat());
        let credential = plan.private.then_some(CREDENTIAL);
        self.ledger.promise(Promised { upload: upload.to_owned(), file: file.clone(), sha256, credential });
        Some(file)
    }

    /// Sends all chunks of a new upload; its identifier.
    pub async fn send(&self, plan: &Plan) -> Option<String> {
        let upload = self.init(plan).await?;
        for (index, chunk) in plan.chunks().iter().enumerate() {
            if !self.chunk(&upload, plan.door, index, chunk).await {
                return None;
            }
        }
        Some(upload)
    }

    /// Makes a whole upload; the file's identifier.
    pub async fn upload(&self, plan: &Plan) -> Option<String> {
        let upload = self.send(plan).await?;
        self.complete(&upload, plan).await
    }

    /// A request about a file, with its credential.
    pub fn about(&self, file: &Promised, what: &str) -> RequestBuilder {
        let request = self.http.get(format!("{}/file/{what}/{}", self.base, file.file));
        match file.credential {
            Some(credential) => request.header("x-file-credential", credential),
            None => request,
        }
    }

    pub fn http(&self) -> &Client {
        &self.http
    }

    pub fn base(&self) -> &str {
        &self.base
    }
}
