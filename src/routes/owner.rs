//! The routes of users and appointments.

use axum::extract::State;
use axum::{Extension, Json};

use super::errors::ApiError;
use super::extract::fields::{FormFields, QueryFields};
use super::extract::path_id::PathId;
use super::observe::Trace;
use super::upload::{Answer, in_body};
use crate::app::ApiState;
use crate::domain::{AppointmentId, Caller, UserId};
use crate::dto::envelope::{Deleted, Error, Listing, Success};
use crate::dto::owner::{AppointmentAnswer, AppointmentForm, UserAnswer, UserForm, parse_appointment, parse_user};
use crate::dto::page::{parse_page, parse_page_of_user};
use crate::handlers;
use crate::services::FieldError;

/// A page of a list.
pub(super) type Page<T> = Result<Json<Listing<T>>, ApiError>;

/// Make a user
#[utoipa::path(
    post,
    path = "/users",
    tag = "users",
    request_body(content = UserForm, content_type = "application/json"),
    responses(
        (status = 200, body = Success<UserAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn create_user(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    FormFields(fields): FormFields,
) -> Answer<UserAnswer> {
    let name = parse_user(&fields).map_err(in_body)?;
    Ok(Json(Success::new(handlers::owner::create_user(&state, &caller, name).await?)))
}

/// All users
#[utoipa::path(
    get,
    path = "/users",
    tag = "users",
    params(
        ("limit" = Option<i64>, Query, description = "At most so many, 1 to 1,000"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")
    ),
    responses((status = 200, body = Listing<UserAnswer>), (status = 422, body = Error), (status = 503, body = Error))
)]
pub(super) async fn users(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    QueryFields(fields): QueryFields,
) -> Page<UserAnswer> {
    let page = parse_page(&fields).map_err(in_query)?;
    Ok(Json(Listing::new(handlers::owner::users(&state, &caller, page).await?)))
}

/// Delete a user
///
/// With the user's appointments and files.
#[utoipa::path(
    delete,
    path = "/users/{user_id}",
    tag = "users",
    params(("user_id" = uuid::Uuid, Path, description = "The user's identifier")),
    responses((status = 200, body = Success<Deleted>), (status = 404, body = Error), (status = 503, body = Error))
)]
pub(super) async fn delete_user(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<UserId>,
    Extension(trace): Extension<Trace>,
) -> Answer<Deleted> {
    handlers::owner::delete_user(&state, &caller, id, &trace.0).await?;
    Ok(Json(Success::with_message(Deleted { id: id.0 }, "User deleted successfully.")))
}

/// Make an appointment
#[utoipa::path(
    post,
    path = "/appointments",
    tag = "appointments",
    request_body(content = AppointmentForm, content_type = "application/json"),
    responses(
        (status = 200, body = Success<AppointmentAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 404, description = "There is no such user", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn create_appointment(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    FormFields(fields): FormFields,
) -> Answer<AppointmentAnswer> {
    let (name, user_id) = parse_appointment(&fields).map_err(in_body)?;
    Ok(Json(Success::new(handlers::owner::create_appointment(&state, &caller, name, user_id).await?)))
}

/// The appointments of a user
///
/// Each with its newest files, up to 1,000; `/file/appointment/{appointment_id}` lists all. A page has fewer appointments
/// than `limit` where they have many files.
#[utoipa::path(
    get,
    path = "/appointments",
    tag = "appointments",
    params(
        ("user_id" = uuid::Uuid, Query, description = "The user's identifier"),
        ("limit" = Option<i64>, Query, description = "At most so many, 1 to 1,000"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before")
    ),
    responses(
        (status = 200, body = Listing<AppointmentAnswer>),
        (status = 404, description = "There is no such user", body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn appointments(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    QueryFields(fields): QueryFields,
) -> Page<AppointmentAnswer> {
    let (user, page) = parse_page_of_user(&fields).map_err(in_query)?;
    Ok(Json(Listing::new(handlers::owner::appointments(&state, &caller, user, page).await?)))
}

/// Delete an appointment
///
/// With its files.
#[utoipa::path(
    delete,
    path = "/appointments/{appointment_id}",
    tag = "appointments",
    params(("appointment_id" = uuid::Uuid, Path, description = "The appointment's identifier")),
    responses((status = 200, body = Success<Deleted>), (status = 404, body = Error), (status = 503, body = Error))
)]
pub(super) async fn delete_appointment(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<AppointmentId>,
    Extension(trace): Extension<Trace>,
) -> Answer<Deleted> {
    handlers::owner::delete_appointment(&state, &caller, id, &trace.0).await?;
    Ok(Json(Success::with_message(Deleted { id: id.0 }, "Appointment deleted successfully.")))
}

pub(super) fn in_query(errors: Vec<FieldError>) -> ApiError {
    ApiError::fields("query", errors)
}
