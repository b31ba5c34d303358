//! The health routes.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::app::ApiState;
use crate::dto::envelope::Success;
use crate::dto::health::{Live, Ready};
use crate::handlers;

/// The process answers
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = Success<Live>)))]
pub(super) async fn live() -> Json<Success<Live>> {
    Json(Success::new(Live { status: "ok" }))
}

/// The service can do its work
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    responses(
        (status = 200, body = Success<Ready>),
        (status = 503, description = "A dependency is out, or the service is starting or stopping", body = Success<Ready>)
    )
)]
pub(super) async fn ready(State(state): State<ApiState>) -> (StatusCode, Json<Success<Ready>>) {
    let ready = handlers::health::ready(&state).await;
    let fine = ready.status == "ok";
    let status = if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Success { data: ready, message: String::new(), success: fine }))
}
