//! A body on its way through the service: a stream of byte blocks that is never held as a whole.

use std::io;

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

/// What can go wrong while a body is read. A failure of the sender and one of the store are told
/// apart, because the first is the caller's to mend and the second is ours.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The peer went away before the body's end.
    #[error("the connection was cut in the middle of the body")]
    Disconnected,
    /// The peer sends slower than the least rate.
    #[error("the body came too slowly")]
    TooSlow,
    /// The body breaks its format, a form's for example.
    #[error("{0}")]
    Malformed(String),
    /// The body is longer than `limit` bytes.
    #[error("the body is longer than {limit} bytes")]
    TooLong {
        /// The most bytes that were allowed.
        limit: u64,
    },
    /// The body has not the digest that its sender told.
    #[error("the body has another digest than its sender says")]
    OtherDigest,
    /// The writer's reservation of the chunk ran out while the bytes were on their way.
    #[error("the reservation of the chunk ran out")]
    ReservationLost,
    /// Reading from our own side (a store, a temporary file) failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
}

/// The blocks of a body.
pub type ByteBlocks = BoxStream<'static, Result<Bytes, BodyError>>;

/// A body, with its length where that is known before the last byte.
pub struct Body {
    /// Exact length in bytes; `None` when only the end of the stream will tell.
    pub length: Option<u64>,
    /// The bytes.
    pub blocks: ByteBlocks,
}

impl Body {
    /// A body whose length is known. Whoever produces `blocks` answers for the length.
    #[must_use]
    pub fn sized(length: u64, blocks: ByteBlocks) -> Self {
        Self { length: Some(length), blocks }
    }

    /// A body that is in memory already.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        Self { length: Some(bytes.len() as u64), blocks: stream::once(async { Ok(bytes) }).boxed() }
    }
}
