//! Which upload.

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::ApiState;
use crate::domain::UploadId;
use crate::routes::errors::ApiError;
use crate::routes::observe::note_upload;
use crate::services::uploads::UploadError;

/// An upload's identifier from the path. What is none is as good as an unknown one.
pub struct UploadPath(pub UploadId);

impl FromRequestParts<ApiState> for UploadPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let id: UploadId = path.ok().and_then(|path| path.0.parse().ok()).ok_or(UploadError::NotFound)?;
        note_upload(&id.to_string());
        Ok(Self(id))
    }
}
