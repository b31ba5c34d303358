//! The chunk as a raw body: its place is in the path, its length and its digest in headers.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use sfv::{Dictionary, ListEntry, Parser};

use super::body::blocks;
use super::proof::link_proof;
use crate::app::ApiState;
use crate::domain::body::Body;
use crate::domain::{MAX_CHUNKS, UploadId};
use crate::dto::fields::{FieldReader, Fields};
use crate::routes::errors::ApiError;
use crate::services::FieldError;
use crate::services::links::LinkProof;

const CONTENT_DIGEST: &str = "content-digest";
/// The digest that is checked, as RFC 9530 section 5 names it.
const SHA_256: &str = "sha-256";

/// A chunk that is coming in.
pub struct RawChunk {
    /// `None` when it is no identifier, which is then as good as an unknown one.
    pub upload_id: Option<UploadId>,
    /// Its place.
    pub index: i64,
    /// The SHA-256 that it must have.
    pub sha256: Option<[u8; 32]>,
    /// By which link it comes, if by one.
    pub link: Option<LinkProof>,
    /// Its bytes.
    pub body: Body,
}

impl FromRequest<ApiState> for RawChunk {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let path = Path::<(String, String)>::from_request_parts(&mut parts, state).await;
        let Path((upload_id, index)) = path.map_err(|_| ApiError::not_found())?;
        let index = parse_index(index).map_err(|errors| ApiError::fields("path", errors))?;
        let length = content_length(&parts.headers)?;
        let sha256 = expected_sha256(&parts.headers).map_err(|errors| ApiError::fields("header", errors))?;
        let body = Body::sized(length, blocks(body, &state.limits));
        Ok(Self { upload_id: upload_id.parse().ok(), index, sha256, link: link_proof(&parts)?, body })
    }
}

fn parse_index(text: String) -> Result<i64, Vec<FieldError>> {
    let mut fields = Fields::default();
    fields.insert("index", text);
    let mut reader = FieldReader::new(&fields);
    let index = reader.integer_required("index", 0, MAX_CHUNKS - 1);
    reader.finish(index.unwrap_or_default())
}

/// The body's length, without which it is not taken (RFC 9110 section 15.5.12).
fn content_length(headers: &HeaderMap) -> Result<u64, ApiError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    length.ok_or_else(|| ApiError::new(StatusCode::LENGTH_REQUIRED, "Content-Length is required!"))
}

/// The SHA-256 of a `Content-Digest` (RFC 9530 section 2). Other digests beside it are not looked at; alone they are
/// refused, because their sender counts on them.
pub(in crate::routes) fn expected_sha256(headers: &HeaderMap) -> Result<Option<[u8; 32]>, Vec<FieldError>> {
    let wrong = |message: &str| vec![FieldError { field: CONTENT_DIGEST, message: message.to_owned() }];
    let lines: Vec<&[u8]> = headers.get_all(CONTENT_DIGEST).iter().map(HeaderValue::as_bytes).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    // Lines of the same name are one list (RFC 9651 section 4.2).
    let digests = Parser::new(&lines.join(&b", "[..])).parse::<Dictionary>();
    let digests = digests.map_err(|_| wrong("input should be digests such as 'sha-256=:…:'"))?;
    let Some(digest) = digests.get(SHA_256) else { return Err(wrong("input should have a 'sha-256' digest")) };
    let bytes = match digest {
        ListEntry::Item(item) => item.bare_item.as_byte_sequence(),
        ListEntry::InnerList(_) => None,
    };
    let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
    bytes.map(Some).ok_or_else(|| wrong("a sha-256 digest should have 32 bytes in base64 between colons"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(lines: &[&str]) -> Result<Option<[u8; 32]>, String> {
        let headers = lines.iter().map(|line| (CONTENT_DIGEST.parse().unwrap(), line.parse().unwrap())).collect();
        expected_sha256(&headers).map_err(|mut errors| errors.remove(0).message)
    }

    #[test]
    fn only_a_whole_sha_256_counts() {
        let empty = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
        let bytes = digest(&[empty]).unwrap().unwrap();
        assert_eq!(hex::encode(bytes)[..8], *"e3b0c442");
        assert_eq!(digest(&[]), Ok(None));
        assert_eq!(digest(&[&format!("md5=:AAAA:, {empty}")]), Ok(Some(bytes)));
        assert_eq!(digest(&["md5=:AAAA:", empty]), Ok(Some(bytes)));
        for bad in ["sha-512=:AAAA:", "sha-256=:AAAA:", "sha-256=47DE", "sha-256=(:AAAA:)", "sha-256", "", "=", "\"x"] {
            assert!(digest(&[bad]).is_err(), "{bad}");
        }
    }
}
