//! The one mapping from what services fail with to what HTTP says. A 5xx tells the caller what it can do; its
//! cause goes to the log and nowhere else.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::domain::body::BodyError;
use crate::domain::file::FileStatus;
use crate::dto::envelope::Error;
use crate::repositories::RepositoryError;
use crate::services::completion::CompletionError;
use crate::services::files::FileError;
use crate::services::owners::OwnerError;
use crate::services::uploads::UploadError;
use crate::services::{Failure, FieldError};
use crate::storage::StorageError;

const NO_UPLOAD: &str = "File directory not found. Please initialize first!";
const TRY_AGAIN: &str = "The service cannot do this now. Please try again.";
const FULL: &str = "There is no space left to store this. Please try again later.";
const OUR_FAULT: &str = "Something went wrong on our side. Please try again, and tell the operator if it stays.";
/// How many seconds a caller should wait before it tries again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// An answer that is an error.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    errors: Vec<String>,
    message: String,
    /// What the log should know; never the caller.
    cause: Option<String>,
}

impl ApiError {
    /// An error with a sentence.
    #[must_use]
    pub fn new(status: StatusCode, message: &str) -> Self {
        Self { status, errors: Vec::new(), message: message.to_owned(), cause: None }
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

    /// The caller did not prove that it may do this.
    #[must_use]
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Permission denied")
    }

    /// The service has not finished starting, or a dependency is away.
    #[must_use]
    pub fn unavailable(cause: String) -> Self {
        Self { cause: Some(cause), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, TRY_AGAIN) }
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
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
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
            | Failure::Storage(StorageError::NotFound(_) | StorageError::Damaged(_))
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
            CompletionError::Invalid(errors) => Self::fields("body", errors),
            CompletionError::Failed(failure) => failure.into(),
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
