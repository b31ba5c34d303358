//! Bodies of the file routes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Checksum;
use crate::domain::file::{File, FileStatus, ListedFile, Progress};

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub struct FileAnswer {
    /// The file's identifier.
    pub id: Uuid,
    /// The file's name.
    #[schema(required = true)]
    pub filename: Option<String>,
    /// `<bucket>/<upload_id>.<file_extension>`.
    pub path: String,
    /// The file's media type.
    pub content_type: String,
    /// What the file's first bytes say that it is; `null` while nobody looked.
    #[schema(required = true)]
    pub found_type: Option<String>,
    /// The file's size in bytes.
    pub size: i64,
    /// What the caller noted.
    #[schema(required = true, value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// What must be known to see the file.
    #[schema(required = true, value_type = Option<Object>)]
    pub credential: Option<serde_json::Value>,
    /// Where the bytes are. Good once `status` is `SUCCESS`.
    pub download_url: String,
    /// How far the file is.
    pub status: FileStatus,
    /// `crc64nvme:` and the checksum of the whole file in hex; `null` while it is not known.
    #[schema(required = true)]
    pub checksum: Option<String>,
    /// The file's user.
    #[schema(required = true)]
    pub user_id: Option<Uuid>,
    /// The file's appointment.
    #[schema(required = true)]
    pub appointment_id: Option<Uuid>,
    /// When complete was answered (RFC 3339).
    pub created_at: String,
}

impl FileAnswer {
    /// A file with its object's path and a link to its bytes.
    #[must_use]
    pub fn new(file: &File, path: String, download_url: String) -> Self {
        Self {
            id: file.id.0,
            filename: file.filename.as_ref().map(|name| name.as_str().to_owned()),
            path,
            content_type: file.content_type.as_str().to_owned(),
            found_type: file.found_type.as_ref().map(|found| found.as_str().to_owned()),
            size: file.size,
            detail: file.detail.as_ref().map(|detail| serde_json::json!(detail)),
            credential: file.credential.as_ref().map(|credential| serde_json::json!(credential)),
            download_url,
            status: file.status,
            checksum: file.crc.map(|crc| Checksum::Crc64Nvme(crc).to_string()),
            user_id: file.user_id.map(|id| id.0),
            appointment_id: file.appointment_id.map(|id| id.0),
            created_at: timestamp(file.created_at),
        }
    }

    /// The same for someone who has not shown the file's credential, with an address at which it is asked for.
    #[must_use]
    pub fn without_secrets(file: &File, path: String, bare_url: String) -> Self {
        Self { credential: None, ..Self::new(file, path, bare_url) }
    }
}

/// A file in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListedFileAnswer {
    /// The file's identifier.
    pub id: Uuid,
    /// The file's name.
    #[schema(required = true)]
    pub filename: Option<String>,
    /// The file's media type.
    pub content_type: String,
    /// The file's size in bytes.
    pub size: i64,
    /// Where the bytes are, once `status` is `SUCCESS`; `null` for a private file, whose link is given for its credential.
    #[schema(required = true)]
    pub download_url: Option<String>,
    /// The name of the file's appointment.
    #[schema(required = true)]
    pub appointment_name: Option<String>,
    /// How far the file is.
    pub status: FileStatus,
    /// When complete was answered (RFC 3339).
    pub created_at: String,
}

impl ListedFileAnswer {
    /// A file with a link to its bytes.
    #[must_use]
    pub fn new(file: ListedFile, download_url: Option<String>) -> Self {
        Self {
            id: file.id.0,
            filename: file.filename.map(|name| name.as_str().to_owned()),
            content_type: file.content_type.as_str().to_owned(),
            size: file.size,
            download_url,
            appointment_name: file.appointment_name,
            status: file.status,
            created_at: timestamp(file.created_at),
        }
    }
}

/// How far a file is.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatusAnswer {
    /// How far the file is.
    pub status: FileStatus,
    /// Why it is in `FAILURE`: a sentence for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl From<File> for StatusAnswer {
    fn from(file: File) -> Self {
        Self { status: file.status, error: file.error.filter(|_| file.status == FileStatus::Failure) }
    }
}

impl From<Progress> for StatusAnswer {
    fn from(progress: Progress) -> Self {
        Self { status: progress.status, error: progress.error.filter(|_| progress.status == FileStatus::Failure) }
    }
}

pub(super) fn timestamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
