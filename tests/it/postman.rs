//! The Postman collection: complete, and green from its first request to its last on a clean database.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::support::Deployment;

const COLLECTION: &str = include_str!("../../postman/filemanager.postman_collection.json");
const DESCRIPTION: &str = include_str!("../../openapi.json");

async fn passes(deployment: Deployment) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("postman");
    let newman = folder.join("node_modules/.bin/newman");
    assert!(newman.exists(), "newman is missing; scripts/install-test-deps installs it");
    let services = deployment.start().await;
    let (host, key) =
        (format!("host={}", services[0].client().base), format!("key={}", deployment.key().unwrap_or_default()));
    let mut arguments = vec!["run", "filemanager.postman_collection.json", "--working-dir", ".", "--bail"];
    arguments.extend(["--env-var", &host, "--env-var", &key]);
    let output = Command::new(newman).args(arguments).current_dir(folder).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
async fn the_collection_passes_on_the_embedded_service() {
    passes(Deployment::embedded().await).await;
}

#[tokio::test]
async fn the_collection_passes_on_a_service_that_wants_a_key() {
    passes(Deployment::embedded().await.closed().await).await;
}

#[tokio::test]
async fn the_collection_passes_on_the_full_service() {
    passes(Deployment::full().await).await;
}

/// Method and path of every request, folder by folder.
fn requests(items: &Value, found: &mut Vec<(String, String)>) {
    for item in items.as_array().unwrap() {
        if item.get("item").is_some() {
            requests(&item["item"], found);
            continue;
        }
        let method = item["request"]["method"].as_str().unwrap().to_lowercase();
        let url = item["request"]["url"].as_str().unwrap().replace("{{host}}", "");
        let path = url.split('?').next().unwrap().trim_end_matches('/').to_owned();
        assert!(!item["response"].as_array().unwrap().is_empty(), "{method} {path} has no example");
        found.push((method, path));
    }
}

fn fits(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<_>, Vec<_>) = (path.split('/').collect(), pattern.split('/').collect());
    path.len() == pattern.len()
        && path.iter().zip(pattern).all(
            |(part, wanted)| {
                if wanted.starts_with('{') { part.starts_with("{{") } else { *part == wanted }
            },
        )
}

#[test]
fn the_collection_has_every_route() {
    let (collection, description): (Value, Value) =
        (serde_json::from_str(COLLECTION).unwrap(), serde_json::from_str(DESCRIPTION).unwrap());
    let mut found = Vec::new();
    requests(&collection["item"], &mut found);
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let known = |(known, url): &(String, String)| {
                known == method && (fits(url, path) || fits(url, &path.replace("{index}", "0")))
            };
            assert!(found.iter().any(known), "{method} {path} is not in the collection");
        }
    }
}
