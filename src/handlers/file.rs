//! The file endpoints.

use super::upload::answer;
use crate::app::ApiState;
use crate::domain::FileId;
use crate::domain::body::Body;
use crate::domain::file::File;
use crate::dto::file::{FileAnswer, StatusAnswer};
use crate::services::files::{FileError, Proof};

/// A file.
///
/// # Errors
/// Those of the service.
pub async fn get(state: &ApiState, id: FileId, proof: &Proof) -> Result<FileAnswer, FileError> {
    let file = state.files.get(id, proof).await?;
    Ok(answer(state, &file).await?)
}

/// How far a file is.
///
/// # Errors
/// Those of the service.
pub async fn status(state: &ApiState, id: FileId, proof: &Proof) -> Result<StatusAnswer, FileError> {
    Ok(state.files.get(id, proof).await?.into())
}

/// A file's bytes.
///
/// # Errors
/// Those of the service.
pub async fn download(state: &ApiState, id: FileId, proof: &Proof) -> Result<(File, Body), FileError> {
    state.files.download(id, proof).await
}
