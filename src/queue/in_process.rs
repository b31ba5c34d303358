//! A queue inside the process, for when the API runs the jobs itself.

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tokio::sync::{Mutex, mpsc};

use super::{Delivery, JobQueue, Notice, QueueError};

/// How many notices wait at the most; what does not fit is found by the sweeper.
const CAPACITY: usize = 10_000;

/// A queue inside the process.
pub struct InProcessQueue {
    sender: mpsc::Sender<Notice>,
    receiver: Arc<Mutex<mpsc::Receiver<Notice>>>,
}

impl Default for InProcessQueue {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(CAPACITY);
        Self { sender, receiver: Arc::new(Mutex::new(receiver)) }
    }
}

/// A notice that no server must be told of.
pub struct Handed(pub Notice);

#[async_trait]
impl Delivery for Handed {
    fn notice(&self) -> &Notice {
        &self.0
    }

    async fn accept(self: Box<Self>) {}

    async fn bury(self: Box<Self>) {}
}

#[async_trait]
impl JobQueue for InProcessQueue {
    fn kind(&self) -> &'static str {
        "in process"
    }

    fn is_durable(&self) -> bool {
        false
    }

    async fn announce(&self, notice: &Notice) -> Result<(), QueueError> {
        self.sender.try_send(notice.clone()).map_err(|error| QueueError(error.to_string()))
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        Ok((CAPACITY - self.sender.capacity()) as u64)
    }

    async fn notices(&self, _: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        let receiver = Arc::clone(&self.receiver).lock_owned().await;
        let notices = stream::unfold(receiver, |mut receiver| async {
            let notice = receiver.recv().await?;
            Some((Box::new(Handed(notice)) as Box<dyn Delivery>, receiver))
        });
        Ok(notices.boxed())
    }

    async fn probe(&self) -> Result<(), QueueError> {
        Ok(())
    }
}
