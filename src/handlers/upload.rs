//! The upload endpoints.

use crate::app::ApiState;
use crate::domain::audit::Action;
use crate::domain::body::Body;
use crate::domain::file::File;
use crate::domain::{Caller, UploadId};
use crate::dto::file::FileAnswer;
use crate::dto::resume::{AbortAnswer, UploadAnswer, UrlsAnswer, UrlsForm};
use crate::dto::upload::{ChunkAnswer, ChunkFields, CompleteRequest, InitAnswer, InitRequest, RetryRequest};
use crate::services::Failure;
use crate::services::completion::{Completed, CompletionError};
use crate::services::files::FileError;
use crate::services::uploads::{IncomingChunk, UploadError};

/// Opens an upload.
///
/// # Errors
/// Those of the service.
pub async fn init(state: &ApiState, caller: &Caller, request: InitRequest) -> Result<InitAnswer, UploadError> {
    let upload = state.uploads.init(caller, request.hints, request.chunk_size).await?;
    Ok(InitAnswer { chunk_size: upload.chunk_size, upload_id: upload.id.to_string() })
}

/// Takes a chunk.
///
/// # Errors
/// Those of the service.
pub async fn chunk(
    state: &ApiState,
    caller: &Caller,
    fields: ChunkFields,
    body: Body,
) -> Result<ChunkAnswer, UploadError> {
    let upload_id = fields.upload_id.ok_or(UploadError::NotFound)?;
    let (index, declared_size) = (fields.chunk_index, Some(fields.chunk_size));
    put(state, caller, IncomingChunk { upload_id, index, declared_size, sha256: None, link: None, body }).await
}

/// How large a chunk may be of which nothing is known yet.
///
/// # Errors
/// Those of the service.
pub async fn largest_chunk_size(state: &ApiState, caller: &Caller) -> Result<u64, Failure> {
    Ok(state.uploads.largest_chunk_size(caller).await?.cast_unsigned())
}

/// Takes a chunk and says that it is safe.
///
/// # Errors
/// Those of the service.
pub async fn put(state: &ApiState, caller: &Caller, chunk: IncomingChunk) -> Result<ChunkAnswer, UploadError> {
    let answer = ChunkAnswer { chunk_index: chunk.index, upload_id: chunk.upload_id.to_string() };
    state.uploads.put_chunk(caller, chunk).await?;
    Ok(answer)
}

/// What came in of an upload.
///
/// # Errors
/// Those of the service.
pub async fn received(state: &ApiState, caller: &Caller, id: UploadId) -> Result<UploadAnswer, UploadError> {
    Ok(state.uploads.received(caller, id).await?.into())
}

/// Where the client sends chunks past the service.
///
/// # Errors
/// Those of the service.
pub async fn urls(state: &ApiState, caller: &Caller, id: UploadId, form: UrlsForm) -> Result<UrlsAnswer, UploadError> {
    Ok(state.uploads.links(caller, id, &form.indexes).await?.into())
}

/// Gives an upload up.
///
/// # Errors
/// Those of the service.
pub async fn abort(
    state: &ApiState,
    caller: &Caller,
    id: UploadId,
    trace_id: &str,
) -> Result<AbortAnswer, UploadError> {
    state.uploads.abort(caller, id, trace_id).await?;
    Ok(AbortAnswer { upload_id: id.0 })
}

/// Turns an upload into a file.
///
/// # Errors
/// Those of the service.
pub async fn complete(
    state: &ApiState,
    caller: &Caller,
    request: CompleteRequest,
    trace_id: &str,
) -> Result<FileAnswer, CompletionError> {
    let completion = request.0.ok_or(CompletionError::NotFound)?;
    let Completed { file, is_proven } = state.completion.complete(caller, completion, trace_id).await?;
    if is_proven {
        state.files.note_reading(caller, Action::LinkFile, &file);
        return Ok(answer(state, &file).await?);
    }
    Ok(FileAnswer::without_secrets(&file, state.files.path(&file), state.files.bare_url(&file)))
}

/// Tries a file again that is in FAILURE.
///
/// # Errors
/// Those of the service.
pub async fn retry(
    state: &ApiState,
    caller: &Caller,
    request: RetryRequest,
    trace_id: &str,
) -> Result<FileAnswer, FileError> {
    let id = request.file_id.ok_or(FileError::NotFound)?;
    let file = state.files.retry(caller, id, request.credential, trace_id).await?;
    state.files.note_reading(caller, Action::LinkFile, &file);
    Ok(answer(state, &file).await?)
}

pub(super) async fn answer(state: &ApiState, file: &File) -> Result<FileAnswer, Failure> {
    Ok(FileAnswer::new(file, state.files.path(file), state.files.download_url(file).await?))
}
