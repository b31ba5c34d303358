//! Watches bytes go by that the store gave back: whether they are still the ones that were acknowledged.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use futures::StreamExt;

use crate::domain::body::{Body, BodyError};
use crate::storage::StorageError;

/// What was seen of bytes that came in order, in one body or in several.
#[derive(Clone)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

struct Seen {
    crc: Digest,
    /// The name of an object that was not there.
    missing: Option<String>,
}

impl Witness {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Seen { crc: Digest::new(CrcAlgorithm::Crc64Nvme), missing: None })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Seen) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next bytes, under watch.
    pub(super) fn watch(&self, body: Body) -> Body {
        let witness = self.clone();
        let note = move |seen: &mut Seen, block: &Result<Bytes, BodyError>| match block {
            Ok(block) => seen.crc.update(block),
            Err(error) => seen.missing = missing(error),
        };
        let blocks = body.blocks.inspect(move |block| witness.with(|seen| note(seen, block)));
        Body { length: body.length, blocks: blocks.boxed() }
    }

    /// Why the bytes could not be sent on: what kept them from coming counts more than what the store made of it.
    pub(super) fn cause(&self, of_store: StorageError) -> StorageError {
        self.with(|seen| seen.missing.take()).map_or(of_store, StorageError::NotFound)
    }

    /// Compares all that went by with the CRC that was taken when it came in, if that is known; the CRC of what went by.
    ///
    /// # Errors
    /// [`StorageError::Damaged`].
    pub(super) fn confirm(&self, what: &str, acknowledged: Option<u64>) -> Result<u64, StorageError> {
        let found = self.with(|seen| seen.crc.finalize());
        match acknowledged {
            Some(crc) if crc != found => {
                Err(StorageError::Damaged(format!("the CRC of {what} is {found:016x} instead of {crc:016x}")))
            }
            _ => Ok(found),
        }
    }
}

fn missing(error: &BodyError) -> Option<String> {
    let BodyError::Io(error) = error else { return None };
    match error.get_ref()?.downcast_ref::<StorageError>()? {
        StorageError::NotFound(name) => Some(name.clone()),
        _ => None,
    }
}
