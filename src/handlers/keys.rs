//! The endpoints of keys and upload tokens.

use crate::app::ApiState;
use crate::domain::api_key::KeyId;
use crate::domain::{Caller, Page, Rows};
use crate::dto::keys::{KeyAnswer, NewKeyAnswer, TokenAnswer};
use crate::services::Failure;
use crate::services::keys::NewKey;
use crate::services::upload_tokens::{NewGrant, TokenError};

/// Makes a key.
///
/// # Errors
/// Those of the service.
pub async fn create(state: &ApiState, caller: &Caller, new: NewKey) -> Result<NewKeyAnswer, Failure> {
    let (key, text) = state.keys.create(caller, new).await?;
    Ok(NewKeyAnswer::new(&key, &text))
}

/// The keys of the caller's tenant.
///
/// # Errors
/// Those of the service.
pub async fn list(state: &ApiState, caller: &Caller, page: Page) -> Result<Rows<KeyAnswer>, Failure> {
    let Rows { items, next } = state.keys.list(Some(&caller.tenant), page).await?;
    Ok(Rows { items: items.iter().map(KeyAnswer::from).collect(), next })
}

/// Takes a key of the caller's tenant back; whether there was a valid one.
///
/// # Errors
/// Those of the service.
pub async fn revoke(state: &ApiState, caller: &Caller, id: KeyId) -> Result<bool, Failure> {
    state.keys.revoke(caller, id).await
}

/// Makes an upload token.
///
/// # Errors
/// Those of the service.
pub async fn token(state: &ApiState, caller: &Caller, new: NewGrant) -> Result<TokenAnswer, TokenError> {
    let (token, grant) = state.upload_tokens.issue(caller, new).await?;
    Ok(TokenAnswer::new(token, &grant))
}
