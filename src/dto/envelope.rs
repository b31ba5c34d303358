//! The envelope around every answer.

use serde::Serialize;
use utoipa::ToSchema;

/// An answer that is not an error.
#[derive(Debug, Serialize, ToSchema)]
pub struct Success<T> {
    /// The answer itself.
    pub data: T,
    /// A sentence for a person, or nothing.
    pub message: String,
    /// Always `true`.
    pub success: bool,
}

impl<T> Success<T> {
    /// An answer without a sentence.
    pub fn new(data: T) -> Self {
        Self::with_message(data, "")
    }

    /// An answer with a sentence.
    pub fn with_message(data: T, message: &str) -> Self {
        Self { data, message: message.to_owned(), success: true }
    }
}

/// An error.
#[derive(Debug, Serialize, ToSchema)]
pub struct Error {
    /// Each field that is wrong, as `[where->field] what is wrong`.
    pub errors: Vec<String>,
    /// A sentence for a person, or nothing.
    pub message: String,
    /// Always `false`.
    pub success: bool,
}
