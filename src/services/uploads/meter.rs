//! Watches a chunk's bytes go by: counts them, takes their CRC, and stops them where they must not go on.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use crc_fast::{CrcAlgorithm, Digest};
use futures::{Stream, StreamExt};
use sha2::{Digest as _, Sha256};

use crate::domain::body::{Body, BodyError, ByteBlocks};
use crate::domain::chunk::Fingerprint;

/// What a [`Meter`] has seen, shared with whoever waits for the store.
#[derive(Clone)]
pub(super) struct Reading(Arc<Mutex<State>>);

struct State {
    crc: Digest,
    /// The SHA-256 so far, if one is expected.
    sha256: Option<Sha256>,
    length: u64,
    /// The first bytes, as many as are wanted.
    head: Vec<u8>,
    head_wanted: usize,
    ended: bool,
    failure: Option<BodyError>,
    /// Until when the bytes may be handed on.
    reserved_until: Instant,
    /// Since when nobody has asked for the next block, though it could be had.
    idle_since: Option<Instant>,
}

impl Reading {
    fn new(with_sha256: bool, reserved_until: Instant) -> Self {
        Self(Arc::new(Mutex::new(State {
            crc: Digest::new(CrcAlgorithm::Crc64Nvme),
            sha256: with_sha256.then(Sha256::new),
            length: 0,
            head: Vec::new(),
            head_wanted: 0,
            ended: false,
            failure: None,
            reserved_until,
            idle_since: Some(Instant::now()),
        })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Size and CRC, once the body has ended well.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        let of = |state: &mut State| Fingerprint { size: state.length.cast_signed(), crc: state.crc.finalize() };
        self.with(|state| state.ended.then(|| of(state)))
    }

    /// Keeps so many of the first bytes; to be told before any has come.
    pub(super) fn keep_head(&self, bytes: usize) {
        self.with(|state| state.head_wanted = bytes);
    }

    /// The first bytes that were kept, if any were to be.
    pub(super) fn take_head(&self) -> Option<Vec<u8>> {
        self.with(|state| (state.head_wanted > 0).then(|| std::mem::take(&mut state.head)))
    }

    /// How many bytes have come.
    pub(super) fn length(&self) -> u64 {
        self.with(|state| state.length)
    }

    /// Why the body ended badly, if it did.
    pub(super) fn take_failure(&self) -> Option<BodyError> {
        self.with(|state| state.failure.take())
    }

    /// The reservation lasts until then.
    pub(super) fn prolong(&self, reserved_until: Instant) {
        self.with(|state| state.reserved_until = reserved_until);
    }

    /// The same body again, which has passed the watch on its way to a temporary file: that it is read from there is a sign
    /// of life too.
    pub(super) fn attend(&self, body: Body) -> Body {
        let reading = self.clone();
        let note = move |_: &_| reading.with(|state| state.idle_since = Some(Instant::now()));
        Body { length: body.length, blocks: body.blocks.inspect(note).boxed() }
    }

    /// How long the store has not asked for anything, while nothing kept it from asking.
    pub(super) fn idle(&self) -> Duration {
        self.with(|state| state.idle_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}

/// A body under watch. One block is always held back, so that nobody gets all the bytes of a body before it has
/// ended well: a store can keep no chunk of a request that was cut off.
struct Meter {
    blocks: ByteBlocks,
    held: Option<Bytes>,
    limit: u64,
    expected: Option<u64>,
    expected_sha256: Option<[u8; 32]>,
    reading: Reading,
    done: bool,
}

/// Puts a body under watch. It may have `limit` bytes until `reserved_until`, and must have this SHA-256 if one is given.
pub(super) fn watch(
    body: Body,
    limit: u64,
    expected_sha256: Option<[u8; 32]>,
    reserved_until: Instant,
) -> (Body, Reading) {
    let reading = Reading::new(expected_sha256.is_some(), reserved_until);
    let meter = Meter {
        blocks: body.blocks,
        held: None,
        limit,
        expected: body.length,
        expected_sha256,
        reading: reading.clone(),
        done: false,
    };
    (Body { length: body.length, blocks: meter.boxed() }, reading)
}

impl Meter {
    /// Takes note of what came out of the body; what may be handed on because of it.
    fn note(&mut self, next: Option<Result<Bytes, BodyError>>) -> Option<Result<Bytes, BodyError>> {
        let (limit, expected, expected_sha256) = (self.limit, self.expected, self.expected_sha256);
        let noted = self.reading.with(|state| {
            if state.reserved_until <= Instant::now() {
                return Err(BodyError::ReservationLost);
            }
            match next {
                Some(Ok(block)) => {
                    state.length += block.len() as u64;
                    if state.length > limit {
                        return Err(BodyError::TooLong { limit });
                    }
                    let wanted = state.head_wanted.saturating_sub(state.head.len()).min(block.len());
                    state.head.extend_from_slice(&block[..wanted]);
                    state.crc.update(&block);
                    if let Some(sha256) = &mut state.sha256 {
                        sha256.update(&block);
                    }
                    Ok(Some(block))
                }
                Some(Err(error)) => Err(error),
                None if expected.is_some_and(|expected| expected != state.length) => {
                    Err(BodyError::Malformed("the body is shorter than it says".into()))
                }
                None if state.sha256.take().map(|sha256| <[u8; 32]>::from(sha256.finalize())) != expected_sha256 => {
                    Err(BodyError::OtherDigest)
                }
                None => {
                    state.ended = true;
                    Ok(None)
                }
            }
        });
        match noted {
            Ok(Some(block)) => self.held.replace(block).map(Ok),
            Ok(None) => {
                self.done = true;
                self.held.take().map(Ok)
            }
            Err(error) => {
                self.done = true;
                let told = std::io::Error::other(error.to_string()).into();
                self.reading.with(|state| state.failure = Some(error));
                Some(Err(told))
            }
        }
    }
}

impl Stream for Meter {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let idle_since = |this: &Self, since| this.reading.with(|state| state.idle_since = since);
        while !this.done {
            let Poll::Ready(next) = this.blocks.poll_next_unpin(cx) else {
                idle_since(this, None);
                return Poll::Pending;
            };
            idle_since(this, Some(Instant::now()));
            if let Some(noted) = this.note(next) {
                return Poll::Ready(Some(noted));
            }
        }
        idle_since(this, Some(Instant::now()));
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt, stream};

    use super::*;

    fn later() -> Instant {
        Instant::now() + Duration::from_mins(1)
    }

    fn body(blocks: &[&'static [u8]], length: Option<u64>) -> Body {
        let blocks: Vec<_> = blocks.iter().map(|block| Ok(Bytes::from_static(block))).collect();
        Body { length, blocks: stream::iter(blocks).boxed() }
    }

    #[tokio::test]
    async fn a_body_passes_unchanged_and_leaves_its_fingerprint() {
        let (watched, reading) = watch(body(&[b"hello ", b"world"], Some(11)), 11, None, later());
        let blocks: Vec<Bytes> = watched.blocks.try_collect().await.unwrap();
        assert_eq!(blocks.concat(), b"hello world");
        let crc = crc_fast::checksum(CrcAlgorithm::Crc64Nvme, b"hello world");
        assert_eq!(reading.fingerprint(), Some(Fingerprint { size: 11, crc }));
    }

    #[tokio::test]
    async fn the_last_block_is_not_handed_on_before_the_body_has_ended_well() {
        let (mut watched, reading) = watch(body(&[b"all but ", b"the end"], Some(99)), 99, None, later());
        assert_eq!(watched.blocks.try_next().await.unwrap().unwrap(), "all but ");
        assert!(watched.blocks.try_next().await.is_err());
        assert!(matches!(reading.take_failure(), Some(BodyError::Malformed(_))));
        assert_eq!(reading.fingerprint(), None);
    }

    #[tokio::test]
    async fn a_body_with_another_digest_is_kept_from_the_store() {
        let right = <[u8; 32]>::from(Sha256::digest(b"hello world"));
        let (watched, reading) = watch(body(&[b"hello ", b"world"], None), 11, Some(right), later());
        assert_eq!(watched.blocks.try_collect::<Vec<_>>().await.unwrap().concat(), b"hello world");
        assert!(reading.fingerprint().is_some());
        let (mut watched, reading) = watch(body(&[b"hello ", b"World"], None), 11, Some(right), later());
        assert_eq!(watched.blocks.try_next().await.unwrap().unwrap(), "hello ");
        assert!(watched.blocks.try_next().await.is_err());
        assert!(matches!(reading.take_failure(), Some(BodyError::OtherDigest)));
        assert_eq!(reading.fingerprint(), None);
    }

    #[tokio::test]
    async fn reading_stops_at_the_limit_and_when_the_reservation_is_over() {
        let (watched, reading) = watch(body(&[b"123", b"456"], None), 5, None, later());
        assert!(watched.blocks.try_collect::<Vec<_>>().await.is_err());
        assert!(matches!(reading.take_failure(), Some(BodyError::TooLong { limit: 5 })));

        let (watched, reading) = watch(body(&[b"123"], None), 5, None, Instant::now());
        assert!(watched.blocks.try_collect::<Vec<_>>().await.is_err());
        assert!(matches!(reading.take_failure(), Some(BodyError::ReservationLost)));
    }
}
