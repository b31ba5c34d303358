//! The request's body as blocks, with a least rate.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, Sleep, sleep};

use crate::config::LimitConfig;
use crate::domain::body::{BodyError, ByteBlocks};

/// The blocks of a request's body. Fails when the sender is silent for the timeout, or stays under the least rate for
/// so long; only the time spent waiting for it counts.
#[must_use]
pub fn blocks(body: Body, limits: &LimitConfig) -> ByteBlocks {
    let window = limits.body_timeout;
    let least = limits.body_min_rate.saturating_mul(window.as_secs()).max(1);
    let blocks = body.into_data_stream();
    let rated = Rated { blocks, window, least, waited: Duration::ZERO, came: 0, waiting: None };
    rated.boxed()
}

struct Rated {
    blocks: BodyDataStream,
    /// Over how much waiting the rate is measured.
    window: Duration,
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
        if self.waited < self.window {
            return false;
        }
        let too_slow = self.came < self.least;
        self.waited = Duration::ZERO;
        self.came = 0;
        too_slow
    }

    /// Waits on for the sender; whether the window is over with too few bytes.
    fn wait(&mut self, cx: &mut Context<'_>) -> bool {
        let left = self.window.saturating_sub(self.waited);
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
    use crate::config::{Config, Role};

    fn at_least(body_min_rate: u64) -> LimitConfig {
        let defaults = Config::parse(Role::Api, std::collections::HashMap::new()).unwrap().limits;
        LimitConfig { body_min_rate, ..defaults }
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_and_a_steady_sender_is_not() {
        let sender = |bytes: usize| {
            let blocks = stream::unfold(0, move |sent| async move {
                sleep(Duration::from_secs(1)).await;
                (sent < 100).then(|| (Ok::<_, std::io::Error>(Bytes::from(vec![0; bytes])), sent + 1))
            });
            blocks.boxed()
        };
        let slow = blocks(Body::from_stream(sender(10)), &at_least(11)).try_collect::<Vec<_>>().await;
        assert!(matches!(slow, Err(BodyError::TooSlow)));
        let steady = blocks(Body::from_stream(sender(12)), &at_least(11)).try_collect::<Vec<_>>().await;
        assert_eq!(steady.unwrap().len(), 100);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_sender_is_cut_off_after_the_window() {
        let started = Instant::now();
        let limits = at_least(0);
        let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        assert!(matches!(blocks(silent, &limits).try_collect::<Vec<_>>().await, Err(BodyError::TooSlow)));
        assert_eq!(started.elapsed().as_secs(), limits.body_timeout.as_secs());
    }
}
