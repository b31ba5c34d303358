//! The upload routes.

use axum::extract::State;
use axum::{Extension, Json};

use super::errors::ApiError;
use super::extract::chunk_form::ChunkUpload;
use super::extract::fields::FormFields;
use super::observe::{Trace, note_file, note_upload};
use crate::app::ApiState;
use crate::domain::Caller;
use crate::dto::envelope::{Error, Success};
use crate::dto::file::FileAnswer;
use crate::dto::upload::{
    ChunkAnswer, ChunkForm, CompleteForm, CompleteRequest, InitAnswer, InitForm, InitRequest, RetryForm, RetryRequest,
};
use crate::handlers;
use crate::services::FieldError;

/// The contract's words for a chunk that is safe.
pub(super) const CHUNK_IS_SAFE: &str = "The chunk is uploaded successfully!";

/// What the upload routes answer.
pub(super) type Answer<T> = Result<Json<Success<T>>, ApiError>;

/// Begin an upload
#[utoipa::path(
    post,
    path = "/file/upload/init",
    tag = "upload",
    request_body(content(
        (InitForm = "multipart/form-data"),
        (InitForm = "application/x-www-form-urlencoded"),
        (InitForm = "application/json")
    )),
    responses(
        (status = 200, body = Success<InitAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn init(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    FormFields(fields): FormFields,
) -> Answer<InitAnswer> {
    let request = InitRequest::parse(&fields).map_err(in_body)?;
    let answer = handlers::upload::init(&state, &caller, request).await?;
    note_upload(&answer.upload_id);
    Ok(Json(Success::new(answer)))
}

/// Send a chunk
///
/// Chunks come in any order, in parallel, and again. 200 means that the chunk is safe.
#[utoipa::path(
    post,
    path = "/file/upload/chunk",
    tag = "upload",
    request_body(content = ChunkForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, body = Success<ChunkAnswer>),
        (status = 400, description = "The form cannot be read", body = Error),
        (status = 408, description = "The body came too slowly", body = Error),
        (status = 409, description = "Acknowledged with other bytes, or the upload is completed", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error),
        (status = 507, description = "No space left", body = Error)
    )
)]
pub(super) async fn chunk(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    chunk: ChunkUpload,
) -> Answer<ChunkAnswer> {
    if let Some(id) = chunk.fields.upload_id {
        note_upload(&id.to_string());
    }
    let answer = handlers::upload::chunk(&state, &caller, chunk.fields, chunk.body).await?;
    Ok(Json(Success::with_message(answer, CHUNK_IS_SAFE)))
}

/// Complete an upload
///
/// The same upload gives the same file, however often it is completed.
#[utoipa::path(
    post,
    path = "/file/upload/complete",
    tag = "upload",
    request_body(content(
        (CompleteForm = "multipart/form-data"),
        (CompleteForm = "application/x-www-form-urlencoded"),
        (CompleteForm = "application/json")
    )),
    responses(
        (status = 200, body = Success<FileAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn complete(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Extension(trace): Extension<Trace>,
    FormFields(fields): FormFields,
) -> Answer<FileAnswer> {
    let request = CompleteRequest::parse(&fields).map_err(in_body)?;
    if let Some(completion) = &request.0 {
        note_upload(&completion.upload_id.to_string());
    }
    let answer = handlers::upload::complete(&state, &caller, request, &trace.0).await?;
    note_file(&answer.id.to_string());
    Ok(Json(Success::new(answer)))
}

/// Try a file again that is in FAILURE
#[utoipa::path(
    post,
    path = "/file/upload/retry",
    tag = "upload",
    request_body(content(
        (RetryForm = "multipart/form-data"),
        (RetryForm = "application/x-www-form-urlencoded"),
        (RetryForm = "application/json")
    )),
    responses(
        (status = 200, body = Success<FileAnswer>),
        (status = 400, description = "The file is stored or on its way", body = Error),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn retry(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    Extension(trace): Extension<Trace>,
    FormFields(fields): FormFields,
) -> Answer<FileAnswer> {
    let request = RetryRequest::parse(&fields).map_err(in_body)?;
    if let Some(id) = request.file_id {
        note_file(&id.to_string());
    }
    let answer = handlers::upload::retry(&state, &caller, request, &trace.0).await?;
    Ok(Json(Success::new(answer)))
}

pub(super) fn in_body(errors: Vec<FieldError>) -> ApiError {
    ApiError::fields("body", errors)
}
