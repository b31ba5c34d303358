//! What services can fail with in common.

use crate::domain::Invalid;
use crate::repositories::Deadlocked;
use crate::repositories::RepositoryError;
use crate::storage::StorageError;

/// A field of the caller's that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name in the API.
    pub field: &'static str,
    /// What is wrong with it, in the API's wording.
    pub message: String,
}

/// One wrong field.
pub fn invalid_field(field: &'static str, message: impl Into<String>) -> Vec<FieldError> {
    vec![FieldError { field, message: message.into() }]
}

impl FieldError {
    /// The field with what its type says of it.
    #[must_use]
    pub fn of(field: &'static str, invalid: Invalid) -> Self {
        Self { field, message: invalid.0 }
    }
}

/// Something that the service depends on failed; the caller can only try again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database.
    #[error(transparent)]
    Database(#[from] RepositoryError),
    /// The object store.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Another node holds what is needed, for longer than a request should wait.
    #[error("another request is still writing this chunk")]
    Busy,
    /// A task of ours ended in a way that it never should.
    #[error("a task broke: {0}")]
    Broken(String),
}

impl Deadlocked for Failure {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_deadlock())
    }
}
