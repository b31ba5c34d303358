//! Proof that a stored object is what was sent: its size, the CRC that was combined from its chunks', the store's own
//! checksum where it keeps one, and what the caller says of it.

use crc_fast::{CrcAlgorithm, Digest};
use futures::TryStreamExt;
use sha2::{Digest as _, Sha256};

use super::cause::{Cause, Reason};
use crate::domain::file::File;
use crate::domain::{Checksum, FoundType};
use crate::storage::{ObjectStat, SharedStorage, StorageError};

/// What is told of a file whose stored bytes are not the ones that came in.
pub(super) const DAMAGED: &str = "The stored bytes are not the ones that were sent. Please upload the file again.";
const OTHER_TYPE: &str = "The file is not what its extension and content type say.";
const MISMATCH: &str = "The file does not have the checksum that was sent with it. Please upload the file again.";

/// Why an object is not known to be what was sent.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unproven {
    /// It is not there.
    #[error("the object is not there after it was made")]
    Missing,
    /// It is something else.
    #[error("{what} is {found} instead of {expected}")]
    Refuted {
        /// What was compared.
        what: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
        /// Whether it is only the caller's word that it contradicts.
        claim: bool,
    },
    /// Its first bytes are not what its name says.
    #[error("its first bytes are those of {found}")]
    OtherType {
        /// What they are.
        found: FoundType,
    },
    /// The store cannot tell.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Unproven {
    /// What was to blame: the caller, where the bytes are not what it says of them.
    fn reason(&self) -> Reason {
        match self {
            Self::Missing => Reason::Other,
            Self::Refuted { claim: true, .. } | Self::OtherType { .. } => Reason::Caller,
            Self::Refuted { .. } => Reason::Data,
            Self::Storage(error) => Cause::from(error).reason,
        }
    }

    /// For the operator.
    pub(super) fn cause(&self) -> Cause {
        Cause { text: self.to_string(), reason: self.reason() }
    }

    /// For a person.
    pub(super) fn sentence(&self) -> &'static str {
        match self {
            Self::Refuted { claim: true, .. } => MISMATCH,
            Self::OtherType { .. } => OTHER_TYPE,
            _ => DAMAGED,
        }
    }
}

/// Compares what the caller says with a CRC that is known; a claim that needs the bytes themselves is left open.
pub(super) fn check_claim(file: &File, crc: Option<u64>) -> Result<(), Unproven> {
    match (file.claimed_checksum, crc) {
        (Some(Checksum::Crc64Nvme(claimed)), Some(crc)) => {
            same("the checksum", Checksum::Crc64Nvme(claimed), Checksum::Crc64Nvme(crc), true)
        }
        _ => Ok(()),
    }
}

/// Proves that the file's object is what was sent; its CRC, if that is known. The object is read only where the caller's
/// checksum cannot be compared otherwise.
/// `made` is what is known of the object since it was made; without it the store is asked.
pub(super) async fn prove(
    storage: &SharedStorage,
    file: &File,
    made: Option<ObjectStat>,
) -> Result<Option<u64>, Unproven> {
    let object = match made {
        Some(object) => object,
        None => storage.stat(&file.location).await?.ok_or(Unproven::Missing)?,
    };
    same("the object's size", file.size, object.size, false)?;
    if let (Some(ours), Some(stored)) = (file.crc, object.crc) {
        same("the store's checksum", Checksum::Crc64Nvme(ours), Checksum::Crc64Nvme(stored), false)?;
    }
    let crc = file.crc.or(object.crc);
    let must_read = match file.claimed_checksum {
        None => false,
        Some(Checksum::Crc64Nvme(_)) => crc.is_none(),
        Some(Checksum::Sha256(_)) => true,
    };
    let crc = if must_read { Some(read(storage, file, crc).await?) } else { crc };
    check_claim(file, crc)?;
    Ok(crc)
}

/// Reads the object once and compares what it is with what it should be; its CRC.
async fn read(storage: &SharedStorage, file: &File, known: Option<u64>) -> Result<u64, Unproven> {
    let mut blocks = storage.read(&file.location, None).await?.blocks;
    let mut crc = Digest::new(CrcAlgorithm::Crc64Nvme);
    let mut sha256 = matches!(file.claimed_checksum, Some(Checksum::Sha256(_))).then(Sha256::new);
    while let Some(block) = blocks.try_next().await.map_err(StorageError::Body)? {
        crc.update(&block);
        if let Some(sha256) = &mut sha256 {
            sha256.update(&block);
        }
    }
    let crc = crc.finalize();
    if let Some(known) = known {
        same("the object's checksum", Checksum::Crc64Nvme(known), Checksum::Crc64Nvme(crc), false)?;
    }
    if let (Some(claimed), Some(sha256)) = (file.claimed_checksum, sha256) {
        same("the checksum", claimed, Checksum::Sha256(sha256.finalize().into()), true)?;
    }
    Ok(crc)
}

fn same<T: PartialEq + ToString + Copy>(
    what: &'static str,
    expected: T,
    found: T,
    claim: bool,
) -> Result<(), Unproven> {
    if expected == found {
        return Ok(());
    }
    Err(Unproven::Refuted { what, expected: expected.to_string(), found: found.to_string(), claim })
}
