//! One file's way out of the service: ask what it is, fetch it, go on where it was cut off, check it. How it is written
//! is in [`super::target`].

use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_RANGE, ETAG};
use reqwest::{Response, StatusCode};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::answers::{FileSeen, Phase};
use super::api::Api;
use super::plan::parse_checksum;
use super::problem::Problem;
use super::progress::Progress;
use super::retry::{Patience, Policy};
use super::state::{Cache, DownloadState, Slot};
use super::target::{Target, part_of, safe_name};

/// What the service says where the credential is missing or wrong.
const DENIED: &str = "Permission denied";

/// How files are downloaded.
pub(super) struct Downloader {
    /// The way to the service.
    pub(super) api: Api,
    /// Where downloads under way are remembered.
    pub(super) cache: Cache,
    /// Whether a file that exists is replaced.
    pub(super) force: bool,
    /// Whether to say nothing.
    pub(super) quiet: bool,
    /// How patient to be.
    pub(super) policy: Policy,
}

/// Where a download shall go.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Into this folder, by the file's own name.
    Folder(PathBuf),
    /// To this file.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// A file that is here.
#[derive(Debug)]
pub(super) struct Downloaded {
    /// Where it is; `None` is standard output.
    pub(super) path: Option<PathBuf>,
    /// In bytes.
    pub(super) size: u64,
    /// Of the whole file, as the service knows it; `None` when it does not.
    pub(super) checksum: Option<String>,
    /// How many bytes earlier runs had fetched.
    pub(super) resumed_bytes: u64,
    /// How long it took.
    pub(super) took: Duration,
}

impl Downloader {
    /// Downloads a file; a download that was interrupted goes on.
    ///
    /// # Errors
    /// Whatever keeps the file from being here, whole.
    pub(super) async fn download(&self, id: Uuid, place: &Place) -> Result<Downloaded, Problem> {
        let began = Instant::now();
        let asking = Progress::new(&id.to_string(), 0, self.quiet);
        let file = Patience::new(self.policy, &asking).insist(async || self.api.file(id).await).await;
        let file = file.map_err(with_hint)?;
        if file.status != Phase::Success {
            return Err(not_there(file.status));
        }
        let path = path_for(place, &file)?;
        let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
        let progress = Progress::new(name.as_deref().unwrap_or("-"), file.size, self.quiet);
        let slot = self.slot(id, path.as_deref())?;
        let known = slot.as_ref().and_then(Slot::load::<DownloadState>);
        let target = match &path {
            Some(path) => Target::file(path, known.is_some(), self.force).await?,
            None => Target::stdout(),
        };
        let resumed_bytes = target.length();
        progress.skip(resumed_bytes);
        let etag = known.map(|state| state.etag);
        let fetch = Fetch { downloader: self, file: &file, slot: slot.as_ref(), progress: &progress };
        let fetched = fetch.run(target, etag).await;
        progress.end();
        fetched?;
        Ok(Downloaded { path, size: file.size, checksum: file.checksum, resumed_bytes, took: began.elapsed() })
    }

    /// Where the download is remembered. One to standard output is not.
    fn slot(&self, id: Uuid, path: Option<&Path>) -> Result<Option<Slot>, Problem> {
        let Some(path) = path else { return Ok(None) };
        let part = absolute(part_of(path)).map_err(|error| Problem::local("use", path, &error))?;
        Ok(Some(self.cache.download(self.api.shown(), id, &part)))
    }
}

/// The service does not tell why it may not be had; most often a credential is missing.
fn with_hint(problem: Problem) -> Problem {
    match problem {
        Problem::Refused { status: 403, message, .. } if message == DENIED => {
            Problem::Local(format!("{message}; a private file is given out for the same --private pairs as at upload"))
        }
        other => other,
    }
}

fn not_there(status: Phase) -> Problem {
    Problem::Local(match status {
        Phase::Failure => "the service could not store this file, so there is nothing to download".to_owned(),
        _ => "the service is still storing this file; try again in a moment".to_owned(),
    })
}

/// The path to write to; `None` is standard output.
fn path_for(place: &Place, file: &FileSeen) -> Result<Option<PathBuf>, Problem> {
    match place {
        Place::Stdout => Ok(None),
        Place::File(path) => Ok(Some(path.clone())),
        Place::Folder(folder) => {
            // A file without a name is known by its place in the store.
            let name = safe_name(file.filename.as_deref().unwrap_or(&file.path));
            let name = name.ok_or_else(|| {
                Problem::Local("the file's name cannot be the name of a file here; use --output PATH".to_owned())
            })?;
            Ok(Some(folder.join(name)))
        }
    }
}

/// The download of one file.
struct Fetch<'d> {
    downloader: &'d Downloader,
    file: &'d FileSeen,
    slot: Option<&'d Slot>,
    progress: &'d Progress,
}

/// What has come so far.
struct Got {
    target: Target,
    etag: Option<String>,
}

impl Fetch<'_> {
    async fn run(&self, target: Target, etag: Option<String>) -> Result<(), Problem> {
        let patience = Patience::new(self.downloader.policy, self.progress);
        let got = Mutex::new(Got { target, etag });
        patience.insist(async || self.try_to_fetch(&mut *got.lock().await).await).await?;
        let target = got.into_inner().target;
        self.progress.finishing("checking");
        let wrong = self.wrong(&target);
        let ended = match wrong {
            None => {
                target.keep().await?;
                Ok(())
            }
            Some(problem) => {
                target.discard();
                Err(problem)
            }
        };
        // Not before: what cannot be kept yet, because the target is in the way, is kept by the next run.
        if let Some(slot) = self.slot {
            slot.forget();
        }
        ended
    }

    async fn try_to_fetch(&self, got: &mut Got) -> Result<(), Problem> {
        let fetched = self.fetch(got).await;
        // What came is kept, however it ended.
        got.target.flush().await?;
        fetched
    }

    async fn fetch(&self, got: &mut Got) -> Result<(), Problem> {
        let (api, size) = (&self.downloader.api, self.file.size);
        if got.target.length() > size {
            self.restart(got).await?;
        }
        if got.target.length() == size && (size == 0 || got.etag.is_some()) {
            return Ok(());
        }
        let from = got.etag.as_deref().filter(|_| got.target.length() > 0).map(|etag| (got.target.length(), etag));
        let mut answer = api.bytes(self.file.id, from).await?;
        self.continues(&answer, got).await?;
        while let Some(bytes) = api.next_bytes(&mut answer).await? {
            self.progress.moved(bytes.len() as u64);
            self.progress.step();
            got.target.push(bytes).await?;
            if got.target.length() > size {
                return Err(Problem::Replaced);
            }
        }
        if got.target.length() < size {
            return Err(Problem::Unreachable("the answer ended before the file did".to_owned()));
        }
        Ok(())
    }

    /// Sees to it that the answer's bytes belong behind those that have come.
    async fn continues(&self, answer: &Response, got: &mut Got) -> Result<(), Problem> {
        if answer.status() == StatusCode::PARTIAL_CONTENT {
            let range = answer.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
            let begin = format!("bytes {}-", got.target.length());
            if range.is_some_and(|range| range.starts_with(&begin)) {
                return Ok(());
            }
            return Err(Problem::Local("the service sent another part of the file than asked for".to_owned()));
        }
        self.restart(got).await?;
        let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        // A weak one (RFC 9110 section 13.1.5) cannot say that bytes are the same.
        got.etag = etag.filter(|etag| !etag.starts_with("W/")).map(str::to_owned);
        if let (Some(slot), Some(etag)) = (self.slot, got.etag.clone())
            && let Err(error) = slot.save(&DownloadState { etag })
        {
            self.progress.say(&format!("this download cannot go on after an interruption: {error}"));
        }
        Ok(())
    }

    async fn restart(&self, got: &mut Got) -> Result<(), Problem> {
        got.target.restart().await?;
        self.progress.skip(0);
        Ok(())
    }

    /// What is wrong with the bytes.
    fn wrong(&self, target: &Target) -> Option<Problem> {
        let expected = self.file.checksum.as_deref().and_then(parse_checksum);
        expected.filter(|expected| *expected != target.crc()).map(|_| {
            Problem::Local(
                "the bytes that came are not those that were uploaded (wrong checksum); try again".to_owned(),
            )
        })
    }
}
