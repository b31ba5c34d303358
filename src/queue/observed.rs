//! A queue whose calls are seen by operators: timed, counted when they fail, spans of traces.

use async_trait::async_trait;
use futures::stream::BoxStream;

use super::{Delivery, JobQueue, Notice, QueueError, SharedQueue};
use crate::telemetry::calls::{Dependency, Fault, observed};

/// A queue and those who watch it.
pub struct ObservedQueue(SharedQueue);

impl ObservedQueue {
    /// Watches this queue.
    #[must_use]
    pub fn new(queue: SharedQueue) -> Self {
        Self(queue)
    }
}

impl Fault for QueueError {
    fn is_fault(&self) -> bool {
        true
    }
}

#[async_trait]
impl JobQueue for ObservedQueue {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn is_durable(&self) -> bool {
        self.0.is_durable()
    }

    async fn announce(&self, notice: &Notice) -> Result<(), QueueError> {
        observed(Dependency::Queue, "announce", self.0.announce(notice)).await
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        observed(Dependency::Queue, "count", self.0.waiting()).await
    }

    async fn notices(&self, at_once: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        observed(Dependency::Queue, "subscribe", self.0.notices(at_once)).await
    }

    async fn probe(&self) -> Result<(), QueueError> {
        observed(Dependency::Queue, "probe", self.0.probe()).await
    }
}
