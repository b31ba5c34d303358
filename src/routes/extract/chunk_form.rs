//! The chunk form. Its file is streamed to the store while it comes in, where the fields before it say enough;
//! else, some clients send the file first, it waits in a temporary file.

use async_stream::try_stream;
use axum::extract::{FromRequest, Request};
use axum::http::header;
use axum::{Extension, RequestPartsExt};
use futures::StreamExt;

use super::body::blocks;
use super::fields::{FormFields, Texts, content_type};
use super::multipart::Multipart;
use crate::app::ApiState;
use crate::domain::Caller;
use crate::domain::body::{Body, BodyError};
use crate::dto::fields::Fields;
use crate::dto::upload::ChunkFields;
use crate::handlers;
use crate::routes::errors::ApiError;
use crate::services::FieldError;

/// A chunk that is coming in.
pub struct ChunkUpload {
    /// The fields beside the file.
    pub fields: ChunkFields,
    /// The file.
    pub body: Body,
}

impl FromRequest<ApiState> for ChunkUpload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let content_type = content_type(&request)?;
        let total = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let form = content_type.filter(|content_type| content_type.essence_str() == "multipart/form-data");
        let Some(form) = form else {
            // A form of the other kind, or none: it can carry the fields, but no file.
            let FormFields(fields) = FormFields::from_request(request, state).await?;
            return Err(no_file(&fields));
        };
        let (mut parts, body) = request.into_parts();
        let Extension(caller) =
            parts.extract::<Extension<Caller>>().await.map_err(|error| ApiError::internal(error.to_string()))?;
        let reader = Multipart::new(&form, blocks(body, &state.limits));
        let reader = reader.ok_or_else(|| ApiError::malformed("the form has no usable boundary"))?;
        read(reader, total, state, &caller).await
    }
}

async fn read(
    mut reader: Multipart,
    total: Option<u64>,
    state: &ApiState,
    caller: &Caller,
) -> Result<ChunkUpload, ApiError> {
    let mut texts = Texts::new(state.limits.form_bytes);
    while let Some(name) = reader.next_part().await? {
        if name != "file" {
            texts.read(&mut reader, &name).await?;
            continue;
        }
        if !texts.fields.contains_all(&ChunkFields::NAMES) {
            return read_file_first(reader, texts, state, caller).await;
        }
        let fields = parse(&texts.fields, true)?;
        let length = certain_length(&reader, total, fields.chunk_size);
        return Ok(ChunkUpload { fields, body: Body { length, blocks: rest_of_form(reader).boxed() } });
    }
    Err(no_file(&texts.fields))
}

/// The length of the file, if the lengths that the caller tells, of the chunk and of the whole request, agree that
/// nothing follows it but the form's end, with or without a last line break.
fn certain_length(reader: &Multipart, total: Option<u64>, chunk_size: i64) -> Option<u64> {
    let length = u64::try_from(chunk_size).ok()?;
    let behind = total?.checked_sub(reader.position())?.checked_sub(length)?;
    matches!(behind.checked_sub(reader.closing_length())?, 0 | 2).then_some(length)
}

/// The file's blocks, and then the form read to its end: a form that is cut off has no file.
fn rest_of_form(mut reader: Multipart) -> impl futures::Stream<Item = Result<bytes::Bytes, BodyError>> + Send {
    try_stream! {
        while let Some(block) = reader.next_block().await? {
            yield block;
        }
        while reader.next_part().await?.is_some() {}
    }
}

/// The file first, the fields that say what it is behind it.
async fn read_file_first(
    mut reader: Multipart,
    mut texts: Texts,
    state: &ApiState,
    caller: &Caller,
) -> Result<ChunkUpload, ApiError> {
    let mut file = state.spool.begin();
    let mut most = state.max_chunk_size.cast_unsigned();
    let mut is_certain = false;
    while let Some(block) = reader.next_block().await? {
        file.write(block).await?;
        if file.length() > most && !is_certain {
            // Uploads of very large files have larger chunks. Its own is known when its name comes behind the file.
            most = handlers::upload::largest_chunk_size(state, caller).await?;
            is_certain = true;
        }
        if file.length() > most {
            let message = "file size is larger than valid chunk size".to_owned();
            return Err(ApiError::fields("body", vec![FieldError { field: "file", message }]));
        }
    }
    while let Some(name) = reader.next_part().await? {
        texts.read(&mut reader, &name).await?;
    }
    Ok(ChunkUpload { fields: parse(&texts.fields, true)?, body: file.finish().await? })
}

fn parse(fields: &Fields, with_file: bool) -> Result<ChunkFields, ApiError> {
    ChunkFields::parse(fields, with_file).map_err(|errors| ApiError::fields("body", errors))
}

fn no_file(fields: &Fields) -> ApiError {
    match parse(fields, false) {
        Err(error) => error,
        Ok(_) => ApiError::fields("body", vec![FieldError { field: "file", message: "field required".into() }]),
    }
}
