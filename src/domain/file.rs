//! Stored files.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    AppointmentId, Checksum, ContentType, Credential, Detail, FileId, FileName, FoundType, Invalid, ObjectLocation,
    TenantId, UploadId, UserId,
};

/// How far a file is. Said only by [`File`] rows; the names are the API's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum FileStatus {
    /// Queued.
    Pending,
    /// A worker has it.
    Started,
    /// The object can be downloaded.
    Success,
    /// The object could not be made; the file's `error` says why.
    Failure,
}

impl FileStatus {
    /// The word that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Started => "STARTED",
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

impl FromStr for FileStatus {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "PENDING" => Ok(Self::Pending),
            "STARTED" => Ok(Self::Started),
            "SUCCESS" => Ok(Self::Success),
            "FAILURE" => Ok(Self::Failure),
            _ => Err(Invalid(format!("no file status: {text}"))),
        }
    }
}

/// A file as the database knows it.
#[derive(Debug, Clone)]
pub struct File {
    /// Its identifier.
    pub id: FileId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The upload it came from.
    pub upload_id: UploadId,
    /// The upload token with which that was begun.
    pub grant_id: Option<Uuid>,
    /// The caller's name for it.
    pub filename: Option<FileName>,
    /// Where its object lies.
    pub location: ObjectLocation,
    /// Its media type, as the caller said.
    pub content_type: ContentType,
    /// What its first bytes say that it is, once somebody looked.
    pub found_type: Option<FoundType>,
    /// Its size in bytes.
    pub size: i64,
    /// CRC-64/NVME of the whole file, combined from its chunks'; `None` as long as one of those is unknown.
    pub crc: Option<u64>,
    /// What the caller says its checksum is.
    pub claimed_checksum: Option<Checksum>,
    /// The caller's notes.
    pub detail: Option<Detail>,
    /// What a caller must know to see it; `None` for a public file.
    pub credential: Option<Credential>,
    /// How far it is.
    pub status: FileStatus,
    /// Why it is in FAILURE: a sentence for a person.
    pub error: Option<String>,
    /// Its user.
    pub user_id: Option<UserId>,
    /// Its appointment.
    pub appointment_id: Option<AppointmentId>,
    /// When complete was answered.
    pub created_at: DateTime<Utc>,
}

/// A file as lists show it.
#[derive(Debug, Clone)]
pub struct ListedFile {
    /// Its identifier.
    pub id: FileId,
    /// The caller's name for it.
    pub filename: Option<FileName>,
    /// Where its object lies.
    pub location: ObjectLocation,
    /// Its media type, as the caller said.
    pub content_type: ContentType,
    /// Its size in bytes.
    pub size: i64,
    /// How far it is.
    pub status: FileStatus,
    /// The name of its appointment, if it has one.
    pub appointment_name: Option<String>,
    /// When complete was answered.
    pub created_at: DateTime<Utc>,
}

/// How far a file is, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its state.
    pub status: FileStatus,
    /// Why it is in FAILURE: a sentence for a person.
    pub error: Option<String>,
    /// When it came into that state.
    pub since: DateTime<Utc>,
}

impl Progress {
    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self.status, FileStatus::Success | FileStatus::Failure)
    }
}
