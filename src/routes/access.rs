//! Finds out who calls, and lets in whom the route's rule lets in.

use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, OpenApi};

use super::errors::ApiError;
use super::origin::Origin;
use super::rates::Rates;
use super::rules::{self, Rule};
use crate::app::ApiState;
use crate::domain::Caller;
use crate::services::access::{AccessError, AccessService};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const BEARER: &str = "bearer ";
/// The names of the two ways in the API's description.
const SCHEMES: [&str; 2] = ["bearer", "api_key"];

/// Lets a request in, with who calls as an extension, or refuses it.
pub(super) async fn authorize(
    State((state, rates)): State<(ApiState, Rates)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>();
    let rule = path.map_or(Rule::Open, |path| rules::of(&parts.method, path.as_str()));
    if rule == Rule::Open {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let address = parts.extensions.get::<Origin>().map(|origin| origin.0);
    let admitted = match rates.check_address(address) {
        Ok(()) => admitted(&state.access, rule, &parts).await,
        Err(error) => Err(error),
    };
    let caller = match admitted.and_then(|caller| rates.check_caller(&caller).map(|()| caller)) {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    let shows_too_little = caller.is_stranger() && !shown(&parts.headers).is_empty();
    parts.extensions.insert(Caller { address, ..caller });
    let response = next.run(Request::from_parts(parts, body)).await;
    match rule.scope() {
        Some(scope) if shows_too_little && response.status() == StatusCode::UNAUTHORIZED => {
            ApiError::out_of_scope(scope).into_response()
        }
        _ => response,
    }
}

async fn admitted(access: &AccessService, rule: Rule, parts: &Parts) -> Result<Caller, ApiError> {
    let shown = shown(&parts.headers);
    let caller = match shown.as_slice() {
        [] => access.nobody(),
        [credential] => known(access, rule, *credential).await?,
        [first, ..] if access.is_off() => known(access, rule, *first).await?,
        _ => return Err(ApiError::new(StatusCode::BAD_REQUEST, "Credentials were sent twice!")),
    };
    if caller.is_stranger() && !rule.takes_strangers(parts.uri.query().unwrap_or_default()) {
        return Err(ApiError::unauthorized());
    }
    if rule.admits(&caller) {
        return Ok(caller);
    }
    // What everyone may have, and who has a link, is not kept from somebody who shows something beside it.
    if rule.takes_strangers(parts.uri.query().unwrap_or_default()) {
        return Ok(access.nobody());
    }
    Err(rule.scope().map_or_else(ApiError::forbidden, ApiError::out_of_scope))
}

async fn known(access: &AccessService, rule: Rule, credential: Option<&str>) -> Result<Caller, ApiError> {
    match credential {
        Some(credential) => access.caller(credential, rule.scope()).await.map_err(ApiError::from),
        // A scheme that is not ours: of no account where anyone may do anything.
        None if access.is_off() => Ok(access.nobody()),
        None => Err(ApiError::unauthorized()),
    }
}

/// What a request shows of whom it is from (RFC 6750 section 2.1); `None` for what cannot be a credential of ours.
fn shown(headers: &HeaderMap) -> Vec<Option<&str>> {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().map(bearer);
    let keys = headers.get_all(API_KEY).iter().map(|value| value.to_str().ok());
    bearers.chain(keys).collect()
}

/// The scheme's name has no case (RFC 9110 section 11.1).
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, credential) = value.to_str().ok()?.split_at_checked(BEARER.len())?;
    scheme.eq_ignore_ascii_case(BEARER).then(|| credential.trim())
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::NotValid => Self::unauthorized(),
            AccessError::Failed(failure) => failure.into(),
        }
    }
}

/// Adds to the API's description what callers show, route by route.
pub(super) fn describe(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::new);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
    let bearer = bearer.description(Some("An API key, an upload token, or a JWT where the operator allows it"));
    let api_key = ApiKey::Header(ApiKeyValue::with_description(API_KEY.as_str(), "An API key"));
    components.add_security_scheme(SCHEMES[0], SecurityScheme::Http(bearer.build()));
    components.add_security_scheme(SCHEMES[1], SecurityScheme::ApiKey(api_key));
    for (path, item) in &mut api.paths.paths {
        let operations =
            [("GET", &mut item.get), ("POST", &mut item.post), ("PUT", &mut item.put), ("DELETE", &mut item.delete)];
        for (method, operation) in operations {
            let rule = method.parse().map_or(Rule::Open, |method| rules::of(&method, path));
            let Some(operation) = operation.as_mut().filter(|_| rule != Rule::Open) else { continue };
            let ways = SCHEMES.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
            let none = rule.takes_links().then(SecurityRequirement::default);
            operation.security = Some(ways.into_iter().chain(none).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_wherever_they_may_be() {
        let headers = |pairs: &[(&str, &str)]| -> HeaderMap {
            pairs.iter().map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap())).collect()
        };
        assert_eq!(shown(&headers(&[])), Vec::<Option<&str>>::new());
        assert_eq!(shown(&headers(&[("authorization", "bEARER  x ")])), [Some("x")]);
        assert_eq!(shown(&headers(&[("x-api-key", "x")])), [Some("x")]);
        assert_eq!(shown(&headers(&[("authorization", "Basic x"), ("x-api-key", "y")])), [None, Some("y")]);
        for bad in ["", "bearer", "Bearer\u{e4}", "ä"] {
            assert_eq!(shown(&headers(&[("authorization", bad)])), [None], "{bad:?}");
        }
    }
}
