//! Holds a body back until the caller has taken what it was given: the server would queue more for each connection than
//! a crowd of slow readers leaves memory for.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::task::AtomicWaker;
use futures::{Stream, StreamExt};

use crate::domain::body::{BodyError, ByteBlocks};

/// The blocks of a body, each given out when the one before has gone to the socket.
pub(super) fn paced(blocks: ByteBlocks) -> impl Stream<Item = Result<Bytes, BodyError>> + Send {
    Paced { blocks, queue: Arc::default() }
}

struct Paced {
    blocks: ByteBlocks,
    queue: Arc<Queue>,
}

/// What was given out and is not yet written.
#[derive(Default)]
struct Queue {
    blocks: AtomicUsize,
    room: AtomicWaker,
}

/// A block that was given out.
struct Queued {
    bytes: Bytes,
    queue: Arc<Queue>,
}

impl AsRef<[u8]> for Queued {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.queue.blocks.fetch_sub(1, Ordering::AcqRel);
        self.queue.room.wake();
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.queue.room.register(cx.waker());
        if self.queue.blocks.load(Ordering::Acquire) > 0 {
            return Poll::Pending;
        }
        let next = self.blocks.poll_next_unpin(cx);
        next.map(|next| {
            next.map(|block| {
                block.map(|bytes| {
                    self.queue.blocks.fetch_add(1, Ordering::AcqRel);
                    Bytes::from_owner(Queued { bytes, queue: Arc::clone(&self.queue) })
                })
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, stream};

    use super::*;

    #[test]
    fn the_next_block_waits_until_the_last_one_is_gone() {
        let blocks = stream::iter([b"a", b"b"].map(|block| Ok(Bytes::from_static(block))));
        let mut blocks = paced(blocks.boxed());
        let first = blocks.next().now_or_never().unwrap().unwrap().unwrap();
        assert!(blocks.next().now_or_never().is_none());
        let part = first.slice(..0);
        drop(first);
        drop(part);
        assert_eq!(blocks.next().now_or_never().unwrap().unwrap().unwrap(), "b");
        assert!(blocks.next().now_or_never().unwrap().is_none());
    }
}
