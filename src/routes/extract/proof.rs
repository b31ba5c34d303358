//! Which file, and the proof that the caller may have it.

use std::collections::HashMap;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::path_id::PathId;
use crate::app::ApiState;
use crate::domain::{Credential, FileId};
use crate::routes::errors::ApiError;
use crate::services::FieldError;
use crate::services::files::Proof;
use crate::services::links::LinkProof;

const CREDENTIAL_HEADER: &str = "x-file-credential";

/// A file's identifier and the caller's credential: the header's JSON object, else the query's pairs.
pub struct WithCredential {
    /// The file.
    pub id: FileId,
    /// The proof.
    pub proof: Proof,
}

impl FromRequestParts<ApiState> for WithCredential {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let PathId(id) = PathId::from_request_parts(parts, state).await?;
        Ok(Self { id, proof: Proof { credential: credential(parts, query(parts)?)?, link: None } })
    }
}

/// A file's identifier and what the caller shows for it: a link's signature, a credential, or both.
pub struct WithSignature {
    /// The file.
    pub id: FileId,
    /// The proof.
    pub proof: Proof,
}

impl FromRequestParts<ApiState> for WithSignature {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let PathId(id) = PathId::from_request_parts(parts, state).await?;
        let link = link_proof(parts)?;
        // What a link has in its query is no credential.
        let pairs = if link.is_some() { HashMap::new() } else { query(parts)? };
        Ok(Self { id, proof: Proof { credential: credential(parts, pairs)?, link } })
    }
}

/// What proves that the request follows a link of ours, if it brings such a thing.
pub(super) fn link_proof(parts: &Parts) -> Result<Option<LinkProof>, ApiError> {
    let mut query = query(parts)?;
    let expires = query.get("expires").and_then(|text| text.parse().ok());
    Ok(expires.zip(query.remove("signature")).map(|(expires, signature)| LinkProof { expires, signature }))
}

fn query(parts: &Parts) -> Result<HashMap<String, String>, ApiError> {
    let query = Query::<HashMap<String, String>>::try_from_uri(&parts.uri);
    query.map(|query| query.0).map_err(|_| ApiError::malformed("the query cannot be read"))
}

fn credential(parts: &Parts, query: HashMap<String, String>) -> Result<Option<Credential>, ApiError> {
    let Some(header) = parts.headers.get(CREDENTIAL_HEADER) else {
        return Ok((!query.is_empty()).then(|| Credential::from_pairs(query)));
    };
    let parsed = std::str::from_utf8(header.as_bytes()).ok().and_then(|text| Credential::parse(text).ok());
    parsed.ok_or_else(|| {
        let message = "invalid json format for credential".to_owned();
        ApiError::fields("header", vec![FieldError { field: CREDENTIAL_HEADER, message }])
    })
}
