//! Keeping tidy: compares database and store both ways, removes what nothing needs, and tells what is missing. What is
//! litter is in `rules`.

mod report;
mod rules;

pub use report::{Report, Tally};

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::rules::{Ages, is_litter, is_suspicious};
use super::maintenance::MaintenanceService;
use super::uploads::lasting;
use super::{Failure, Ports};
use crate::config::GcConfig;
use crate::domain::{FileId, ObjectLocation, UploadId};
use crate::jobs::discard_upload;
use crate::repositories::tidying::{self, Fate};
use crate::repositories::{Durability, audit, files, leases, now};
use crate::storage::{Held, Holding, StorageError};
use crate::telemetry::metrics::TIDYING_FINDINGS;

/// The name of the lease under which one process at a time does it.
const LEASE: &str = "gc";
/// How many rows are read or deleted at a time.
const BATCH: i64 = 500;
/// How many uploads' rows are deleted at a time: each takes up to 10,000 chunks' rows with it.
const UPLOADS_AT_ONCE: i64 = 10;
/// After so many things that the store did not remove, a pass is given up.
const MOST_KEPT: u64 = 20;
/// How many files without their objects are named in the log.
const MOST_LOST: u64 = 100;

const LOST: &str = "lost";
const KEPT: &str = "kept";
const SUSPICIOUS: &str = "suspicious";
/// What passes find that a person should look at.
pub const FINDINGS: [&str; 3] = [LOST, KEPT, SUSPICIOUS];

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Litter is removed.
    Clean,
    /// Litter is only told of.
    DryRun,
}

/// Told of each thing that is removed or missing, in words.
pub type Listener<'l> = &'l (dyn Fn(&str) + Sync);

/// Compares database and store both ways.
#[derive(Clone)]
pub struct GcService {
    ports: Ports,
    maintenance: MaintenanceService,
    config: GcConfig,
    lease: Duration,
}

impl GcService {
    /// A service on these ports. While it cleans it holds a lease, which is over after `lease` without a sign of life.
    #[must_use]
    pub fn new(ports: Ports, config: GcConfig, lease: Duration) -> Self {
        Self { maintenance: MaintenanceService::new(ports.clone()), ports, config, lease }
    }

    /// Tells what [`GcService::clean`] would do now, and changes nothing.
    ///
    /// # Errors
    /// [`Failure`] when database or store are away.
    pub async fn dry_run(&self, listener: Listener<'_>) -> Result<Report, Failure> {
        Pass::new(self, Mode::DryRun, listener).run().await
    }

    /// Cleans if the last time is long enough ago by the configuration; `None` when it is not, when another process is
    /// at it, or when told to stop.
    ///
    /// # Errors
    /// [`Failure`] when database or store are away.
    pub async fn clean_if_due(
        &self,
        listener: Listener<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<Report>, Failure> {
        let Some(interval) = self.config.interval else { return Ok(None) };
        self.clean_unless_done_since(now() - lasting(interval), listener, stop).await
    }

    /// Removes what nothing needs; `None` when another process is at it, or when told to stop.
    ///
    /// # Errors
    /// [`Failure`] when database or store are away.
    pub async fn clean(&self, listener: Listener<'_>, stop: &CancellationToken) -> Result<Option<Report>, Failure> {
        self.clean_unless_done_since(now(), listener, stop).await
    }

    async fn clean_unless_done_since(
        &self,
        time: DateTime<Utc>,
        listener: Listener<'_>,
        stop: &CancellationToken,
    ) -> Result<Option<Report>, Failure> {
        let owner = Uuid::new_v4();
        let until = now() + lasting(self.lease);
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        let ours = leases::take(&mut database, LEASE, owner, until, time).await?;
        drop(database);
        if !ours {
            return Ok(None);
        }
        let report = tokio::select! {
            report = Pass::new(self, Mode::Clean, listener).run() => report.map(Some),
            () = self.keep_lease(owner) => Ok(None),
            () = stop.cancelled() => Ok(None),
        };
        let done_at = matches!(report, Ok(Some(_))).then(now);
        let mut database = self.ports.database.writer(Durability::Relaxed).await?;
        leases::release(&mut database, LEASE, owner, done_at).await?;
        report
    }

    /// Prolongs the lease; returns when it is lost.
    async fn keep_lease(&self, owner: Uuid) {
        loop {
            sleep(self.lease / 3).await;
            let prolonged = async {
                let mut database = self.ports.database.writer(Durability::Relaxed).await?;
                leases::prolong(&mut database, LEASE, owner, now() + lasting(self.lease)).await
            };
            match prolonged.await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "the lease for tidying could not be prolonged"),
            }
        }
    }
}

/// Counts a thing that a person should look at, at once, as the pass may not come to its end.
fn found(finding: &'static str) {
    counter!(TIDYING_FINDINGS, "finding" => finding).increment(1);
}

/// One pass over everything.
struct Pass<'p> {
    service: &'p GcService,
    ports: &'p Ports,
    mode: Mode,
    listener: Listener<'p>,
    begun: DateTime<Utc>,
    report: Report,
}

impl<'p> Pass<'p> {
    fn new(service: &'p GcService, mode: Mode, listener: Listener<'p>) -> Self {
        Self { service, ports: &service.ports, mode, listener, begun: now(), report: Report::default() }
    }

    async fn run(mut self) -> Result<Report, Failure> {
        self.expire().await?;
        let founded = tidying::founded_at(&mut self.ports.database.reader().await?).await?;
        let ages = Ages { founded, settled: self.settled() };
        let storage = self.ports.storage.clone();
        let mut pages = storage.holdings();
        while let Some(page) = pages.try_next().await? {
            self.compare(&ages, page).await?;
        }
        self.look_for_objects().await?;
        self.forget_jobs().await?;
        self.forget_uploads().await?;
        self.forget_record().await?;
        Ok(self.report)
    }

    /// What came after this is left alone.
    fn settled(&self) -> DateTime<Utc> {
        self.begun - lasting(self.service.config.grace)
    }

    async fn expire(&mut self) -> Result<(), Failure> {
        if self.mode == Mode::DryRun {
            let mut database = self.ports.database.reader().await?;
            self.report.expired_uploads = tidying::count_expired(&mut database, self.begun).await?;
            return Ok(());
        }
        loop {
            match self.service.maintenance.expire_uploads().await? {
                0 => return Ok(()),
                ended => self.report.expired_uploads += ended as u64,
            }
        }
    }

    /// Removes what is litter in a page of what the store holds.
    async fn compare(&mut self, ages: &Ages, page: Vec<Holding>) -> Result<(), Failure> {
        self.report.foreign += page.iter().filter(|holding| ages.is_foreign(holding)).count() as u64;
        let subjects: Vec<UploadId> = page.iter().filter_map(|holding| ages.subject(holding)).collect();
        let fates = self.fates(&subjects).await?;
        let suspicious = is_suspicious(&subjects, &fates);
        if suspicious {
            tracing::error!(
                "most of what is in the store has no row, as if it belonged to another database: left alone"
            );
        }
        for holding in page {
            let Some(upload) = ages.subject(&holding) else { continue };
            let fate = fates.get(&upload);
            if suspicious && fate.is_none() {
                self.report.suspicious += 1;
                found(SUSPICIOUS);
            } else if self.is_litter(&holding, fate) {
                self.remove(upload, &holding).await?;
            }
        }
        Ok(())
    }

    async fn fates(&self, uploads: &[UploadId]) -> Result<HashMap<UploadId, Fate>, Failure> {
        Ok(tidying::fates(&mut self.ports.database.reader().await?, uploads).await?)
    }

    fn is_litter(&self, holding: &Holding, fate: Option<&Fate>) -> bool {
        // A dry run has ended no upload, but tells what becomes of those that would be.
        let expired_by = (self.mode == Mode::DryRun).then_some(self.begun);
        is_litter(&holding.held, fate, expired_by)
    }

    async fn remove(&mut self, upload: UploadId, holding: &Holding) -> Result<(), Failure> {
        let Holding { held, bytes, .. } = holding;
        if self.mode == Mode::DryRun {
            (self.listener)(&format!("would remove {held}, {bytes} bytes"));
        } else {
            // The page may be minutes old by now.
            if !self.is_litter(holding, self.fates(&[upload]).await?.get(&upload)) {
                return Ok(());
            }
            if let Err(error) = self.ports.storage.remove(held).await {
                return self.note_kept(held, error);
            }
            tracing::info!(upload_id = %upload, what = %held, bytes, "removed what nothing needs");
            (self.listener)(&format!("removed {held}, {bytes} bytes"));
        }
        self.report.note_removed(held, *bytes);
        Ok(())
    }

    /// One thing that the store does not remove keeps nothing else from being tidied; many mean that it is ill.
    fn note_kept(&mut self, held: &Held, error: StorageError) -> Result<(), Failure> {
        self.report.kept += 1;
        found(KEPT);
        if self.report.kept > MOST_KEPT {
            return Err(error.into());
        }
        tracing::warn!(what = %held, %error, "what nothing needs could not be removed; the next pass tries again");
        Ok(())
    }

    /// Looks whether every file that can be downloaded has its object.
    async fn look_for_objects(&mut self) -> Result<(), Failure> {
        let mut after = String::new();
        loop {
            let mut database = self.ports.database.reader().await?;
            let page = tidying::stored_files(&mut database, &after, self.settled(), BATCH).await?;
            drop(database);
            let Some((_, last)) = page.last() else { return Ok(()) };
            after = last.to_string();
            let objects: Vec<ObjectLocation> = page.iter().map(|(_, object)| object.clone()).collect();
            let missing = self.ports.storage.missing(&objects).await?;
            for (file, object) in page.iter().filter(|(_, object)| missing.contains(object)) {
                self.confirm_missing(*file, object).await?;
            }
        }
    }

    /// Tells of a file whose object is missing, unless it was deleted meanwhile.
    async fn confirm_missing(&mut self, id: FileId, object: &ObjectLocation) -> Result<(), Failure> {
        if self.ports.storage.stat(object).await?.is_some() {
            return Ok(());
        }
        if files::find(&mut self.ports.database.reader().await?, id).await?.is_some() {
            self.report_missing(id, object);
            (self.listener)(&format!("MISSING: object {object} of file {id}"));
            self.report.lost_files += 1;
            found(LOST);
        }
        Ok(())
    }

    /// Writes it into the log, which a bucket that was emptied must not fill.
    fn report_missing(&self, id: FileId, object: &ObjectLocation) {
        match self.report.lost_files {
            ..MOST_LOST => tracing::error!(file_id = %id, path = %object, "the object of a stored file is missing"),
            MOST_LOST => tracing::error!("more objects are missing; `filemanager gc --dry-run` names them all"),
            _ => {}
        }
    }

    /// Deletes the oldest lines of the record.
    async fn forget_record(&mut self) -> Result<(), Failure> {
        let before = self.begun - lasting(self.service.config.keep_audit);
        if self.mode == Mode::DryRun {
            return Ok(());
        }
        while audit::delete_old(&mut self.ports.database.writer(Durability::Relaxed).await?, before, BATCH).await? > 0 {
        }
        Ok(())
    }

    /// Deletes the rows of uploads that were given up long ago.
    async fn forget_uploads(&mut self) -> Result<(), Failure> {
        let before = self.begun - lasting(self.service.config.keep_jobs);
        if self.mode == Mode::DryRun {
            let mut database = self.ports.database.reader().await?;
            self.report.uploads = tidying::count_given_up(&mut database, before, discard_upload::NAME).await?;
            return Ok(());
        }
        loop {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            match tidying::delete_given_up(&mut database, before, discard_upload::NAME, UPLOADS_AT_ONCE).await? {
                0 => return Ok(()),
                deleted => self.report.uploads += deleted,
            }
        }
    }

    /// Deletes the rows of jobs that ended long ago.
    async fn forget_jobs(&mut self) -> Result<(), Failure> {
        let before = self.begun - lasting(self.service.config.keep_jobs);
        if self.mode == Mode::DryRun {
            self.report.jobs = tidying::count_old_jobs(&mut self.ports.database.reader().await?, before).await?;
            return Ok(());
        }
        loop {
            let mut database = self.ports.database.writer(Durability::Relaxed).await?;
            match tidying::delete_old_jobs(&mut database, before, BATCH).await? {
                0 => return Ok(()),
                deleted => self.report.jobs += deleted,
            }
        }
    }
}
