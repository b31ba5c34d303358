//! What the API's description says of answers that routes have in common: refusals of callers and for want of room, and
//! words for each status, which OpenAPI requires (version 3.1.0, section 4.8.17).

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::rules::{self, Rule};

/// Statuses with which any route may refuse who calls, and what they mean.
const OF_CALLERS: &[(&str, &str)] = &[
    ("400", "The request cannot be read, or shows two credentials"),
    ("401", "Nothing was shown of who calls, or nothing that counts"),
    ("403", "What was shown does not allow this"),
    ("429", "More than a rate or a limit allows"),
    ("503", "Something that is needed is away, or there is no room now: come again after `Retry-After` seconds"),
];
/// The same for what has a body.
const OF_BODIES: &[(&str, &str)] = &[("408", "The body came too slowly"), ("413", "More bytes than a limit allows")];
/// The same for what writes.
const OF_WRITES: &[(&str, &str)] = &[("507", "No space left")];
/// The same for everything.
const OF_ALL: &[(&str, &str)] =
    &[("421", "Another host is named than this service, and whoever reaches it may do everything")];

/// Completes the answers of all routes.
pub(super) fn describe(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let operations =
            [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let rule = method.parse().map_or(Rule::Open, |method| rules::of(&method, path));
            complete(operation, rule, method != "GET");
        }
    }
}

fn complete(operation: &mut Operation, rule: Rule, writes: bool) {
    let of_callers = if rule == Rule::Open { &[] } else { OF_CALLERS };
    let of_bodies = if operation.request_body.is_some() { OF_BODIES } else { &[] };
    let of_writes = if writes { OF_WRITES } else { &[] };
    let responses = &mut operation.responses.responses;
    for (status, meaning) in [of_callers, of_bodies, of_writes, OF_ALL].concat() {
        responses.entry(status.to_owned()).or_insert_with(|| refusal(meaning).into());
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            in_words(status).clone_into(&mut response.description);
        }
    }
}

fn refusal(meaning: &str) -> Response {
    let error = Content::new(Some(Ref::from_schema_name("Error")));
    ResponseBuilder::new().description(meaning).content("application/json", error).build()
}

fn in_words(status: &str) -> &str {
    let of_callers = OF_CALLERS.iter().find(|(known, _)| *known == status).map(|(_, meaning)| *meaning);
    let phrase = || status.parse::<StatusCode>().ok()?.canonical_reason();
    of_callers.or_else(phrase).unwrap_or(status)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use crate::routes::openapi;

    /// All operations, each behind its method.
    fn operations(api: &Value) -> Vec<(&str, &Value)> {
        let items = api["paths"].as_object().unwrap().values();
        items.flat_map(|item| item.as_object().unwrap().iter().map(|(method, it)| (method.as_str(), it))).collect()
    }

    #[test]
    fn what_has_a_body_may_be_too_slow_or_too_long_and_what_writes_may_find_no_space() {
        let api: Value = serde_json::from_str(&openapi().unwrap()).unwrap();
        for (method, operation) in operations(&api) {
            let has = |status: &str| operation["responses"].get(status).is_some();
            let name = &operation["operationId"];
            assert_eq!((has("408"), has("413")), [operation.get("requestBody").is_some(); 2].into(), "{name}");
            assert_eq!(has("507"), method != "get", "{name}");
            assert!(has("421"), "{name}");
        }
    }

    #[test]
    fn every_answer_has_a_description_and_every_operation_a_name_of_its_own() {
        let api: Value = serde_json::from_str(&openapi().unwrap()).unwrap();
        let operations = operations(&api);
        let names: HashSet<&str> =
            operations.iter().map(|(_, operation)| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), operations.len());
        for (_, operation) in operations {
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{status} of {}", operation["operationId"]);
            }
        }
    }
}
