//! The web page, as a person uses it in headless Chromium. What is done there is in `frontend/e2e`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::support::Deployment;

/// Runs a story of `frontend/e2e`. The service's data folder is told where it keeps its objects there, and a key that may do
/// everything where it asks for keys.
async fn tell(deployment: Deployment, name: &str, story: &str, data: Option<PathBuf>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let frontend = root.join("frontend");
    assert!(frontend.join("out/index.html").exists(), "the page is not built; `make page` builds it");
    let screenshots = root.join("target/screenshots").join(name);
    std::fs::create_dir_all(&screenshots).unwrap();
    let services = deployment.start().await;
    let address = format!("{}/", services[0].client().base);
    let mut node = Command::new("node");
    node.arg(format!("e2e/{story}.mjs")).arg(address).arg(screenshots).args(data).current_dir(frontend);
    if deployment.settings.contains_key("APP_AUTH") {
        let all = "files:read,files:write,files:delete,users,admin";
        node.env("STORY_KEY", deployment.new_key(&["story", "--scope", all]).await);
    }
    let output = node.output().await.expect("node");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{told}");
    println!("{told}");
}

async fn embedded(story: &str) {
    let deployment = Deployment::embedded().await;
    let data = deployment.folder.path().join("data");
    tell(deployment, "embedded", story, Some(data)).await;
}

async fn full(story: &str) {
    tell(Deployment::full().await, "full", story, None).await;
}

#[tokio::test]
async fn the_page_takes_files_and_gives_them_back_embedded() {
    embedded("story").await;
}

#[tokio::test]
async fn the_page_takes_files_and_gives_them_back_full() {
    full("story").await;
}

#[tokio::test]
async fn the_page_shows_hides_and_deletes_files_embedded() {
    embedded("files").await;
}

#[tokio::test]
async fn the_page_shows_hides_and_deletes_files_full() {
    full("files").await;
}

#[tokio::test]
async fn the_page_survives_troubles_embedded() {
    embedded("troubles").await;
}

#[tokio::test]
async fn the_page_survives_troubles_full() {
    full("troubles").await;
}

#[tokio::test]
async fn the_page_signs_in_and_shows_what_is_allowed_embedded() {
    tell(Deployment::embedded().await.closed().await, "embedded", "access", None).await;
}

#[tokio::test]
async fn the_page_signs_in_and_shows_what_is_allowed_full() {
    tell(Deployment::full().await.closed().await, "full", "access", None).await;
}
