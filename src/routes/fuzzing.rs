//! The parsers of what strangers send, opened for the targets in `fuzz/`.

use std::ops::Range;
use std::time::SystemTime;

use axum::http::HeaderMap;

use super::download::conditions::{self, Validators, Verdict};
use super::download::ranges::{self, Selection};
pub use super::extract::multipart::Multipart;
use super::extract::raw_chunk;

/// The ranges that this `Range` header selects of a file of `size` bytes; `None` for all of it or nothing.
#[must_use]
pub fn selected_ranges(header: &[u8], size: u64) -> Option<Vec<Range<u64>>> {
    match ranges::select(Some(header), size) {
        Selection::Ranges(ranges) => Some(ranges),
        Selection::Whole | Selection::Unsatisfiable => None,
    }
}

/// The status that the conditions of a request come to, for a file of 1970, and whether its range counts.
///
/// # Panics
/// When `etag` is none.
#[must_use]
pub fn condition_verdict(headers: &HeaderMap, etag: &str) -> (u16, bool) {
    #[expect(clippy::expect_used, reason = "a target names its own validator")]
    let etag = etag.parse().expect("an entity tag");
    let validators = Validators { etag, modified: SystemTime::UNIX_EPOCH.into() };
    let status = match conditions::evaluate(headers, &validators) {
        Verdict::Go => 200,
        Verdict::NotModified => 304,
        Verdict::Failed => 412,
    };
    (status, conditions::range_counts(headers, &validators))
}

/// The SHA-256 of the `Content-Digest` lines, if there are such.
///
/// # Errors
/// When they are no digests, or none of them is a SHA-256.
#[expect(clippy::result_unit_err, reason = "a target does not look at the words of a refusal")]
pub fn content_digest(headers: &HeaderMap) -> Result<Option<[u8; 32]>, ()> {
    raw_chunk::expected_sha256(headers).map_err(drop)
}
