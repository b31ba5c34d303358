//! Whether a caller that has a file already needs it again (RFC 9110 section 13).

use axum::http::HeaderMap;
use headers::{ETag, HeaderMapExt, IfMatch, IfModifiedSince, IfNoneMatch, IfRange, IfUnmodifiedSince, LastModified};

/// By what a file is told from another one.
pub(in crate::routes) struct Validators {
    /// Strong: the bytes of a file never change.
    pub(in crate::routes) etag: ETag,
    /// When complete was answered.
    pub(in crate::routes) modified: LastModified,
}

/// What the conditions of a request say.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::routes) enum Verdict {
    /// Send it.
    Go,
    /// The caller has it: 304.
    NotModified,
    /// It is not what the caller thinks: 412.
    Failed,
}

/// Evaluates the conditions of a GET or HEAD in their order (section 13.2.2). One that cannot be read is ignored.
pub(in crate::routes) fn evaluate(headers: &HeaderMap, validators: &Validators) -> Verdict {
    let modified = validators.modified.into();
    if let Some(condition) = headers.typed_get::<IfMatch>() {
        if !condition.precondition_passes(&validators.etag) {
            return Verdict::Failed;
        }
    } else if let Some(condition) = headers.typed_get::<IfUnmodifiedSince>()
        && !condition.precondition_passes(modified)
    {
        return Verdict::Failed;
    }
    if let Some(condition) = headers.typed_get::<IfNoneMatch>() {
        if !condition.precondition_passes(&validators.etag) {
            return Verdict::NotModified;
        }
    } else if let Some(condition) = headers.typed_get::<IfModifiedSince>()
        && !condition.is_modified(modified)
    {
        return Verdict::NotModified;
    }
    Verdict::Go
}

/// Whether the `Range` header counts: not when `If-Range` names another file (section 13.1.5).
pub(in crate::routes) fn range_counts(headers: &HeaderMap, validators: &Validators) -> bool {
    match headers.typed_try_get::<IfRange>() {
        Ok(None) => true,
        Ok(Some(condition)) => !condition.is_modified(Some(&validators.etag), Some(&validators.modified)),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "Mon, 23 Nov 2026 17:00:00 GMT";
    const BEFORE: &str = "Mon, 23 Nov 2026 16:59:59 GMT";

    fn validators() -> Validators {
        Validators { etag: "\"a\"".parse().unwrap(), modified: with(&[("last-modified", AT)]).typed_get().unwrap() }
    }

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn conditions_count_in_the_order_of_the_rfc() {
        for (headers, verdict) in [
            (&[][..], Verdict::Go),
            (&[("if-none-match", "\"a\"")], Verdict::NotModified),
            (&[("if-none-match", "W/\"a\"")], Verdict::NotModified),
            (&[("if-none-match", "\"b\", \"a\"")], Verdict::NotModified),
            (&[("if-none-match", "*")], Verdict::NotModified),
            (&[("if-none-match", "\"b\"")], Verdict::Go),
            (&[("if-modified-since", AT)], Verdict::NotModified),
            (&[("if-modified-since", BEFORE)], Verdict::Go),
            (&[("if-modified-since", "yesterday")], Verdict::Go),
            (&[("if-none-match", "\"b\""), ("if-modified-since", AT)], Verdict::Go),
            (&[("if-match", "\"a\"")], Verdict::Go),
            (&[("if-match", "\"b\"")], Verdict::Failed),
            (&[("if-match", "W/\"a\"")], Verdict::Failed),
            (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], Verdict::Failed),
            (&[("if-unmodified-since", BEFORE)], Verdict::Failed),
            (&[("if-unmodified-since", AT)], Verdict::Go),
        ] {
            assert_eq!(evaluate(&with(headers), &validators()), verdict, "{headers:?}");
        }
    }

    #[test]
    fn a_range_counts_only_for_the_same_file() {
        for (value, counts) in
            [("\"a\"", true), ("\"b\"", false), ("W/\"a\"", false), (AT, true), (BEFORE, false), ("nonsense", false)]
        {
            assert_eq!(range_counts(&with(&[("if-range", value)]), &validators()), counts, "{value}");
        }
        assert!(range_counts(&with(&[]), &validators()));
    }
}
