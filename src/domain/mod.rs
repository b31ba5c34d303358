//! Types that cannot hold a wrong value, and the states with their legal transitions.
//! Nothing here knows HTTP, SQL or a store.

pub mod access;
pub mod api_key;
pub mod audit;
pub mod body;
pub mod checksum;
pub mod chunk;
pub mod content_type;
pub mod credential;
pub mod detail;
pub mod file;
pub mod file_extension;
pub mod file_name;
pub mod found_type;
pub mod ids;
pub mod job;
pub mod limits;
pub mod location;
pub mod name;
pub mod owner;
pub mod page;
pub mod upload;
pub mod upload_grant;

pub use access::{Caller, TenantId};
pub use checksum::Checksum;
pub use chunk::{ChunkIndex, MAX_CHUNKS};
pub use content_type::ContentType;
pub use credential::Credential;
pub use detail::Detail;
pub use file_extension::FileExtension;
pub use file_name::FileName;
pub use found_type::FoundType;
pub use ids::{AppointmentId, FileId, JobId, UploadId, UserId};
pub use location::{ObjectLocation, Visibility};
pub use name::Name;
pub use page::{Cursor, Page, Rows};

/// Why a text is not a value of the wanted type; the text is the API's wording for a 422.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub String);

impl Invalid {
    /// An error with this wording.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
