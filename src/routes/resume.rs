//! The routes of one upload: what came in, chunks as raw bodies, links for chunks, giving up.

use axum::extract::State;
use axum::{Extension, Json};

use super::extract::fields::FormFields;
use super::extract::raw_chunk::RawChunk;
use super::extract::upload_id::UploadPath;
use super::observe::{Trace, note_upload};
use super::upload::{Answer, CHUNK_IS_SAFE, in_body};
use crate::app::ApiState;
use crate::domain::Caller;
use crate::dto::envelope::{Error, Success};
use crate::dto::resume::{AbortAnswer, UploadAnswer, UrlsAnswer, UrlsForm};
use crate::dto::upload::ChunkAnswer;
use crate::handlers;
use crate::services::uploads::{IncomingChunk, UploadError};

/// What came in of an upload
///
/// A client that lost its way sends what is missing here, by whichever door.
#[utoipa::path(
    get,
    path = "/file/upload/{upload_id}",
    tag = "upload",
    params(("upload_id" = uuid::Uuid, Path, description = "The upload's identifier")),
    responses((status = 200, body = Success<UploadAnswer>), (status = 422, body = Error), (status = 503, body = Error))
)]
pub(super) async fn received(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    UploadPath(id): UploadPath,
) -> Answer<UploadAnswer> {
    Ok(Json(Success::new(handlers::upload::received(&state, &caller, id).await?)))
}

/// Send a chunk as the raw body
///
/// Needs `Content-Length`. A `Content-Digest` (RFC 9530) with `sha-256` is checked before the chunk is acknowledged.
#[utoipa::path(
    put,
    operation_id = "put_chunk",
    path = "/file/upload/{upload_id}/chunk/{index}",
    tag = "upload",
    params(
        ("upload_id" = uuid::Uuid, Path, description = "The upload's identifier"),
        ("index" = i64, Path, description = "The chunk's place, from 0"),
        ("content-digest" = Option<String>, Header, description = "`sha-256=:…:`")
    ),
    request_body(content_type = "application/octet-stream"),
    responses(
        (status = 200, body = Success<ChunkAnswer>),
        (status = 403, description = "The link is not valid", body = Error),
        (status = 408, description = "The body came too slowly", body = Error),
        (status = 409, description = "Acknowledged with other bytes, or the upload is completed", body = Error),
        (status = 411, description = "Without Content-Length", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error),
        (status = 507, description = "No space left", body = Error)
    )
)]
pub(super) async fn chunk(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    chunk: RawChunk,
) -> Answer<ChunkAnswer> {
    let RawChunk { upload_id, index, sha256, link, body } = chunk;
    let upload_id = upload_id.ok_or(UploadError::NotFound)?;
    note_upload(&upload_id.to_string());
    let chunk = IncomingChunk { upload_id, index, declared_size: None, sha256, link, body };
    let answer = handlers::upload::put(&state, &caller, chunk).await?;
    Ok(Json(Success::with_message(answer, CHUNK_IS_SAFE)))
}

/// Links for chunks
///
/// For an upload whose init was told `total_size`. The client PUTs the bytes of each chunk to its URL, straight to the
/// store where that takes them; each chunk but the last has exactly `chunk_size` bytes. Ask again when they have expired.
#[utoipa::path(
    post,
    path = "/file/upload/{upload_id}/urls",
    tag = "upload",
    params(("upload_id" = uuid::Uuid, Path, description = "The upload's identifier")),
    request_body(content = UrlsForm, content_type = "application/json"),
    responses(
        (status = 200, body = Success<UrlsAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 409, description = "The upload is completed", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn urls(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    UploadPath(id): UploadPath,
    FormFields(fields): FormFields,
) -> Answer<UrlsAnswer> {
    let form = UrlsForm::parse(&fields).map_err(in_body)?;
    Ok(Json(Success::new(handlers::upload::urls(&state, &caller, id, form).await?)))
}

/// Give up an upload
///
/// What was staged of it goes.
#[utoipa::path(
    delete,
    path = "/file/upload/{upload_id}",
    tag = "upload",
    params(("upload_id" = uuid::Uuid, Path, description = "The upload's identifier")),
    responses(
        (status = 200, body = Success<AbortAnswer>),
        (status = 409, description = "The upload is completed", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn abort(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    UploadPath(id): UploadPath,
    Extension(trace): Extension<Trace>,
) -> Answer<AbortAnswer> {
    let answer = handlers::upload::abort(&state, &caller, id, &trace.0).await?;
    Ok(Json(Success::with_message(answer, "The upload is given up.")))
}
