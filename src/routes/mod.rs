//! Paths, extractors and the API's description; the one place that knows HTTP.

mod access;
pub mod admission;
mod border;
mod docs;
mod download;
mod errors;
mod events;
mod extract;
mod file;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod health;
mod host;
mod keys;
pub mod metrics;
mod observe;
pub mod origin;
mod owner;
mod page;
mod rates;
mod refusals;
mod resume;
mod rules;
mod upload;
mod usage;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use tower::ServiceExt;
use tower::util::MapRequest;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::admission::Admission;
use self::errors::ApiError;
use self::origin::TrustedProxies;
use self::rates::Rates;
use crate::app::ApiState;
use crate::config::ServerConfig;
use crate::domain::FileId;

const BASE_PATH: &str = "/api/v1";
/// Where the paths begin of what programs ask for. Those of pages end with a slash.
const FOR_PROGRAMS: [&str; 4] = [BASE_PATH, "/health/", "/metrics", "/openapi.json"];

#[derive(OpenApi)]
#[openapi(info(
    title = "File manager",
    description = "Takes in files of any size in chunks and gives them out by link."
))]
struct Description;

fn described() -> (Router<ApiState>, utoipa::openapi::OpenApi) {
    let api = OpenApiRouter::new()
        .routes(routes!(upload::init))
        .routes(routes!(upload::chunk))
        .routes(routes!(upload::complete))
        .routes(routes!(upload::retry))
        .routes(routes!(keys::token))
        .routes(routes!(file::get))
        .routes(routes!(file::status))
        .routes(routes!(file::of_user))
        .routes(routes!(file::of_appointment))
        .routes(routes!(file::delete))
        .routes(routes!(owner::create_user, owner::users))
        .routes(routes!(owner::delete_user))
        .routes(routes!(owner::create_appointment, owner::appointments))
        .routes(routes!(owner::delete_appointment))
        .routes(routes!(resume::received, resume::abort))
        .routes(routes!(resume::chunk))
        .routes(routes!(resume::urls))
        .routes(routes!(download::download))
        .routes(routes!(events::events))
        .routes(routes!(usage::usage))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke));
    let (router, mut description) = OpenApiRouter::with_openapi(Description::openapi())
        .nest(BASE_PATH, api)
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .split_for_parts();
    access::describe(&mut description);
    refusals::describe(&mut description);
    (router, description)
}

/// The description of the API (OpenAPI 3.1), as JSON.
///
/// # Errors
/// When it cannot be written as JSON, which a test rules out.
pub fn openapi() -> Result<String, serde_json::Error> {
    described().1.to_pretty_json()
}

/// What the server calls for each request.
pub type Api = MapRequest<Router, fn(axum::http::Request<Incoming>) -> Request>;

/// All routes on this state.
#[must_use]
pub fn api(state: ApiState, server: &ServerConfig) -> Api {
    let (router, description) = described();
    let names = host::Names::of(server, state.access.is_off());
    let router = router
        .merge(docs::routes(&description))
        .merge(metrics::routes(state.levels.clone()))
        .merge(page::routes())
        .fallback(page::file)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state((state.clone(), Rates::new(&state.limits)), access::authorize))
        .layer(from_fn_with_state(state.clone(), only_when_prepared))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Admission::new(state.limits), admission::admit))
        .with_state(state);
    let router = router
        .clone()
        .layer(cors(&server.page_origins()))
        .layer(from_fn_with_state(router, past_cors))
        .layer(from_fn_with_state(names, host::check))
        .layer(from_fn(border::protect))
        .layer(from_fn_with_state(TrustedProxies::new(&server.trusted_proxies), observe::request));
    router.map_request(without_trailing_slash as fn(axum::http::Request<Incoming>) -> Request)
}

/// Leads past the layer for CORS what it would answer, but what is no preflight (Fetch standard, "CORS-preflight request"):
/// `OPTIONS` is a method as others are.
async fn past_cors(State(router): State<Router>, mut request: Request, next: Next) -> Response {
    let is_preflight = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD]
        .iter()
        .all(|header| request.headers().contains_key(header));
    if request.method() != Method::OPTIONS || is_preflight {
        return next.run(request).await;
    }
    // It is routed again.
    request.extensions_mut().remove::<MatchedPath>();
    router.oneshot(request).await.into_response()
}

/// Every route for programs answers with and without its trailing slash, without a redirect.
fn without_trailing_slash(request: axum::http::Request<Incoming>) -> Request {
    let mut request = request.map(Body::new);
    let uri = request.uri();
    let path = uri.path();
    if path.ends_with('/') && FOR_PROGRAMS.iter().any(|start| path.starts_with(start)) {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        if let Ok(trimmed) = format!("{}{query}", path.trim_end_matches('/')).parse::<Uri>() {
            *request.uri_mut() = trimmed;
        }
    }
    request
}

/// A route that has no such method. One route fits every word after `/file/`, but only an identifier means it.
async fn wrong_method(matched: MatchedPath, uri: Uri) -> ApiError {
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    if matched.as_str().ends_with("/file/{file_id}") && last.parse::<FileId>().is_err() {
        return ApiError::not_found();
    }
    ApiError::wrong_method()
}

/// Until the database has its schema, callers are told to come back.
async fn only_when_prepared(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    if state.prepared.is_cancelled() || !request.uri().path().starts_with(BASE_PATH) {
        return next.run(request).await;
    }
    ApiError::unavailable("the database is not ready yet".into()).into_response()
}

#[expect(clippy::needless_pass_by_value, reason = "the layer that calls it gives the panic away")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::internal(format!("a handler panicked: {}", text.unwrap_or("without a word"))).into_response()
}

fn cors(origins: &[String]) -> CorsLayer {
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers(AllowHeaders::mirror_request())
        .allow_credentials(true)
        .expose_headers(ExposeHeaders::list([
            observe::REQUEST_ID,
            header::ACCEPT_RANGES,
            header::CONTENT_DISPOSITION,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ]))
}
