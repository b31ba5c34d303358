//! One file's way into the service: begin or go on, send, complete, wait. How chunks are sent is in
//! [`super::chunks`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::answers::{FileSeen, Phase, UploadPhase};
use super::api::{Api, Completion, NewUpload};
use super::chunks::Chunks;
use super::plan::{Plan, format_checksum};
use super::problem::Problem;
use super::progress::Progress;
use super::retry::{Patience, Policy};
use super::source::Source;
use super::state::{Cache, Slot, UploadState};
use super::waiting;
use crate::domain::Credential;

/// How often chunks are sent once more that complete finds missing.
const ROUNDS: usize = 3;

/// How files are uploaded.
pub(super) struct Uploader {
    /// The way to the service.
    pub(super) api: Api,
    /// Where uploads under way are remembered.
    pub(super) cache: Cache,
    /// Makes the files private.
    pub(super) credential: Option<Credential>,
    /// How many chunks are sent at a time.
    pub(super) parallel: usize,
    /// Whether chunks go straight to the store.
    pub(super) direct: bool,
    /// Whether the service compares the file's checksum, for which it may have to read the file.
    pub(super) prove: bool,
    /// Whether to say nothing.
    pub(super) quiet: bool,
    /// How patient to be.
    pub(super) policy: Policy,
}

/// A file that can be downloaded.
#[derive(Debug)]
pub(super) struct Uploaded {
    /// The file's identifier.
    pub(super) id: Uuid,
    /// In bytes.
    pub(super) size: u64,
    /// Of the whole file, as it crosses the wire.
    pub(super) checksum: String,
    /// Where its bytes are.
    pub(super) download_url: String,
    /// How many bytes earlier runs had sent.
    pub(super) resumed_bytes: u64,
    /// How long it took.
    pub(super) took: Duration,
}

impl Uploader {
    /// Uploads a file; an upload that was interrupted goes on.
    ///
    /// # Errors
    /// Whatever keeps the file from being stored.
    pub(super) async fn upload(&self, path: &Path) -> Result<Uploaded, Problem> {
        let began = Instant::now();
        let source = Source::open(path)?;
        let file = self.describe(&source)?;
        let progress = Progress::new(&source.name, source.size, self.quiet);
        let patience = Patience::new(self.policy, &progress);
        let credential = file.credential.as_deref().unwrap_or_default();
        let slot = self.cache.upload(self.api.shown(), &source, credential, self.mode());
        let job = Job { uploader: self, source: &source, file, slot, patience: &patience, progress: &progress };
        let done = job.run().await;
        progress.end();
        let (file, checksum, resumed_bytes) = done?;
        Ok(Uploaded {
            id: file.id,
            size: source.size,
            checksum,
            download_url: file.download_url,
            resumed_bytes,
            took: began.elapsed(),
        })
    }

    fn describe(&self, source: &Source) -> Result<NewUpload, Problem> {
        let name = Path::new(&source.name);
        let extension = name.extension().map(|extension| extension.to_string_lossy().to_lowercase());
        // The service would find out at the end, when all is sent.
        let file_extension = extension.filter(|extension| !extension.is_empty()).ok_or_else(|| {
            Problem::Local("the name has no extension, which the service needs; rename it, to .txt for example".into())
        })?;
        Ok(NewUpload {
            filename: source.name.clone(),
            total_size: source.size,
            content_type: mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream").to_owned(),
            file_extension,
            visibility: if self.credential.is_some() { "private" } else { "public" },
            credential: self.credential.as_ref().map(|credential| serde_json::json!(credential).to_string()),
        })
    }

    fn mode(&self) -> &'static str {
        if self.direct { "direct" } else { "through the service" }
    }
}

/// The upload of one file.
struct Job<'u> {
    uploader: &'u Uploader,
    source: &'u Source,
    file: NewUpload,
    slot: Slot,
    patience: &'u Patience<'u>,
    progress: &'u Progress,
}

/// An upload that the service knows.
struct Begun {
    state: UploadState,
    /// Sizes of chunks by number.
    received: BTreeMap<u32, u64>,
    /// Whether all chunks are there, whatever `received` says.
    whole: bool,
}

impl Begun {
    /// The chunks that the service has, and those to send.
    fn split(&self, plan: Plan) -> (Vec<u32>, Vec<u32>) {
        if self.whole { ((0..plan.count()).collect(), Vec::new()) } else { plan.split(&self.received) }
    }
}

impl Job<'_> {
    /// The file, its checksum, and how many bytes earlier runs had sent.
    async fn run(&self) -> Result<(FileSeen, String, u64), Problem> {
        let mut begun = self.begin_or_go_on().await?;
        let mut renewed = false;
        loop {
            let problem = match self.carry_out(&begun).await {
                Ok(done) => return Ok(done),
                Err(problem) => problem,
            };
            match problem {
                Problem::Conflict(_) | Problem::UnknownUpload if !renewed => {
                    renewed = true;
                    begun = self.after_conflict(begun.state, &problem).await?;
                }
                Problem::Conflict(_) | Problem::Changed => {
                    self.give_up(begun.state.upload_id).await;
                    return Err(problem);
                }
                Problem::UnknownUpload => {
                    self.slot.forget();
                    return Err(problem);
                }
                other => return Err(other),
            }
        }
    }

    /// The upload of the run before, or a new one.
    async fn begin_or_go_on(&self) -> Result<Begun, Problem> {
        if let Some(state) = self.slot.load::<UploadState>() {
            match self.look(state).await {
                Ok(begun) => return Ok(begun),
                Err(Problem::UnknownUpload) => self.progress.say("the upload begun before is over; beginning anew"),
                Err(problem) => return Err(problem),
            }
        }
        self.begin().await
    }

    /// What the service has of an upload.
    async fn look(&self, state: UploadState) -> Result<Begun, Problem> {
        let seen = self.patience.insist(async || self.uploader.api.upload(state.upload_id).await).await?;
        let received = seen.received.iter().map(|chunk| (chunk.index, chunk.size)).collect();
        let state = UploadState { chunk_size: seen.chunk_size, ..state };
        Ok(Begun { state, received, whole: seen.state != UploadPhase::Open })
    }

    async fn begin(&self) -> Result<Begun, Problem> {
        let made = self.patience.insist(async || self.uploader.api.init(&self.file).await).await?;
        let state = UploadState { upload_id: made.upload_id, chunk_size: made.chunk_size };
        if let Err(error) = self.slot.save(&state) {
            self.progress.say(&format!("this upload cannot go on after an interruption: {error}"));
        }
        Ok(Begun { state, received: BTreeMap::new(), whole: false })
    }

    /// The upload is not what it was taken for. If another run has completed it, that is fine; else it begins anew.
    async fn after_conflict(&self, state: UploadState, problem: &Problem) -> Result<Begun, Problem> {
        match self.look(state).await {
            Ok(begun) if begun.whole => return Ok(begun),
            Ok(_) => self.give_up(state.upload_id).await,
            Err(Problem::UnknownUpload) => {}
            Err(other) => return Err(other),
        }
        self.progress.say(&format!("{problem}; beginning anew"));
        self.begin().await
    }

    /// Sends what is missing, completes and waits.
    async fn carry_out(&self, begun: &Begun) -> Result<(FileSeen, String, u64), Problem> {
        let Uploader { api, parallel, direct, .. } = self.uploader;
        let upload_id = begun.state.upload_id;
        let plan = Plan::new(self.source.size, begun.state.chunk_size)?;
        let chunks = Chunks::new(api, self.source, plan, upload_id, *direct, self.patience, self.progress);
        let (mut present, mut missing) = begun.split(plan);
        let resumed_bytes = plan.bytes(&present);
        self.progress.skip(resumed_bytes);
        let mut rounds = 0;
        loop {
            rounds += 1;
            chunks.run(&present, &missing, *parallel).await?;
            self.source.unchanged()?;
            let checksum = format_checksum(chunks.crc()?);
            match self.complete(upload_id, plan, &checksum).await {
                Ok(file) => return Ok((self.wait(file).await?, checksum, resumed_bytes)),
                Err(Problem::MissingChunks(_)) if rounds < ROUNDS => {
                    (present, missing) = self.look(begun.state).await?.split(plan);
                    self.progress.skip(plan.bytes(&present));
                    // Their CRCs are known by now.
                    present.clear();
                }
                Err(problem) => return Err(problem),
            }
        }
    }

    async fn complete(&self, upload_id: Uuid, plan: Plan, checksum: &str) -> Result<FileSeen, Problem> {
        self.progress.finishing("finishing");
        let checksum = self.uploader.prove.then_some(checksum);
        let completion = Completion { upload_id, total_chunks: plan.count(), checksum, file: &self.file };
        self.patience.insist(async || self.uploader.api.complete(&completion).await).await
    }

    /// Waits for the service's word on a file. Once it has given it, there is nothing left to go on with.
    async fn wait(&self, file: FileSeen) -> Result<FileSeen, Problem> {
        let stored = match file.status {
            Phase::Success => Ok(()),
            _ => waiting::until_success(&self.uploader.api, file.id, self.patience).await,
        };
        if matches!(stored, Ok(()) | Err(Problem::Failed(_))) {
            self.slot.forget();
        }
        stored.map(|()| file)
    }

    /// Gives up the upload, as far as the service can be told.
    async fn give_up(&self, upload_id: Uuid) {
        // If it does not come to know of it, it gives the upload up by itself when its time is over.
        let _ = self.uploader.api.give_up(upload_id).await;
        self.slot.forget();
    }
}
