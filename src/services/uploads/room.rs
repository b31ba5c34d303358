//! How many bytes an upload may have, where its token or its tenant's limits say so. Looked at chunk by chunk, so that
//! nobody fills the store with what complete would refuse; complete itself counts to the byte.

use super::{UploadError, UploadService};
use crate::domain::ChunkIndex;
use crate::domain::limits::{Exceeded, Limits};
use crate::domain::upload::Upload;
use crate::domain::upload_grant::Beyond;
use crate::repositories::chunks;

/// What there is left of an upload's bytes for one chunk.
pub(super) struct Room {
    /// In bytes.
    pub(super) left: u64,
    bound: Bound,
}

/// What limits an upload's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
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

impl Room {
    /// Why a chunk of more bytes is refused.
    pub(super) fn error(&self) -> UploadError {
        self.bound.error()
    }
}

impl UploadService {
    /// What is left for this chunk beside the others; `None` where nothing limits it, or where it lies so near to the
    /// beginning that all chunks up to it are within the limit, which spares asking the database.
    pub(super) async fn room(&self, upload: &Upload, index: ChunkIndex) -> Result<Option<Room>, UploadError> {
        let limits = self.tenants.limits(&upload.tenant).await?;
        let Some(bound) = Bound::of(upload, &limits) else { return Ok(None) };
        if upload.chunk_size.saturating_mul(index.get() + 1) <= bound.bytes() {
            return Ok(None);
        }
        let others = chunks::size_of_others(&mut self.ports.database.reader().await?, upload.id, index).await?;
        match u64::try_from(bound.bytes().saturating_sub(others)) {
            Ok(left) if left > 0 => Ok(Some(Room { left, bound })),
            _ => Err(bound.error()),
        }
    }
}
