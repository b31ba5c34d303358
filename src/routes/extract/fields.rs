//! Bodies that are small: forms of either kind, and JSON objects.

use std::borrow::Cow;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use bytes::BytesMut;
use futures::TryStreamExt;
use http_body::Body as _;
use mime::Mime;

use super::body::blocks;
use super::multipart::Multipart;
use crate::app::ApiState;
use crate::config::MAX_FIELD;
use crate::domain::body::{BodyError, ByteBlocks};
use crate::dto::fields::Fields;
use crate::routes::errors::ApiError;
use crate::services::FieldError;

/// The fields of a form or a JSON object.
pub struct FormFields(pub Fields);

impl FromRequest<ApiState> for FormFields {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        // Nothing is nothing in every form.
        if request.body().is_end_stream() {
            return Ok(Self(Fields::default()));
        }
        let content_type = content_type(&request)?;
        let blocks = blocks(request.into_body(), &state.limits);
        let limit = state.limits.form_bytes;
        let fields = match content_type.as_ref().map(Mime::essence_str) {
            Some("multipart/form-data") => multipart(content_type.as_ref(), blocks, limit).await?,
            Some("application/x-www-form-urlencoded") => urlencoded(&collect(blocks, limit).await?),
            Some(kind) if kind == "application/json" || kind.ends_with("+json") => {
                json(&collect(blocks, limit).await?)?
            }
            // Some clients send JSON without a word about it.
            None => {
                let body = collect(blocks, limit).await?;
                if body.trim_ascii_start().starts_with(b"{") { json(&body)? } else { urlencoded(&body) }
            }
            Some(_) => {
                let body = collect(blocks, limit).await?;
                if !body.is_empty() {
                    return Err(ApiError::malformed("the body should be a form or a JSON object"));
                }
                Fields::default()
            }
        };
        Ok(Self(fields))
    }
}

/// The fields of a query.
pub struct QueryFields(pub Fields);

impl FromRequestParts<ApiState> for QueryFields {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &ApiState) -> Result<Self, ApiError> {
        Ok(Self(urlencoded(parts.uri.query().unwrap_or_default().as_bytes())))
    }
}

/// The request's content type, if it tells one.
pub(super) fn content_type(request: &Request) -> Result<Option<Mime>, ApiError> {
    let Some(value) = request.headers().get(header::CONTENT_TYPE).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let parsed = value.to_str().ok().and_then(|text| without_gap(text).parse().ok());
    parsed.map(Some).ok_or_else(|| ApiError::malformed("the content type cannot be read"))
}

/// The text without white space before its parameters, which is allowed there (RFC 9110 section 5.6.6), but not
/// understood by the parser.
fn without_gap(text: &str) -> Cow<'_, str> {
    match text.split_once(';') {
        Some((kind, parameters)) if kind.ends_with([' ', '\t']) => {
            Cow::Owned(format!("{};{parameters}", kind.trim_end()))
        }
        _ => Cow::Borrowed(text),
    }
}

async fn collect(mut blocks: ByteBlocks, limit: usize) -> Result<BytesMut, BodyError> {
    let mut body = BytesMut::new();
    while let Some(block) = blocks.try_next().await? {
        if body.len() + block.len() > limit {
            return Err(BodyError::TooLong { limit: limit as u64 });
        }
        body.extend_from_slice(&block);
    }
    Ok(body)
}

async fn multipart(content_type: Option<&Mime>, blocks: ByteBlocks, limit: usize) -> Result<Fields, ApiError> {
    let reader = content_type.and_then(|content_type| Multipart::new(content_type, blocks));
    let mut reader = reader.ok_or_else(|| ApiError::malformed("the form has no usable boundary"))?;
    let mut texts = Texts::new(limit);
    while let Some(name) = reader.next_part().await? {
        texts.read(&mut reader, &name).await?;
    }
    Ok(texts.fields)
}

/// The fields of a form that are no files.
pub(super) struct Texts {
    pub(super) fields: Fields,
    /// How many bytes all names and texts may have.
    limit: usize,
    length: usize,
}

impl Texts {
    pub(super) fn new(limit: usize) -> Self {
        Self { fields: Fields::default(), limit, length: 0 }
    }

    /// Reads the part that the reader is in.
    pub(super) async fn read(&mut self, reader: &mut Multipart, name: &str) -> Result<(), ApiError> {
        self.grow(name.len())?;
        let mut text = BytesMut::new();
        while let Some(block) = reader.next_block().await? {
            self.grow(block.len())?;
            if text.len() + block.len() > MAX_FIELD {
                return Err(BodyError::TooLong { limit: MAX_FIELD as u64 }.into());
            }
            text.extend_from_slice(&block);
        }
        let text = String::from_utf8(text.into()).map_err(|_| not_utf8(name))?;
        self.fields.insert(name, text);
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.length += bytes;
        if self.length > self.limit { Err(BodyError::TooLong { limit: self.limit as u64 }) } else { Ok(()) }
    }
}

fn not_utf8(name: &str) -> ApiError {
    // Only names of ours are repeated to the caller.
    let known = ["filename", "name", "credential", "detail", "content_type", "file_extension", "upload_id"];
    match known.into_iter().find(|field| *field == name) {
        Some(field) => {
            ApiError::fields("body", vec![FieldError { field, message: "input should be valid utf-8".into() }])
        }
        None => ApiError::malformed("a field is not valid utf-8"),
    }
}

fn urlencoded(body: &[u8]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in form_urlencoded::parse(body) {
        fields.insert(&name, value.into_owned());
    }
    fields
}

fn json(body: &[u8]) -> Result<Fields, ApiError> {
    if body.is_empty() {
        return Ok(Fields::default());
    }
    Fields::from_json(body).map_err(|_| ApiError::malformed("the body should be a JSON object"))
}
