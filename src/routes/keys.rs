//! The routes of keys and upload tokens.

use axum::extract::State;
use axum::{Extension, Json};

use super::errors::ApiError;
use super::extract::fields::{FormFields, QueryFields};
use super::extract::path_id::PathId;
use super::owner::{Page, in_query};
use super::upload::{Answer, in_body};
use crate::app::ApiState;
use crate::domain::Caller;
use crate::domain::api_key::KeyId;
use crate::dto::envelope::{Error, Listing, Success};
use crate::dto::keys::{
    KeyAnswer, KeyForm, NewKeyAnswer, RevokedAnswer, TokenAnswer, TokenForm, parse_grant, parse_key,
};
use crate::dto::page::parse_page;
use crate::handlers;

/// Make a key
///
/// Of the caller's tenant, with no scope that the caller does not have. The key itself is shown here and never again.
#[utoipa::path(
    post,
    path = "/keys",
    tag = "keys",
    request_body(content = KeyForm, content_type = "application/json"),
    responses(
        (status = 200, body = Success<NewKeyAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 401, body = Error),
        (status = 403, body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    FormFields(fields): FormFields,
) -> Answer<NewKeyAnswer> {
    let new = parse_key(&fields, &caller.tenant).map_err(in_body)?;
    if !caller.scopes.contain_all(new.scopes) {
        return Err(ApiError::out_of_scope(new.scopes));
    }
    Ok(Json(Success::new(handlers::keys::create(&state, &caller, new).await?)))
}

/// The keys of the caller's tenant
///
/// Newest first, revoked and expired ones among them.
#[utoipa::path(
    get,
    path = "/keys",
    tag = "keys",
    params(
        ("limit" = Option<i64>, Query, description = "The most keys to answer, 1 to 1,000; 1,000 when absent"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before")
    ),
    responses(
        (status = 200, body = Listing<KeyAnswer>),
        (status = 401, body = Error),
        (status = 403, body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    QueryFields(fields): QueryFields,
) -> Page<KeyAnswer> {
    let page = parse_page(&fields).map_err(in_query)?;
    Ok(Json(Listing::new(handlers::keys::list(&state, &caller, page).await?)))
}

/// Revoke a key
///
/// It works nowhere 5 seconds later.
#[utoipa::path(
    delete,
    path = "/keys/{key_id}",
    tag = "keys",
    params(("key_id" = String, Path, description = "The key's identifier: the 16 digits after `fmk_`")),
    responses(
        (status = 200, body = Success<RevokedAnswer>),
        (status = 401, body = Error),
        (status = 403, body = Error),
        (status = 404, description = "There is no such key that is valid", body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    PathId(id): PathId<KeyId>,
) -> Answer<RevokedAnswer> {
    if !handlers::keys::revoke(&state, &caller, id).await? {
        return Err(ApiError::not_found());
    }
    Ok(Json(Success::with_message(RevokedAnswer { id: id.to_string() }, "The key is revoked.")))
}

/// Make an upload token
///
/// For a browser or a stranger: shown as a bearer token, it allows uploads of this kind and to see how far they are, for a
/// short time.
#[utoipa::path(
    post,
    path = "/file/upload/token",
    tag = "upload",
    request_body(content = TokenForm, content_type = "application/json"),
    responses(
        (status = 200, body = Success<TokenAnswer>),
        (status = 400, description = "The body cannot be read", body = Error),
        (status = 401, body = Error),
        (status = 403, body = Error),
        (status = 422, body = Error),
        (status = 503, body = Error)
    )
)]
pub(super) async fn token(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    FormFields(fields): FormFields,
) -> Answer<TokenAnswer> {
    let new = parse_grant(&fields).map_err(in_body)?;
    Ok(Json(Success::new(handlers::keys::token(&state, &caller, new).await?)))
}
