//! Sends a file's chunks side by side, each again until it is safe, and collects their CRCs. What is to be sent is
//! decided in [`super::upload`].

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures::{StreamExt, TryStreamExt, stream};
use uuid::Uuid;

use super::api::Api;
use super::links::Links;
use super::plan::Plan;
use super::problem::Problem;
use super::progress::Progress;
use super::retry::Patience;
use super::source::Source;

/// What sends the chunks of one upload.
pub(super) struct Chunks<'u> {
    api: &'u Api,
    source: &'u Source,
    plan: Plan,
    upload_id: Uuid,
    links: Option<Links>,
    patience: &'u Patience<'u>,
    progress: &'u Progress,
    crcs: Mutex<BTreeMap<u32, u64>>,
}

impl<'u> Chunks<'u> {
    /// Nothing is sent yet. When `direct` the chunks go straight to the store.
    pub(super) fn new(
        api: &'u Api,
        source: &'u Source,
        plan: Plan,
        upload_id: Uuid,
        direct: bool,
        patience: &'u Patience<'u>,
        progress: &'u Progress,
    ) -> Self {
        let links = direct.then(|| Links::new(upload_id));
        Self { api, source, plan, upload_id, links, patience, progress, crcs: Mutex::default() }
    }

    /// Sends these chunks, `parallel` at a time, and reads those from the disk that the service has already.
    ///
    /// # Errors
    /// The first that trying again does not help against.
    pub(super) async fn run(&self, present: &[u32], missing: &[u32], parallel: usize) -> Result<(), Problem> {
        let sent = stream::iter(0..missing.len()).map(Ok::<_, Problem>);
        let sent = sent.try_for_each_concurrent(parallel, |at| self.send(&missing[at..]));
        let read = stream::iter(present).map(Ok).try_for_each(|index| self.read(*index));
        tokio::try_join!(sent, read).map(drop)
    }

    /// The whole file's CRC.
    ///
    /// # Errors
    /// When not all chunks were sent or read.
    pub(super) fn crc(&self) -> Result<u64, Problem> {
        let crc = self.plan.combine(&self.crcs.lock().unwrap_or_else(PoisonError::into_inner));
        crc.ok_or_else(|| Problem::Local("not all of the file was read".to_owned()))
    }

    /// Sends the first of these chunks.
    async fn send(&self, upcoming: &[u32]) -> Result<(), Problem> {
        self.patience.insist(async || self.try_to_send(upcoming).await).await?;
        self.progress.step();
        Ok(())
    }

    async fn try_to_send(&self, upcoming: &[u32]) -> Result<(), Problem> {
        let Some(index) = upcoming.first().copied() else { return Ok(()) };
        let link = match &self.links {
            Some(links) => Some(links.take(self.api, upcoming).await?),
            None => None,
        };
        let (body, watch) = self.source.body(self.plan.span(index), self.progress);
        let sent = match &link {
            Some(link) => self.api.put_link(link, (body, &watch)).await,
            None => self.api.put_chunk(self.upload_id, index, (body, &watch)).await,
        };
        let Err(problem) = sent else {
            return match watch.crc() {
                Some(crc) => {
                    self.note(index, crc);
                    Ok(())
                }
                // It was taken before its end was read.
                None => self.read(index).await,
            };
        };
        self.progress.lost(watch.end());
        // A connection that was cut may have been cut from this side, because the file could not be read.
        self.source.unchanged()?;
        match watch.take_failure() {
            Some(failure) => Err(Problem::local("read", &self.source.path, &failure)),
            None => Err(problem),
        }
    }

    async fn read(&self, index: u32) -> Result<(), Problem> {
        let crc = self.source.crc(self.plan.span(index)).await?;
        self.note(index, crc);
        Ok(())
    }

    fn note(&self, index: u32, crc: u64) {
        self.crcs.lock().unwrap_or_else(PoisonError::into_inner).insert(index, crc);
    }
}
