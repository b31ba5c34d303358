//! The file routes.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::errors::ApiError;
use super::extract::proof::{WithCredential, WithSignature};
use super::observe::note_file;
use crate::app::ApiState;
use crate::domain::file::File;
use crate::domain::file_name::attachment;
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

/// A file's bytes
///
/// A private file needs the signature of a link that the service gave out, or its credential.
#[utoipa::path(
    get,
    path = "/file/download/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("expires" = Option<i64>, Query, description = "The link's end, in seconds since 1970"),
        ("signature" = Option<String>, Query, description = "The link's signature"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object")
    ),
    responses(
        (status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 409, description = "The file is not stored", body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn download(
    State(state): State<ApiState>,
    WithSignature { id, proof }: WithSignature,
) -> Result<Response, ApiError> {
    note_file(&id.to_string());
    let (file, body) = handlers::file::download(&state, id, &proof).await?;
    Ok((headers(&file), Body::from_stream(body.blocks)).into_response())
}

fn headers(file: &File) -> HeaderMap {
    let disposition = attachment(file.filename.as_ref(), &file.location.key);
    // Nothing that a file holds may run as a page of this service.
    let pairs: [(HeaderName, String); 5] = [
        (header::CONTENT_TYPE, file.content_type.as_str().to_owned()),
        (header::CONTENT_LENGTH, file.size.to_string()),
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
    ];
    let values = pairs.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)));
    values.collect()
}
