//! The web page, as a person uses it in headless Chromium. What is done there is in `frontend/e2e/story.mjs`.

use std::path::Path;

use tokio::process::Command;

use crate::support::Deployment;

async fn story(deployment: Deployment, name: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let frontend = root.join("frontend");
    assert!(frontend.join("out/index.html").exists(), "the page is not built; `make page` builds it");
    let screenshots = root.join("target/screenshots").join(name);
    std::fs::create_dir_all(&screenshots).unwrap();
    let services = deployment.start().await;
    let address = format!("{}/", services[0].client().base);
    let story = Command::new("node").arg("e2e/story.mjs").arg(address).arg(screenshots).current_dir(frontend).output();
    let output = story.await.expect("node");
    let told = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{told}");
}

#[tokio::test]
async fn the_page_works_on_the_embedded_service() {
    story(Deployment::embedded().await, "embedded").await;
}

#[tokio::test]
async fn the_page_works_on_the_full_service() {
    story(Deployment::full().await, "full").await;
}
