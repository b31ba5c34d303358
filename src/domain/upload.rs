//! Uploads: from init to complete.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::upload_grant::UploadGrant;
use super::{
    AppointmentId, ChunkIndex, ContentType, Credential, Detail, FileExtension, FileName, Invalid, MAX_CHUNKS,
    ObjectLocation, TenantId, UploadId, UserId, Visibility,
};

/// The largest file: [`MAX_CHUNKS`] parts of 5 GiB, what a store can hold at the most.
pub const MAX_FILE_SIZE: i64 = 5 * 1024 * 1024 * 1024 * MAX_CHUNKS;

/// `Open` takes chunks; `Completing` has its job queued; `Completed` is a file; `Aborted` was given up or expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UploadState {
    /// Takes chunks.
    Open,
    /// Complete was answered; the job is not done.
    Completing,
    /// The file can be downloaded.
    Completed,
    /// Given up or expired.
    Aborted,
}

impl UploadState {
    /// The word that the database holds.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }
}

impl FromStr for UploadState {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "open" => Ok(Self::Open),
            "completing" => Ok(Self::Completing),
            "completed" => Ok(Self::Completed),
            "aborted" => Ok(Self::Aborted),
            _ => Err(Invalid(format!("no upload state: {text}"))),
        }
    }
}

/// What init was told about the file to come. Complete may repeat or contradict it, and wins.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct UploadHints {
    /// Size of the whole file in bytes.
    pub total_size: Option<i64>,
    /// The file's name.
    pub filename: Option<FileName>,
    /// Its media type.
    pub content_type: Option<ContentType>,
    /// Its extension.
    pub file_extension: Option<FileExtension>,
    /// Its credential.
    pub credential: Option<Credential>,
    /// The caller's notes.
    pub detail: Option<Detail>,
    /// Its user.
    pub user_id: Option<UserId>,
    /// Its appointment.
    pub appointment_id: Option<AppointmentId>,
    /// Who may read it.
    pub visibility: Option<Visibility>,
}

impl UploadHints {
    /// Where the bytes can go at once: the final place when the hints tell it, else the staging place.
    #[must_use]
    pub fn target(&self, upload: UploadId) -> ObjectLocation {
        let visibility = match (&self.credential, self.visibility) {
            (Some(_), _) => Some(Visibility::Private),
            (None, visibility) => visibility,
        };
        match (self.file_extension, visibility) {
            (Some(extension), Some(visibility)) => ObjectLocation::of_file(upload, extension, visibility),
            _ => ObjectLocation::of_staging(upload),
        }
    }
}

/// An upload as the database knows it.
#[derive(Debug, Clone)]
pub struct Upload {
    /// Its identifier.
    pub id: UploadId,
    /// Whose it is.
    pub tenant: TenantId,
    /// The upload token with which it was begun.
    pub grant: Option<UploadGrant>,
    /// Its state.
    pub state: UploadState,
    /// The most bytes of one chunk, and the stride at which a directory store writes.
    pub chunk_size: i64,
    /// Where its bytes are gathered.
    pub target: ObjectLocation,
    /// The store's own name for the gathering, once there is one.
    pub storage_upload_id: Option<String>,
    /// What init was told.
    pub hints: UploadHints,
    /// Whether its client was given URLs by which it sends chunks past the service.
    pub direct: bool,
    /// When init was answered.
    pub begun_at: DateTime<Utc>,
    /// When it is given up if nobody completes it.
    pub expires_at: DateTime<Utc>,
}

impl Upload {
    /// How many bytes the chunk at `index` of the announced file has when all but the last are full; `None` when init
    /// was not told the file's size, or the file has no such chunk.
    #[must_use]
    pub fn full_chunk_size(&self, index: ChunkIndex) -> Option<i64> {
        let left = self.hints.total_size?.checked_sub(self.chunk_size.checked_mul(index.get())?)?;
        (left > 0).then(|| left.min(self.chunk_size))
    }
}

/// The chunk size of a new upload: the configured one, raised where `total_size` would otherwise need
/// more than [`MAX_CHUNKS`] chunks, lowered to what the client would like.
#[must_use]
pub fn chunk_size_for(total_size: Option<i64>, wish: Option<i64>, configured: i64) -> i64 {
    let least = total_size.map_or(1, |size| (size.max(1) - 1) / MAX_CHUNKS + 1);
    wish.unwrap_or(configured).min(configured).max(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i64 = 1024 * 1024;

    #[test]
    fn the_chunk_size_is_the_configured_one_unless_the_file_needs_more() {
        assert_eq!(chunk_size_for(None, None, 10 * MIB), 10 * MIB);
        assert_eq!(chunk_size_for(Some(0), None, 10 * MIB), 10 * MIB);
        assert_eq!(chunk_size_for(Some(100_000 * MIB), None, 10 * MIB), 10 * MIB);
        assert_eq!(chunk_size_for(Some(100_000 * MIB + 1), None, 10 * MIB), 10 * MIB + 1);
        assert_eq!(chunk_size_for(Some(MAX_FILE_SIZE), None, 10 * MIB), 5 * 1024 * MIB);
    }

    #[test]
    fn a_client_may_wish_for_less_but_not_for_more() {
        assert_eq!(chunk_size_for(None, Some(5 * MIB), 10 * MIB), 5 * MIB);
        assert_eq!(chunk_size_for(None, Some(50 * MIB), 10 * MIB), 10 * MIB);
        assert_eq!(chunk_size_for(Some(100_000), Some(1), 10 * MIB), 10);
    }

    #[test]
    fn only_hints_that_tell_name_and_visibility_lead_to_the_final_place() {
        let id = UploadId::random();
        let jpg = "jpg".parse().ok();
        let staging = ObjectLocation::of_staging(id);
        let mut hints = UploadHints { file_extension: jpg, ..UploadHints::default() };
        assert_eq!(hints.target(id), staging);
        hints.visibility = Some(Visibility::Public);
        assert_eq!(hints.target(id).to_string(), format!("public/{id}.jpg"));
        hints.credential = Credential::parse(r#"{"a":1}"#).unwrap();
        assert_eq!(hints.target(id).to_string(), format!("private/{id}.jpg"));
        hints.file_extension = None;
        assert_eq!(hints.target(id), staging);
    }
}
