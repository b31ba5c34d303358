//! The request's body as blocks, with a least rate.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep};

use crate::domain::body::{BodyError, ByteBlocks};

/// Over how much waiting the rate is measured. Only the time spent waiting for the sender counts.
const WINDOW: Duration = Duration::from_secs(30);

/// The blocks of a request's body. Fails when the sender stays under `min_rate` bytes a second; 0 is no limit.
#[must_use]
pub fn blocks(body: Body, min_rate: u64) -> ByteBlocks {
    let least = min_rate.saturating_mul(WINDOW.as_secs());
    let rated = Rated { blocks: body.into_data_stream(), least, waited: Duration::ZERO, came: 0, waiting: None };
    rated.boxed()
}

struct Rated {
    blocks: BodyDataStream,
    /// The fewest bytes of one window.
    least: u64,
    /// How long this window has waited for the sender.
    waited: Duration,
    /// How many bytes came in this window.
    came: u64,
    /// Since when the sender is waited for, and the alarm for the end of the window.
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Rated {
    /// Takes note of a block; whether the window is over with too few bytes.
    fn note(&mut self, length: usize) -> bool {
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
        self.came += length as u64;
        if self.waited < WINDOW {
            return false;
        }
        let too_slow = self.came < self.least;
        self.waited = Duration::ZERO;
        self.came = 0;
        too_slow
    }

    /// Waits on for the sender; whether the window is over with too few bytes.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let left = WINDOW.saturating_sub(self.waited);
        let (_, alarm) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        if alarm.as_mut().poll(cx).is_pending() {
            return false;
        }
        let too_slow = self.note(0);
        // If it was a good window, the next one begins with the next poll.
        cx.waker().wake_by_ref();
        too_slow
    }
}

impl Stream for Rated {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match this.blocks.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(block))) if this.note(block.len()) => Poll::Ready(Some(Err(BodyError::TooSlow))),
            Poll::Ready(Some(Ok(block))) => Poll::Ready(Some(Ok(block))),
            // hyper reports a connection that was cut, and a chunked body that breaks its format, alike.
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(BodyError::Disconnected))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending if this.wait(cx) => Poll::Ready(Some(Err(BodyError::TooSlow))),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{TryStreamExt, stream};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_and_a_steady_sender_is_not() {
        let sender = |bytes: usize| {
            let blocks = stream::unfold(0, move |sent| async move {
                sleep(Duration::from_secs(1)).await;
                (sent < 100).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), sent + 1))
            });
            blocks.boxed()
        };
        let slow = blocks(Body::from_stream(sender(10)), 11).try_collect::<Vec<_>>().await;
        assert!(matches!(slow, Err(BodyError::TooSlow)));
        let steady = blocks(Body::from_stream(sender(12)), 11).try_collect::<Vec<_>>().await;
        assert_eq!(steady.unwrap().len(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_sender_is_cut_off_after_the_window() {
        let started = Instant::now();
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert!(matches!(blocks(silent, 1).try_collect::<Vec<_>>().await, Err(BodyError::TooSlow)));
        assert_eq!(started.elapsed().as_secs(), WINDOW.as_secs());
    }
}
