//! A queue for tests: a broker that brings nothing and tells what it was told.

use std::sync::Mutex;

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{Delivery, JobQueue, Notice, QueueError};
use crate::domain::JobId;

/// The broker.
#[derive(Default)]
pub(crate) struct FakeQueue {
    /// Whether it is short of memory: it is there, and takes nothing.
    pub(crate) full: bool,
    /// How many notices it says to have.
    pub(crate) waiting: u64,
    /// What it was told of.
    pub(crate) announced: Mutex<Vec<JobId>>,
}

#[async_trait]
impl JobQueue for FakeQueue {
    fn kind(&self) -> &'static str {
        "fake"
    }

    fn is_durable(&self) -> bool {
        true
    }

    async fn announce(&self, notice: &Notice) -> Result<(), QueueError> {
        if self.full {
            return Err(QueueError("no memory".to_owned()));
        }
        self.announced.lock().unwrap().push(notice.job_id);
        Ok(())
    }

    async fn waiting(&self) -> Result<u64, QueueError> {
        Ok(self.waiting)
    }

    async fn notices(&self, _: u16) -> Result<BoxStream<'static, Box<dyn Delivery>>, QueueError> {
        Ok(stream::pending().boxed())
    }

    async fn probe(&self) -> Result<(), QueueError> {
        Ok(())
    }
}
