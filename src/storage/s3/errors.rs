//! What the SDK's errors mean.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::StorageError;

/// Whether what was asked for is not there.
pub(super) fn absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    matches!(code(error), Some("NoSuchKey" | "NotFound" | "NoSuchUpload" | "NoSuchBucketPolicy"))
        || (status == Some(404) && code(error) != Some("NoSuchBucket"))
}

/// Whether the store does not know the call.
pub(super) fn unsupported<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|response| response.status().as_u16());
    status == Some(501) || matches!(code(error), Some("NotImplemented" | "MethodNotAllowed"))
}

/// The code of an error that the store answered.
pub(super) fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// A failed call in the words of the port.
#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(super) fn failed<E>(error: SdkError<E, HttpResponse>) -> StorageError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = code(&error).unwrap_or_default().to_owned();
    let text = in_words(&error);
    match (status, code.as_str()) {
        (Some(507), _)
        | (_, "XMinioStorageFull" | "XMinioAdminBucketQuotaExceeded" | "QuotaExceeded" | "EntityTooLarge") => {
            StorageError::Full(text)
        }
        // No range is asked for that lies outside of what was acknowledged.
        (_, "InvalidPart" | "InvalidPartOrder" | "InvalidRange") => StorageError::Damaged(text),
        (_, "SlowDown" | "RequestTimeout" | "RequestTimeTooSkewed") => StorageError::Unavailable(text),
        (Some(400..=499), _) => StorageError::Refused(text),
        _ => StorageError::Unavailable(text),
    }
}

/// An error with its causes, once each.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
