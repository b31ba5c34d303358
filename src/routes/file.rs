//! The file routes.

use axum::extract::State;
use axum::{Extension, Json};

use super::errors::ApiError;
use super::extract::fields::QueryFields;
use super::extract::path_id::PathId;
use super::extract::proof::WithCredential;
use super::observe::{Trace, note_file};
use super::owner::{Page, in_query};
use crate::app::ApiState;
use crate::domain::{AppointmentId, Caller};
use crate::dto::envelope::{Deleted, Error, Listing, Success};
use crate::dto::file::{FileAnswer, ListedFileAnswer, StatusAnswer};
use crate::dto::page::{parse_page, parse_page_of_user};
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
    Extension(caller): Extension<Caller>,
    WithCredential { id, proof }: WithCredential,
) -> Result<Json<Success<FileAnswer>>, ApiError> {
    note_file(&id.to_string());
    Ok(Json(Success::new(handlers::file::get(&state, &caller, id, &proof).await?)))
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
    Extension(caller): Extension<Caller>,
    WithCredential { id, proof }: WithCredential,
) -> Result<Json<Success<StatusAnswer>>, ApiError> {
    note_file(&id.to_string());
    Ok(Json(Success::new(handlers::file::status(&state, &caller, id, &proof).await?)))
}

/// The files of a user
#[utoipa::path(
    get,
    path = "/file/all",
    tag = "file",
    params(
        ("user_id" = uuid::Uuid, Query, description = "The user's identifier"),
        ("limit" = Option<i64>, Query, description = "At most so many, 1 to 1,000"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")
    ),
    responses(
        (status = 200, body = Listing<ListedFileAnswer>),
        (status = 404, description = "There is no such user", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn of_user(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    QueryFields(fields): QueryFields,
) -> Page<ListedFileAnswer> {
    let (user, page) = parse_page_of_user(&fields).map_err(in_query)?;
    Ok(Json(Listing::new(handlers::owner::files_of_user(&state, &caller, user, page).await?)))
}

/// The files of an appointment
#[utoipa::path(
    get,
    path = "/file/appointment/{appointment_id}",
    tag = "file",
    params(
        ("appointment_id" = uuid::Uuid, Path, description = "The appointment's identifier"),
        ("limit" = Option<i64>, Query, description = "At most so many, 1 to 1,000"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")
    ),
    responses(
        (status = 200, body = Listing<ListedFileAnswer>),
        (status = 404, description = "There is no such appointment", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn of_appointment(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<AppointmentId>,
    QueryFields(fields): QueryFields,
) -> Page<ListedFileAnswer> {
    let page = parse_page(&fields).map_err(in_query)?;
    Ok(Json(Listing::new(handlers::owner::files_of_appointment(&state, &caller, id, page).await?)))
}

/// Delete a file
///
/// A private file needs its credential.
#[utoipa::path(
    delete,
    path = "/file/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object")
    ),
    responses(
        (status = 200, body = Success<Deleted>),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    WithCredential { id, proof }: WithCredential,
    Extension(trace): Extension<Trace>,
) -> Result<Json<Success<Deleted>>, ApiError> {
    note_file(&id.to_string());
    handlers::file::delete(&state, &caller, id, &proof, &trace.0).await?;
    Ok(Json(Success::with_message(Deleted { id: id.0 }, "File deleted successfully.")))
}
