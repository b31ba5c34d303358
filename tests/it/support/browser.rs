//! A real browser: headless Chromium, which opens a page of the test's own and tells what it saw.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::{get, post};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::eventually;

type Told = Arc<Mutex<Vec<Value>>>;

pub struct Browser {
    process: Child,
    told: Told,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page, which says what it has to say by a POST of JSON to `/tell`.
    pub async fn open(page: String) -> Self {
        let told = Told::default();
        let server = Router::new()
            .route("/", get(move || async move { Html(page) }))
            .route("/tell", post(note))
            .with_state(Arc::clone(&told));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, server).await });
        let profile = tempfile::tempdir().expect("a temporary folder");
        let process = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromium is missing: scripts/install-test-deps installs it");
        Self { process, told, _profile: profile }
    }

    /// The next thing that the page tells.
    pub async fn told(&self) -> Value {
        eventually("the page tells something", async || self.told.lock().unwrap().pop()).await
    }
}

async fn note(State(told): State<Told>, body: String) {
    told.lock().unwrap().insert(0, serde_json::from_str(&body).expect("the page tells JSON"));
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
