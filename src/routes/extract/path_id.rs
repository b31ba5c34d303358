//! An identifier in the path.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;

use crate::app::ApiState;
use crate::routes::errors::ApiError;

/// The identifier in the path. One that is none is as good as an unknown one.
pub struct PathId<T>(pub T);

impl<T: FromStr> FromRequestParts<ApiState> for PathId<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let path = Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::not_found())?;
        path.0.parse().map(Self).map_err(|_| ApiError::not_found())
    }
}
