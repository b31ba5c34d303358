//! What a store holds for an upload, as its listings tell: for whoever compares it with the database.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::domain::{ObjectLocation, UploadId};

/// A thing in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// What it is.
    pub held: Held,
    /// Whose it is; `None` when its name is not one that the service gives.
    pub upload: Option<UploadId>,
    /// Its size in bytes; 0 where the store's listing does not tell.
    pub bytes: u64,
    /// When it was begun, or changed last, by the store's clock.
    pub since: DateTime<Utc>,
}

/// What a thing in a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// An object: a finished one, or a chunk that waits for its upload's end.
    Object(ObjectLocation),
    /// Parts that wait for a multipart upload's end.
    Gathering {
        /// What they would become.
        target: ObjectLocation,
        /// The store's own name for them.
        storage_upload_id: String,
    },
    /// A file of this name in which a folder gathers chunks, or makes one object of them.
    Staging(String),
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(location) if location.is_staging() => write!(f, "staged object {location}"),
            Self::Object(location) => write!(f, "object {location}"),
            Self::Gathering { target, .. } => write!(f, "multipart upload of {target}"),
            Self::Staging(name) => write!(f, "staging file {name}"),
        }
    }
}
