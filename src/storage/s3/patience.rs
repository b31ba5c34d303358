//! Limits of calls whose bodies take as long as they are large: what counts is that something goes on. Without them a store
//! that does nothing, but whose system still acknowledges our packets, would be waited for without an end.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use tokio::pin;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::domain::body::{Body, BodyError, ByteBlocks};
use crate::storage::StorageError;

/// How long a store may take until it begins to answer, and until the next block of what it answers.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long a store may do nothing with what a job sends it, for which no caller waits.
const PATIENCE_OF_JOBS: Duration = Duration::from_mins(2);
const SILENT: &str = "the store does not go on";

/// The answer to a call, unless the store is silent.
pub(super) async fn answered<T>(call: impl Future<Output = T>) -> Result<T, StorageError> {
    timeout(PATIENCE, call).await.map_err(|_| StorageError::Unavailable(SILENT.into()))
}

/// Blocks that end with an error when one that is wanted does not come.
pub(super) fn coming(blocks: ByteBlocks) -> ByteBlocks {
    let next = |mut blocks: ByteBlocks| async {
        match timeout(PATIENCE, blocks.try_next()).await {
            Ok(next) => Ok(next?.map(|block| (block, blocks))),
            Err(_) => Err(BodyError::Io(io::Error::new(io::ErrorKind::TimedOut, SILENT))),
        }
    };
    stream::try_unfold(blocks, next).boxed()
}

/// The answer to a call that sends this body, as long as the store takes its blocks.
pub(super) async fn sent<T, F>(body: Body, send: impl FnOnce(Body) -> F) -> Result<T, StorageError>
where
    F: Future<Output = Result<T, StorageError>>,
{
    let taken = Arc::new(Notify::new());
    let blocks = body.blocks.inspect({
        let taken = Arc::clone(&taken);
        move |_| taken.notify_one()
    });
    let sending = send(Body { length: body.length, blocks: blocks.boxed() });
    pin!(sending);
    loop {
        tokio::select! {
            answer = &mut sending => return answer,
            went_on = timeout(PATIENCE_OF_JOBS, taken.notified()) => {
                went_on.map_err(|_| StorageError::Unavailable(SILENT.into()))?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::future;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// So many blocks with a pause before each.
    fn slow(count: u64, pause: Duration) -> ByteBlocks {
        let next = move |left: u64| async move {
            sleep(pause).await;
            Ok((left > 0).then(|| (Bytes::from_static(b"block"), left - 1)))
        };
        stream::try_unfold(count, next).boxed()
    }

    #[tokio::test(start_paused = true)]
    async fn slow_blocks_come_and_silence_ends() {
        let blocks: Vec<_> = coming(slow(100, Duration::from_secs(20))).try_collect().await.unwrap();
        assert_eq!(blocks.len(), 100);
        let begun = Instant::now();
        let silent = coming(stream::pending().boxed()).try_collect::<Vec<_>>().await;
        assert!(matches!(silent, Err(BodyError::Io(error)) if error.kind() == io::ErrorKind::TimedOut));
        assert_eq!(begun.elapsed(), PATIENCE);
        assert!(answered(future::pending::<()>()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_body_is_sent_and_a_store_that_never_answers_is_left() {
        let body = Body { length: None, blocks: slow(10, Duration::from_mins(1)) };
        let sending = async |body: Body| Ok(body.blocks.try_collect::<Vec<_>>().await?.len());
        assert_eq!(sent(body, sending).await.unwrap(), 10);
        let begun = Instant::now();
        let silent = sent(Body::from_bytes(Bytes::new()), |_| future::pending::<Result<(), _>>()).await;
        assert!(matches!(silent, Err(StorageError::Unavailable(_))));
        assert_eq!(begun.elapsed(), PATIENCE_OF_JOBS);
    }
}
