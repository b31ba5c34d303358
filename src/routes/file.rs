//! The file routes.

use axum::Json;
use axum::extract::State;

use super::errors::ApiError;
use super::extract::proof::WithCredential;
use super::observe::note_file;
use crate::app::ApiState;
use crate::dto::envelope::{Error, Success};
use crate::dto::file::{FileAnswer, StatusAnswer};
use crate::handlers;

/// A file
///
/// A private file needs its credential: all its pairs in the query, or a JSON object in `x-file-credential`.
#[utoipa::path(
    get,
    path = "/file/get/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object")
    ),
    responses(
        (status = 200, body = Success<FileAnswer>),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    WithCredential { id, proof }: WithCredential,
) -> Result<Json<Success<FileAnswer>>, ApiError> {
    note_file(&id.to_string());
    Ok(Json(Success::new(handlers::file::get(&state, id, &proof).await?)))
}

/// How far a file is
#[utoipa::path(
    get,
    path = "/file/status/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object")
    ),
    responses(
        (status = 200, body = Success<StatusAnswer>),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn status(
    State(state): State<ApiState>,
    WithCredential { id, proof }: WithCredential,
) -> Result<Json<Success<StatusAnswer>>, ApiError> {
    note_file(&id.to_string());
    Ok(Json(Success::new(handlers::file::status(&state, id, &proof).await?)))
}
