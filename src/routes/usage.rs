//! The route of what a caller's tenant has and may have.

use axum::extract::State;
use axum::{Extension, Json};

use super::upload::Answer;
use crate::app::ApiState;
use crate::domain::Caller;
use crate::dto::envelope::{Error, Success};
use crate::dto::usage::UsageAnswer;
use crate::handlers;

/// What the caller may do, and what its tenant has and may have
///
/// A limit that is `null` is none.
#[utoipa::path(
    get,
    path = "/usage",
    tag = "usage",
    responses((status = 200, body = Success<UsageAnswer>), (status = 401, body = Error), (status = 503, body = Error))
)]
pub(super) async fn usage(State(state): State<ApiState>, Extension(caller): Extension<Caller>) -> Answer<UsageAnswer> {
    Ok(Json(Success::new(handlers::usage::usage(&state, &caller).await?)))
}
