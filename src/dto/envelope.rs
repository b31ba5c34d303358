//! The envelope around every answer.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Rows;

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

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Deleted {
    /// Its identifier.
    pub id: Uuid,
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Listing<T> {
    /// The rows, newest first.
    pub data: Vec<T>,
    /// What to ask for the next page with; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
    /// Always empty.
    pub message: String,
    /// Always `true`.
    pub success: bool,
}

impl<T> Listing<T> {
    /// A page of these rows.
    #[must_use]
    pub fn new(rows: Rows<T>) -> Self {
        let next_cursor = rows.next.map(|cursor| cursor.to_string());
        Self { data: rows.items, next_cursor, message: String::new(), success: true }
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
