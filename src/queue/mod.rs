//! The job-queue port. A queue only says "look at this job now": it may lose what it was told, say it twice or
//! late, and nothing is lost, because the job is a row in the database.

#[cfg(test)]
pub(crate) mod fake;
pub mod in_process;
pub mod observed;
pub mod rabbitmq;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};

use crate::domain::JobId;

/// What a queue carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The job to look at.
    pub job_id: JobId,
    /// The trace of the request that made it, as a `traceparent`.
    pub trace_id: String,
}

/// A notice that reached a worker. One that is dropped unanswered comes again.
#[async_trait]
pub trait Delivery: Send {
    /// What was announced.
    fn notice(&self) -> &Notice;

    /// The job was looked at.
    async fn accept(self: Box<Self>);

    /// The job was given up: put the notice where an operator finds it.
    async fn bury(self: Box<Self>);
}

/// The queue is away or did not take the notice.
#[derive(Debug, thiserror::Error)]
#[error("the queue cannot be reached: {0}")]
pub struct QueueError(pub String);

/// A queue of notices.
#[async_trait]
pub trait JobQueue: Send + Sync + 'static {
    /// The name of the kind, for a person.
    fn kind(&self) -> &'static str;

    /// Whether notices outlive the process that announced them.
    fn is_durable(&self) -> bool;

    /// Announces a job; returns once the queue has it for sure.
    async fn announce(&self, notice: &Notice) -> Result<(), QueueError>;

    /// How many notices wait for a worker.
    async fn waiting(&self) -> Result<u64, QueueError>;

    /// Notices as they come, at most `at_once` unanswered ones at a time. The stream ends when the queue is lost.
    async fn notices(&self, at_once: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError>;

    /// Whether the queue answers.
    async fn probe(&self) -> Result<(), QueueError>;
}

/// The configured queue.
pub type SharedQueue = Arc<dyn JobQueue>;
