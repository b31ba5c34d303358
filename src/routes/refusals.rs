//! What the API's description says of answers that routes have in common: refusals of callers and for want of room, and
//! words for each status, which OpenAPI requires (version 3.1.0, section 4.8.17).

use axum::http::StatusCode;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::rules::{self, Rule};

/// Statuses with which any route may refuse who calls, and what they mean.
const OF_CALLERS: &[(&str, &str)] = &[
    ("401", "Nothing was shown of who calls, or nothing that counts"),
    ("403", "What was shown does not allow this"),
    ("429", "More than a rate or a limit allows"),
    ("503", "Something that is needed is away, or there is no room now: come again after `Retry-After` seconds"),
];
/// The same for what takes a file in.
const OF_BYTES: (&str, &str) = ("413", "More bytes than a limit allows");

/// Completes the answers of all routes.
pub(super) fn describe(api: &mut OpenApi) {
    for (path, item) in &mut api.paths.paths {
        let operations =
            [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (method, operation) in operations {
            let Some(operation) = operation else { continue };
            let rule = method.parse().map_or(Rule::Open, |method| rules::of(&method, path));
            complete(operation, rule);
        }
    }
}

fn complete(operation: &mut Operation, rule: Rule) {
    let takes_bytes = matches!(rule, Rule::Upload | Rule::Chunk) && operation.request_body.is_some();
    let of_callers = OF_CALLERS.iter().filter(|_| rule != Rule::Open);
    let responses = &mut operation.responses.responses;
    for (status, meaning) in of_callers.chain(takes_bytes.then_some(&OF_BYTES)) {
        responses.entry((*status).to_owned()).or_insert_with(|| refusal(meaning).into());
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

    #[test]
    fn every_answer_has_a_description_and_every_operation_a_name_of_its_own() {
        let api: Value = serde_json::from_str(&openapi().unwrap()).unwrap();
        let items = api["paths"].as_object().unwrap().values();
        let operations: Vec<&Value> = items.flat_map(|item| item.as_object().unwrap().values()).collect();
        let names: HashSet<&str> =
            operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), operations.len());
        for operation in operations {
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(response["description"].is_string(), "{status} of {}", operation["operationId"]);
            }
        }
    }
}
