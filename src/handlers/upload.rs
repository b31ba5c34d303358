//! The upload endpoints.

use crate::app::ApiState;
use crate::domain::UploadId;
use crate::domain::body::Body;
use crate::domain::file::File;
use crate::dto::file::FileAnswer;
use crate::dto::resume::{AbortAnswer, UploadAnswer, UrlsAnswer, UrlsForm};
use crate::dto::upload::{ChunkAnswer, ChunkFields, CompleteRequest, InitAnswer, InitRequest, RetryRequest};
use crate::services::Failure;
use crate::services::completion::CompletionError;
use crate::services::files::FileError;
use crate::services::uploads::{IncomingChunk, UploadError};

/// Opens an upload.
///
/// # Errors
/// Those of the service.
pub async fn init(state: &ApiState, request: InitRequest) -> Result<InitAnswer, UploadError> {
    let upload = state.uploads.init(request.hints, request.chunk_size).await?;
    Ok(InitAnswer { chunk_size: upload.chunk_size, upload_id: upload.id.to_string() })
}

/// Takes a chunk.
///
/// # Errors
/// Those of the service.
pub async fn chunk(state: &ApiState, fields: ChunkFields, body: Body) -> Result<ChunkAnswer, UploadError> {
    let upload_id = fields.upload_id.ok_or(UploadError::NotFound)?;
    let (index, declared_size) = (fields.chunk_index, Some(fields.chunk_size));
    put(state, IncomingChunk { upload_id, index, declared_size, sha256: None, link: None, body }).await
}

/// Takes a chunk and says that it is safe.
///
/// # Errors
/// Those of the service.
pub async fn put(state: &ApiState, chunk: IncomingChunk) -> Result<ChunkAnswer, UploadError> {
    let answer = ChunkAnswer { chunk_index: chunk.index, upload_id: chunk.upload_id.to_string() };
    state.uploads.put_chunk(chunk).await?;
    Ok(answer)
}

/// What came in of an upload.
///
/// # Errors
/// Those of the service.
pub async fn received(state: &ApiState, id: UploadId) -> Result<UploadAnswer, UploadError> {
    Ok(state.uploads.received(id).await?.into())
}

/// Where the client sends chunks past the service.
///
/// # Errors
/// Those of the service.
pub async fn urls(state: &ApiState, id: UploadId, form: UrlsForm) -> Result<UrlsAnswer, UploadError> {
    Ok(state.uploads.links(id, &form.indexes).await?.into())
}

/// Gives an upload up.
///
/// # Errors
/// Those of the service.
pub async fn abort(state: &ApiState, id: UploadId, trace_id: &str) -> Result<AbortAnswer, UploadError> {
    state.uploads.abort(id, trace_id).await?;
    Ok(AbortAnswer { upload_id: id.0 })
}

/// Turns an upload into a file.
///
/// # Errors
/// Those of the service.
pub async fn complete(
    state: &ApiState,
    request: CompleteRequest,
    trace_id: &str,
) -> Result<FileAnswer, CompletionError> {
    let completion = request.0.ok_or(CompletionError::NotFound)?;
    let file = state.completion.complete(completion, trace_id).await?;
    Ok(answer(state, &file).await?)
}

/// Tries a file again that is in FAILURE.
///
/// # Errors
/// Those of the service.
pub async fn retry(state: &ApiState, request: RetryRequest, trace_id: &str) -> Result<FileAnswer, FileError> {
    let id = request.file_id.ok_or(FileError::NotFound)?;
    let file = state.files.retry(id, request.credential, trace_id).await?;
    Ok(answer(state, &file).await?)
}

pub(super) async fn answer(state: &ApiState, file: &File) -> Result<FileAnswer, Failure> {
    Ok(FileAnswer::new(file, state.files.path(file), state.files.download_url(file).await?))
}
