//! The one mapping from what services fail with to what HTTP says. A 5xx tells the caller what it can do; its
//! cause goes to the log and nowhere else.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::access::Scopes;
use crate::domain::body::BodyError;
use crate::domain::file::FileStatus;
use crate::domain::limits::Exceeded;
use crate::domain::upload_grant::Beyond;
use crate::dto::envelope::Error;
use crate::repositories::RepositoryError;
use crate::services::completion::CompletionError;
use crate::services::files::FileError;
use crate::services::owners::OwnerError;
use crate::services::upload_tokens::TokenError;
use crate::services::uploads::UploadError;
use crate::services::{Failure, FieldError};
use crate::storage::StorageError;

const NO_UPLOAD: &str = "File directory not found. Please initialize first!";
const TRY_AGAIN: &str = "The service cannot do this now. Please try again.";
const FULL: &str = "There is no space left to store this. Please try again later.";
const OUR_FAULT: &str = "Something went wrong on our side. Please try again, and tell the operator if it stays.";
/// How many seconds a caller should wait before it tries again.
const RETRY_AFTER: u64 = 2;
/// The same where somebody must delete something first, or finish it.
const RETRY_WHEN_THERE_IS_ROOM: u64 = 60;

/// An answer that is an error.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    errors: Vec<String>,
    message: String,
    /// How many seconds the caller should wait before it tries again.
    retry_after: Option<u64>,
    /// What the caller must show to be let in (RFC 9110 section 11.6.1).
    challenge: Option<String>,
    /// What the log should know; never the caller.
    cause: Option<String>,
}

impl ApiError {
    /// An error with a sentence.
    #[must_use]
    pub fn new(status: StatusCode, message: &str) -> Self {
        Self {
            status,
            errors: Vec::new(),
            message: message.to_owned(),
            retry_after: None,
            challenge: None,
            cause: None,
        }
    }

    /// Fields that are wrong; `place` is `body`, `query`, `path` or `header`.
    #[must_use]
    pub fn fields(place: &str, errors: Vec<FieldError>) -> Self {
        let errors = errors.into_iter().map(|error| format!("[{place}->{}] {}", error.field, error.message));
        Self { errors: errors.collect(), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "") }
    }

    /// A body that is no form and no JSON object.
    #[must_use]
    pub fn malformed(what: &str) -> Self {
        Self { errors: vec![format!("[body] {what}")], ..Self::new(StatusCode::BAD_REQUEST, "") }
    }

    /// Nothing is found under this address.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found!")
    }

    /// What is there has no such method.
    #[must_use]
    pub fn wrong_method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "Method not allowed!")
    }

    /// The caller shows nothing by which it could be known, or nothing that is valid.
    #[must_use]
    pub fn unauthorized() -> Self {
        // RFC 6750 section 3, with nothing of why.
        let challenge = Some("Bearer".to_owned());
        Self { challenge, ..Self::new(StatusCode::UNAUTHORIZED, "Authentication required!") }
    }

    /// The caller did not prove that it may do this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Permission denied")
    }

    /// What the caller is known by does not allow this; what would, is told (RFC 6750 section 3.1).
    #[must_use]
    pub fn out_of_scope(needed: impl Into<Scopes>) -> Self {
        let needed = needed.into().in_words();
        let message = format!("Permission denied: this needs the scope {needed}.");
        let challenge = Some(format!("Bearer error=\"insufficient_scope\", scope=\"{needed}\""));
        Self { challenge, ..Self::new(StatusCode::FORBIDDEN, &message) }
    }

    /// The service has not finished starting, or a dependency is away.
    #[must_use]
    pub fn unavailable(cause: String) -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, TRY_AGAIN);
        Self { cause: Some(cause), retry_after: Some(RETRY_AFTER), ..error }
    }

    /// The caller asks more often than it may; after so many seconds it may again.
    #[must_use]
    pub fn too_many(message: &str, retry_after: u64) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, message) }
    }

    fn full(cause: String) -> Self {
        Self { cause: Some(cause), ..Self::new(StatusCode::INSUFFICIENT_STORAGE, FULL) }
    }

    /// Something that should never happen.
    #[must_use]
    pub fn internal(cause: String) -> Self {
        Self { cause: Some(cause), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, OUR_FAULT) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(status = self.status.as_u16(), cause, "the request failed");
        }
        let body = Error { errors: self.errors, message: self.message, success: false };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(challenge) = self.challenge.and_then(|challenge| challenge.parse().ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Disconnected => Self::malformed("the body ended early"),
            BodyError::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT, "The body came too slowly."),
            BodyError::Malformed(what) => Self::malformed(&what),
            BodyError::TooLong { limit } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, &format!("The body is longer than {limit} bytes."))
            }
            BodyError::OtherDigest => {
                let message = "the body has another digest".to_owned();
                Self::fields("header", vec![FieldError { field: "content-digest", message }])
            }
            BodyError::ReservationLost => Self::unavailable(error.to_string()),
            BodyError::Io(error) => match error.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::full(error.to_string()),
                _ => Self::unavailable(error.to_string()),
            },
        }
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let cause = failure.to_string();
        match failure {
            Failure::Database(RepositoryError::Full(_)) | Failure::Storage(StorageError::Full(_)) => Self::full(cause),
            Failure::Database(RepositoryError::Unavailable(_) | RepositoryError::Deadlock(_))
            | Failure::Storage(StorageError::Unavailable(_) | StorageError::Refused(_))
            | Failure::Busy => Self::unavailable(cause),
            Failure::Storage(StorageError::Body(error)) => error.into(),
            Failure::Database(RepositoryError::Violation(_) | RepositoryError::Unexpected(_))
            | Failure::Storage(StorageError::NotFound(_) | StorageError::Lost(_) | StorageError::Damaged(_))
            | Failure::Broken(_) => Self::internal(cause),
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NotFound => Self::new(StatusCode::UNPROCESSABLE_ENTITY, NO_UPLOAD),
            UploadError::Invalid(errors) => Self::fields("body", errors),
            UploadError::Forbidden => Self::forbidden(),
            UploadError::NotAllowed(beyond) => beyond.into(),
            UploadError::Exceeded(exceeded) => exceeded.into(),
            UploadError::OtherBytes => {
                Self::new(StatusCode::CONFLICT, "This chunk was uploaded previously with other bytes!")
            }
            UploadError::AlreadyCompleted => Self::new(StatusCode::CONFLICT, "The upload is completed already!"),
            UploadError::Body(error) => error.into(),
            UploadError::Failed(failure) => failure.into(),
        }
    }
}

impl From<CompletionError> for ApiError {
    fn from(error: CompletionError) -> Self {
        match error {
            CompletionError::NotFound => Self::new(StatusCode::UNPROCESSABLE_ENTITY, NO_UPLOAD),
            CompletionError::NotAllowed(beyond) => beyond.into(),
            CompletionError::Exceeded(exceeded) => exceeded.into(),
            CompletionError::Invalid(errors) => Self::fields("body", errors),
            CompletionError::Failed(failure) => failure.into(),
        }
    }
}

impl From<Exceeded> for ApiError {
    fn from(exceeded: Exceeded) -> Self {
        let message = exceeded.to_string();
        match exceeded {
            Exceeded::FileSize(_) => Self::new(StatusCode::PAYLOAD_TOO_LARGE, &message),
            // It may pass (RFC 9110 section 15.5.14).
            Exceeded::Bytes(_) => Self {
                retry_after: Some(RETRY_WHEN_THERE_IS_ROOM),
                ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, &message)
            },
            Exceeded::Files(_) | Exceeded::Uploads(_) => Self::too_many(&message, RETRY_WHEN_THERE_IS_ROOM),
        }
    }
}

impl From<Beyond> for ApiError {
    fn from(beyond: Beyond) -> Self {
        let status = match beyond {
            Beyond::Size(_) => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::FORBIDDEN,
        };
        Self::new(status, &beyond.to_string())
    }
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::NotAllowed(beyond) => beyond.into(),
            TokenError::Invalid(errors) => Self::fields("body", errors),
            TokenError::Failed(failure) => failure.into(),
        }
    }
}

impl From<OwnerError> for ApiError {
    fn from(error: OwnerError) -> Self {
        match error {
            OwnerError::NotFound => Self::not_found(),
            OwnerError::Failed(failure) => failure.into(),
        }
    }
}

impl From<FileError> for ApiError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::NotFound => Self::not_found(),
            FileError::Unauthorized => Self::unauthorized(),
            FileError::Forbidden => Self::forbidden(),
            FileError::AlreadyStored => Self::new(StatusCode::BAD_REQUEST, "File uploaded previously!"),
            FileError::OnItsWay => Self::new(StatusCode::BAD_REQUEST, "File is uploading!"),
            FileError::NotStored(FileStatus::Failure) => {
                Self::new(StatusCode::CONFLICT, "The file could not be stored!")
            }
            FileError::NotStored(_) => Self::new(StatusCode::CONFLICT, "The file is not stored yet!"),
            FileError::Failed(failure) => failure.into(),
        }
    }
}
