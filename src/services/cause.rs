//! Why a job did not do what it was for.

use crate::repositories::RepositoryError;
use crate::storage::StorageError;

/// Why a job did not do what it was for.
#[derive(Debug)]
pub struct Cause {
    /// For the log and the operator.
    pub text: String,
    /// For metrics.
    pub reason: Reason,
}

/// What was to blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The store is away or failing.
    Store,
    /// The store is full.
    StoreFull,
    /// The store refuses: keys, rights, names.
    StoreRefused,
    /// The database is away or failing.
    Database,
    /// The bytes are not what they should be.
    Data,
    /// The bytes are what was sent, but not what the caller says of them.
    Caller,
    /// Something else.
    Other,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 7] =
        [Self::Store, Self::StoreFull, Self::StoreRefused, Self::Database, Self::Data, Self::Caller, Self::Other];

    /// Its name in labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::StoreFull => "store_full",
            Self::StoreRefused => "store_refused",
            Self::Database => "database",
            Self::Data => "data",
            Self::Caller => "caller",
            Self::Other => "other",
        }
    }
}

impl Cause {
    /// A cause that is neither a dependency's nor the data's.
    pub fn other(text: impl Into<String>) -> Self {
        Self { text: text.into(), reason: Reason::Other }
    }
}

impl From<&StorageError> for Cause {
    fn from(error: &StorageError) -> Self {
        let reason = match error {
            StorageError::Unavailable(_) | StorageError::Body(_) => Reason::Store,
            StorageError::Full(_) => Reason::StoreFull,
            StorageError::Refused(_) => Reason::StoreRefused,
            StorageError::NotFound(_) | StorageError::Lost(_) | StorageError::Damaged(_) => Reason::Data,
        };
        Self { text: error.to_string(), reason }
    }
}

impl From<StorageError> for Cause {
    fn from(error: StorageError) -> Self {
        Self::from(&error)
    }
}

impl From<RepositoryError> for Cause {
    fn from(error: RepositoryError) -> Self {
        Self { text: error.to_string(), reason: Reason::Database }
    }
}
