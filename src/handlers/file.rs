//! The file endpoints.

use std::ops::Range;

use tokio::sync::watch;

use super::upload::answer;
use crate::app::ApiState;
use crate::domain::audit::Action;
use crate::domain::body::Body;
use crate::domain::file::{File, Progress};
use crate::domain::{Caller, FileId};
use crate::dto::file::{FileAnswer, StatusAnswer};
use crate::services::files::{FileError, Proof};

/// A file.
///
/// # Errors
/// Those of the service.
pub async fn get(state: &ApiState, caller: &Caller, id: FileId, proof: &Proof) -> Result<FileAnswer, FileError> {
    let file = state.files.get(caller, id, proof).await?;
    state.files.note_reading(caller, Action::LinkFile, &file);
    Ok(answer(state, &file).await?)
}

/// How far a file is.
///
/// # Errors
/// Those of the service.
pub async fn status(state: &ApiState, caller: &Caller, id: FileId, proof: &Proof) -> Result<StatusAnswer, FileError> {
    Ok(state.files.get(caller, id, proof).await?.into())
}

/// A file whose bytes can be read.
///
/// # Errors
/// Those of the service.
pub async fn stored(state: &ApiState, caller: &Caller, id: FileId, proof: &Proof) -> Result<File, FileError> {
    state.files.stored(caller, id, proof).await
}

/// Notes that bytes of a file are given out.
pub fn note_download(state: &ApiState, caller: &Caller, file: &File) {
    state.files.note_reading(caller, Action::DownloadFile, file);
}

/// Some bytes of a file.
///
/// # Errors
/// Those of the service.
pub async fn read(state: &ApiState, file: &File, range: Range<u64>) -> Result<Body, FileError> {
    state.files.read(file, range).await
}

/// Deletes a file.
///
/// # Errors
/// Those of the service.
pub async fn delete(
    state: &ApiState,
    caller: &Caller,
    id: FileId,
    proof: &Proof,
    trace_id: &str,
) -> Result<(), FileError> {
    state.files.delete(caller, id, proof, trace_id).await
}

/// How far a file is, as it happens.
///
/// # Errors
/// Those of the service.
pub async fn follow(
    state: &ApiState,
    caller: &Caller,
    id: FileId,
    proof: &Proof,
) -> Result<watch::Receiver<Progress>, FileError> {
    state.events.follow(caller, id, proof).await
}
