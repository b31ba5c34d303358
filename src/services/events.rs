//! Tells whoever waits for a file how far it is. Whichever worker does the job, the database knows; one poller asks it
//! for all files that somebody of this process waits for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::sleep;

use super::files::{FileError, FileService, Proof};
use crate::domain::file::Progress;
use crate::domain::{Caller, FileId};
use crate::repositories::{Database, RepositoryError, files};

/// The pause between two looks while somebody has just begun to wait: most files are done within a moment.
const QUICK: Duration = Duration::from_millis(20);
/// How long that lasts.
const QUICK_FOR: Duration = Duration::from_secs(2);
/// The pause between two looks after that.
const STEADY: Duration = Duration::from_millis(250);
/// How many files one statement asks for.
const AT_ONCE: usize = 500;

/// Tells whoever waits for a file how far it is.
#[derive(Clone)]
pub struct EventService {
    database: Database,
    files: FileService,
    watched: Arc<Mutex<Watched>>,
}

#[derive(Default)]
struct Watched {
    files: HashMap<FileId, watch::Sender<Progress>>,
    newest: Option<Instant>,
    polling: bool,
}

impl EventService {
    /// A service on this database; `files` says who may see a file.
    #[must_use]
    pub fn new(database: Database, files: FileService) -> Self {
        Self { database, files, watched: Arc::default() }
    }

    /// How far a file is, now and from now on. The channel closes when the file is deleted.
    ///
    /// # Errors
    /// See [`FileError`].
    pub async fn follow(
        &self,
        caller: &Caller,
        id: FileId,
        proof: &Proof,
    ) -> Result<watch::Receiver<Progress>, FileError> {
        self.files.get(caller, id, proof).await?;
        let found = files::progress(&mut self.database.reader().await?, &[id]).await?;
        let (_, progress) = found.into_iter().next().ok_or(FileError::NotFound)?;
        let mut watched = self.lock();
        let sender = watched.files.entry(id).or_insert_with(|| watch::Sender::new(progress));
        let receiver = sender.subscribe();
        watched.newest = Some(Instant::now());
        if !std::mem::replace(&mut watched.polling, true) {
            tokio::spawn(poll(self.clone()));
        }
        Ok(receiver)
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files that somebody waits for, and the pause before the next look; `None` when nobody waits for any.
    fn wanted(&self) -> Option<(Vec<FileId>, Duration)> {
        let mut watched = self.lock();
        watched.files.retain(|_, sender| sender.receiver_count() > 0);
        watched.polling = !watched.files.is_empty();
        let quick = watched.newest.is_some_and(|newest| newest.elapsed() < QUICK_FOR);
        let ids = watched.files.keys().copied().collect();
        watched.polling.then_some((ids, if quick { QUICK } else { STEADY }))
    }

    async fn look(&self, ids: &[FileId]) -> Result<(), RepositoryError> {
        for ids in ids.chunks(AT_ONCE) {
            let mut found: HashMap<_, _> =
                files::progress(&mut self.database.reader().await?, ids).await?.into_iter().collect();
            let mut watched = self.lock();
            for id in ids {
                match (found.remove(id), watched.files.get(id)) {
                    (Some(progress), Some(sender)) => {
                        sender.send_if_modified(|known| {
                            let news = *known != progress;
                            *known = progress;
                            news
                        });
                    }
                    (None, _) => drop(watched.files.remove(id)),
                    (Some(_), None) => {}
                }
            }
        }
        Ok(())
    }
}

/// Looks again and again until nobody waits any more.
async fn poll(events: EventService) {
    let mut told = false;
    while let Some((ids, pause)) = events.wanted() {
        match events.look(&ids).await {
            Ok(()) => told = false,
            Err(error) if !told => {
                told = true;
                tracing::warn!(%error, "could not look how far files are; those who wait are told later");
            }
            Err(_) => {}
        }
        sleep(pause).await;
    }
}
