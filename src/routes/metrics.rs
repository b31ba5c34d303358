//! The metrics in Prometheus' text format, on the API's port and on one of the worker's own.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::get;
use tower::ServiceExt;

use super::origin::TrustedProxies;
use super::{Api, observe, without_trailing_slash};
use crate::handlers;
use crate::services::levels::LevelService;

/// Prometheus, "text-based format".
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The route, on whatever state knows the levels.
pub(super) fn routes<S: Clone + Send + Sync + 'static>(levels: LevelService) -> Router<S> {
    Router::new().route("/metrics", get(metrics).with_state(levels))
}

/// What a worker serves: nothing but its metrics.
#[must_use]
pub fn worker_api(levels: LevelService) -> Api {
    routes::<()>(levels)
        .layer(from_fn_with_state(TrustedProxies::default(), observe::request))
        .map_request(without_trailing_slash as fn(axum::http::Request<hyper::body::Incoming>) -> axum::extract::Request)
}

async fn metrics(State(levels): State<LevelService>) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT)], handlers::metrics::metrics(&levels).await)
}
