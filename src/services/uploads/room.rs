//! How many bytes an upload may have, where its token or its tenant's limits say so. Looked at chunk by chunk, so that
//! nobody fills the store with what complete would refuse; complete itself counts to the byte.

use super::{UploadError, UploadService};
use crate::domain::limits::{Exceeded, Limits};
use crate::domain::upload::Upload;
use crate::domain::upload_grant::Beyond;
use crate::repositories::chunks::Others;
use crate::services::Failure;

/// What limits an upload's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    Token(i64),
    File(i64),
    All(i64),
}

impl Bound {
    /// The tightest, if there is any.
    fn of(upload: &Upload, limits: &Limits) -> Option<Self> {
        let bounds = [
            upload.grant.as_ref().map(|grant| Self::Token(grant.max_size)),
            limits.file_size.map(Self::File),
            limits.bytes.map(Self::All),
        ];
        bounds.into_iter().flatten().min_by_key(|bound| bound.bytes())
    }

    fn bytes(self) -> i64 {
        match self {
            Self::Token(bytes) | Self::File(bytes) | Self::All(bytes) => bytes,
        }
    }

    fn error(self) -> UploadError {
        match self {
            Self::Token(bytes) => UploadError::NotAllowed(Beyond::Size(bytes)),
            Self::File(bytes) => UploadError::Exceeded(Exceeded::FileSize(bytes)),
            Self::All(bytes) => UploadError::Exceeded(Exceeded::Bytes(bytes)),
        }
    }
}

/// What there is left of an upload's bytes for one chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// In bytes, now.
    pub(super) left: u64,
    /// In bytes, if nothing comes of the chunks that others are writing.
    left_at_best: u64,
    bound: Bound,
}

impl Room {
    /// What is left beside the other chunks. Whoever asks has its own reservation written down before: of two who ask at
    /// the same time at least one sees the other.
    pub(super) fn beside(bound: Bound, others: Others) -> Self {
        let left = |taken: i64| u64::try_from(bound.bytes().saturating_sub(taken)).unwrap_or(0);
        let Others { acknowledged, reserved } = others;
        Self { left: left(acknowledged.saturating_add(reserved)), left_at_best: left(acknowledged), bound }
    }

    /// Why a chunk of so many bytes is refused. It may come again where others are in its way that may yet fail.
    pub(super) fn error(&self, length: u64) -> UploadError {
        if length <= self.left_at_best { UploadError::Failed(Failure::Busy) } else { self.bound.error() }
    }
}

impl UploadService {
    /// What limits the bytes of this upload, if anything does.
    pub(super) async fn bound(&self, upload: &Upload) -> Result<Option<Bound>, UploadError> {
        Ok(Bound::of(upload, &self.tenants.limits(&upload.tenant).await?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_are_writing_counts_but_may_come_to_nothing() {
        let room = Room::beside(Bound::File(100), Others { acknowledged: 30, reserved: 50 });
        assert_eq!(room.left, 20);
        assert!(matches!(room.error(70), UploadError::Failed(Failure::Busy)));
        assert!(matches!(room.error(71), UploadError::Exceeded(Exceeded::FileSize(100))));
        let full = Room::beside(Bound::Token(100), Others { acknowledged: 130, reserved: 0 });
        assert_eq!(full.left, 0);
        assert!(matches!(full.error(1), UploadError::NotAllowed(Beyond::Size(100))));
    }
}
