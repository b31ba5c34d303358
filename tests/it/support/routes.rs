//! The routes of the API as it describes itself.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::Client;

/// A route of the API.
#[derive(Debug, Clone)]
pub struct Route {
    pub method: Method,
    /// As it was declared, with its parameters in braces.
    pub path: String,
    /// Whether the description says that a caller must show something.
    pub closed: bool,
}

impl Route {
    /// A request of it, with these words in the place of its parameters, one after the other.
    pub fn request(&self, client: &Client, words: &[&str]) -> RequestBuilder {
        let mut path = self.path.clone();
        for word in words {
            let Some((before, rest)) = path.split_once('{') else { break };
            let (_, after) = rest.split_once('}').expect("a closing brace");
            path = format!("{before}{word}{after}");
        }
        client.http.request(self.method.clone(), format!("{}{path}", client.base))
    }
}

/// All routes.
pub async fn routes(client: &Client) -> Vec<Route> {
    let description: Value =
        client.http.get(format!("{}/openapi.json", client.base)).send().await.unwrap().json().await.unwrap();
    let mut routes = Vec::new();
    for (path, item) in description["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let ways = operation["security"].as_array().cloned().unwrap_or_default();
            routes.push(Route {
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                closed: !ways.is_empty(),
            });
        }
    }
    assert!(routes.len() > 20, "{routes:?}");
    routes
}
