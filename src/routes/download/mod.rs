//! The download route: ranges, conditions, and how a browser may present a file (RFC 9110 sections 13 to 15).

pub(super) mod conditions;
mod paced;
pub(super) mod ranges;

use std::ops::Range;

use async_stream::try_stream;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use headers::{HeaderMapExt, LastModified};
use uuid::Uuid;

use self::conditions::{Validators, Verdict};
use self::paced::paced;
use self::ranges::Selection;
use super::errors::ApiError;
use super::extract::proof::WithSignature;
use super::observe::note_file;
use crate::app::ApiState;
use crate::domain::body::BodyError;
use crate::domain::file::File;
use crate::domain::file_name::disposition;
use crate::domain::{Caller, Visibility};
use crate::dto::envelope::Error;
use crate::handlers;

/// Nothing that a file holds may run as a page of this service; a picture or a film may show itself.
const POLICY: &str = "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox";

/// A file's bytes
///
/// A private file needs the signature of a link that the service gave out, or its credential. `HEAD` tells the same
/// without the bytes.
#[utoipa::path(
    get,
    path = "/file/download/{file_id}",
    tag = "file",
    params(
        ("file_id" = uuid::Uuid, Path, description = "The file's identifier"),
        ("expires" = Option<i64>, Query, description = "The link's end, in seconds since 1970"),
        ("signature" = Option<String>, Query, description = "The link's signature"),
        ("x-file-credential" = Option<String>, Header, description = "The credential, a JSON object"),
        ("range" = Option<String>, Header, description = "Which bytes, for example `bytes=0-99,-100`"),
        ("if-range" = Option<String>, Header, description = "The `ETag` or date of what the caller has of the file"),
        ("if-none-match" = Option<String>, Header, description = "The `ETag` of what the caller has")
    ),
    responses(
        (status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 206, description = "Some of the bytes; `multipart/byteranges` where more than one range was asked for",
         content_type = "application/octet-stream"),
        (status = 304, description = "The caller has it"),
        (status = 403, body = Error),
        (status = 404, body = Error),
        (status = 409, description = "The file is not stored", body = Error),
        (status = 412, description = "It is not what the caller thinks", body = Error),
        (status = 416, description = "None of the ranges can be sent", body = Error),
        (status = 422, body = Error)
    )
)]
pub(super) async fn download(
    State(state): State<ApiState>,
    Extension(caller): Extension<Caller>,
    WithSignature { id, proof }: WithSignature,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    note_file(&id.to_string());
    let file = handlers::file::stored(&state, &caller, id, &proof).await?;
    let validators = validators(&file)?;
    match conditions::evaluate(&headers, &validators) {
        Verdict::Go => {}
        Verdict::NotModified => return Ok((StatusCode::NOT_MODIFIED, described(&file, validators)).into_response()),
        Verdict::Failed => return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "Precondition failed!")),
    }
    // Ranges are defined for GET alone (RFC 9110 section 14.2).
    let range = headers.get(header::RANGE).filter(|_| method == Method::GET);
    let range = range.filter(|_| conditions::range_counts(&headers, &validators));
    if method == Method::GET {
        handlers::file::note_download(&state, &caller, &file);
    }
    let size = file.size.cast_unsigned();
    let selection = ranges::select(range.map(HeaderValue::as_bytes), size);
    let mut head = described(&file, validators);
    present(&mut head, &file);
    let mut response = match selection {
        Selection::Unsatisfiable => return Ok(unsatisfiable(size)),
        Selection::Whole if method == Method::HEAD => with_length(StatusCode::OK, size, Body::empty()),
        Selection::Whole => {
            let body = handlers::file::read(&state, &file, 0..size).await?;
            with_length(StatusCode::OK, size, Body::from_stream(paced(body.blocks)))
        }
        Selection::Ranges(ranges) => match ranges.as_slice() {
            [range] => {
                insert(&mut head, header::CONTENT_RANGE, &content_range(range, size));
                let body = handlers::file::read(&state, &file, range.clone()).await?;
                with_length(StatusCode::PARTIAL_CONTENT, range.end - range.start, Body::from_stream(paced(body.blocks)))
            }
            _ => multipart(state, file, ranges, &mut head),
        },
    };
    response.headers_mut().extend(head);
    Ok(response)
}

fn validators(file: &File) -> Result<Validators, ApiError> {
    // The bytes of a file never change, so its name is a strong validator (RFC 9110 section 8.8.1).
    let etag = format!("\"{}\"", file.id.0.simple()).parse();
    let etag = etag.map_err(|_| ApiError::internal("an identifier that is no entity tag".into()))?;
    Ok(Validators { etag, modified: LastModified::from(std::time::SystemTime::from(file.created_at)) })
}

/// What a 304 says too (RFC 9110 section 15.4.5).
fn described(file: &File, validators: Validators) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.typed_insert(validators.etag);
    headers.typed_insert(validators.modified);
    // May be kept, but is asked for before it is used again: files can be deleted, and links end.
    let caching = match file.location.bucket {
        Visibility::Public => "public, no-cache",
        Visibility::Private => "private, no-cache",
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers
}

fn present(headers: &mut HeaderMap, file: &File) {
    insert(headers, header::CONTENT_TYPE, file.content_type.as_str());
    let disposition = disposition(&file.content_type, file.filename.as_ref(), &file.location.key);
    insert(headers, header::CONTENT_DISPOSITION, &disposition);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

fn with_length(status: StatusCode, length: u64, body: Body) -> Response {
    (status, [(header::CONTENT_LENGTH, HeaderValue::from(length))], body).into_response()
}

fn unsatisfiable(size: u64) -> Response {
    let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "None of the ranges can be sent!");
    ([(header::CONTENT_RANGE, format!("bytes */{size}"))], error).into_response()
}

fn content_range(range: &Range<u64>, size: u64) -> String {
    format!("bytes {}-{}/{size}", range.start, range.end - 1)
}

/// Several ranges, each with its own head (RFC 9110 section 14.6).
fn multipart(state: ApiState, file: File, ranges: Vec<Range<u64>>, head: &mut HeaderMap) -> Response {
    let boundary = Uuid::new_v4().simple().to_string();
    let size = file.size.cast_unsigned();
    let part_head = |range: &Range<u64>| {
        let (content_type, content_range) = (file.content_type.as_str(), content_range(range, size));
        format!("\r\n--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {content_range}\r\n\r\n")
    };
    let parts: Vec<_> = ranges.into_iter().map(|range| (part_head(&range), range)).collect();
    let end = format!("\r\n--{boundary}--\r\n");
    let length = |(head, range): &(String, Range<u64>)| head.len() as u64 + range.end - range.start;
    let total = parts.iter().map(length).sum::<u64>() + end.len() as u64;
    insert(head, header::CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
    with_length(StatusCode::PARTIAL_CONTENT, total, Body::from_stream(paced(in_turn(state, file, parts, end).boxed())))
}

/// The parts one after the other; each is opened when its turn comes.
fn in_turn(
    state: ApiState,
    file: File,
    parts: Vec<(String, Range<u64>)>,
    end: String,
) -> impl Stream<Item = Result<Bytes, BodyError>> {
    try_stream! {
        for (head, range) in parts {
            yield Bytes::from(head);
            let body = handlers::file::read(&state, &file, range).await.map_err(std::io::Error::other)?;
            let mut blocks = body.blocks;
            while let Some(block) = blocks.try_next().await? {
                yield block;
            }
        }
        yield Bytes::from(end);
    }
}
