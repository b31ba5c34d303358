//! A store in a folder: chunks are written where they will stay, a finished file is a rename.
//!
//! `objects/<bucket>/<key>` holds finished objects, `staging/<upload>` what is being gathered.

mod assemble;
mod holdings;
mod read;
mod write;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use rustix::fs::FallocateFlags;
use tokio::time::{Instant, sleep};

use self::assemble::assemble;
use self::write::write_at;
use super::budget::Budget;
use super::{Assembly, Gathering, Held, Holding, LinkOptions, ObjectStat, Openness, Storage, StorageError};
use crate::domain::body::Body;
use crate::domain::chunk::StoredChunk;
use crate::domain::{ChunkIndex, ContentType, ObjectLocation, UploadId, Visibility};
use crate::spool::blocking;

/// How many bytes are copied at a time where the kernel does not copy itself.
const COPY_BLOCK: usize = 512 * 1024;
const RECEIPT: &str = "at its offset";
/// What the name of a file ends with in which chunks of mixed sizes are put together.
const COMPACTED: &str = ".compact";
/// How long one waits for another who puts the same chunks together, and how often one looks.
const LONGEST_COPY: Duration = Duration::from_mins(5);
const NEXT_LOOK: Duration = Duration::from_secs(1);

/// A store in a folder.
#[derive(Debug)]
pub struct DirectoryStorage {
    root: PathBuf,
    reads: Budget,
    writes: Budget,
}

impl DirectoryStorage {
    /// A store in this folder, which [`Storage::prepare`] makes.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self { root, reads: Budget::of_reads(), writes: Budget::of_writes() }
    }

    fn object(&self, location: &ObjectLocation) -> PathBuf {
        self.root.join("objects").join(location.bucket.as_str()).join(&location.key)
    }

    fn staging(&self, upload: UploadId) -> PathBuf {
        self.root.join("staging").join(upload.to_string())
    }

    fn compacted(&self, upload: UploadId) -> PathBuf {
        self.root.join("staging").join(format!("{upload}{COMPACTED}"))
    }
}

#[async_trait]
impl Storage for DirectoryStorage {
    fn kind(&self) -> &'static str {
        "directory"
    }

    fn bucket_name(&self, bucket: Visibility) -> &str {
        bucket.as_str()
    }

    async fn prepare(&self) -> Result<(), StorageError> {
        let folders = [
            self.root.join("staging"),
            self.root.join("objects").join(Visibility::Public.as_str()),
            self.root.join("objects").join(Visibility::Private.as_str()),
        ];
        in_files(move || folders.iter().try_for_each(fs::create_dir_all)).await
    }

    async fn probe(&self) -> Result<(), StorageError> {
        let staging = self.root.join("staging");
        in_files(move || tempfile::tempfile_in(staging).map(drop)).await
    }

    async fn measure(&self, body: Body) -> Result<Body, StorageError> {
        Ok(body)
    }

    fn needs_begin(&self, _: Option<u64>) -> bool {
        false
    }

    async fn begin(&self, _: &ObjectLocation, _: Option<&ContentType>) -> Result<String, StorageError> {
        Ok(String::new())
    }

    async fn abort(&self, _: &ObjectLocation, _: &str) -> Result<(), StorageError> {
        Ok(())
    }

    async fn put_chunk(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        body: Body,
        _: bool,
    ) -> Result<String, StorageError> {
        let path = self.staging(gathering.upload);
        let file = Arc::new(in_files(move || open_staging(&path)).await?);
        let written = write_at(&file, offset(gathering, index), body, &self.writes.begin()).await;
        if matches!(written, Err(StorageError::Full(_))) {
            // At once, while the chunk is ours: where the database is on the same disk, nobody can look whether it is.
            let _ = self.free_chunk(gathering, index).await;
        }
        written.map(|()| RECEIPT.to_owned())
    }

    async fn free_chunk(&self, gathering: &Gathering, index: ChunkIndex) -> Result<(), StorageError> {
        let path = self.staging(gathering.upload);
        let (start, length) = (offset(gathering, index), gathering.chunk_size.cast_unsigned());
        in_files(move || match OpenOptions::new().write(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            opened => free(&opened?, start, length),
        })
        .await
    }

    async fn signed_chunk_link(
        &self,
        _: &Gathering,
        _: ChunkIndex,
        _: i64,
        _: Duration,
    ) -> Result<Option<String>, StorageError> {
        Ok(None)
    }

    fn least_linked_chunk_size(&self) -> i64 {
        1
    }

    async fn sent_by_link(&self, _: &Gathering) -> Result<Vec<StoredChunk>, StorageError> {
        Ok(Vec::new())
    }

    async fn assemble(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        assembly: &Assembly,
    ) -> Result<Option<ObjectStat>, StorageError> {
        let (staging, compacted) = (self.staging(gathering.upload), self.compacted(gathering.upload));
        let target = self.object(&assembly.target);
        let pieces: Vec<(u64, u64)> =
            chunks.iter().map(|chunk| (offset(gathering, chunk.index), chunk.size.cast_unsigned())).collect();
        let size = assembly.size.cast_unsigned();
        let job = Arc::new((staging, compacted, target, pieces));
        let deadline = Instant::now() + LONGEST_COPY;
        loop {
            let job = Arc::clone(&job);
            let made = blocking(move || assemble(&job.0, &job.1, &job.2, &job.3, size)).await;
            match made {
                // A worker that has lost the job copies on; what it makes is as good as what we would make.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    sleep(NEXT_LOOK).await;
                }
                made => return made.map(|()| None).map_err(|error| from_io(&error)),
            }
        }
    }

    fn leaves_debris(&self, _: &Gathering, _: &[StoredChunk], _: &ObjectLocation) -> bool {
        false
    }

    async fn discard(
        &self,
        gathering: &Gathering,
        _: &[StoredChunk],
        _: Option<&ObjectLocation>,
    ) -> Result<(), StorageError> {
        let paths = [self.staging(gathering.upload), self.compacted(gathering.upload)];
        in_files(move || paths.iter().try_for_each(|path| remove_if_there(path))).await
    }

    async fn read(&self, location: &ObjectLocation, range: Option<Range<u64>>) -> Result<Body, StorageError> {
        let path = self.object(location);
        let opened =
            blocking(move || File::open(path).and_then(|file| file.metadata().map(|about| (file, about.len()))));
        let (file, size) = match opened.await {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StorageError::NotFound(location.to_string()));
            }
            Err(error) => return Err(from_io(&error)),
        };
        let range = range.unwrap_or(0..size);
        let range = range.start..range.end.min(size).max(range.start);
        Ok(Body::sized(range.end - range.start, read::blocks(file, range, self.reads.begin())))
    }

    async fn stat(&self, location: &ObjectLocation) -> Result<Option<ObjectStat>, StorageError> {
        let path = self.object(location);
        in_files(move || match fs::metadata(path) {
            Ok(metadata) => Ok(Some(ObjectStat { size: metadata.len().cast_signed(), crc: None })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn delete(&self, location: &ObjectLocation) -> Result<(), StorageError> {
        let path = self.object(location);
        in_files(move || remove_if_there(&path)).await
    }

    fn holdings(&self) -> BoxStream<'_, Result<Vec<Holding>, StorageError>> {
        holdings::pages(&self.root)
    }

    async fn remove(&self, held: &Held) -> Result<(), StorageError> {
        match held {
            Held::Object(location) => self.delete(location).await,
            Held::Staging(name) => {
                let path = self.root.join("staging").join(name);
                in_files(move || remove_if_there(&path)).await
            }
            // It has none, and never tells of any.
            Held::Gathering { .. } => Ok(()),
        }
    }

    async fn missing(&self, objects: &[ObjectLocation]) -> Result<Vec<ObjectLocation>, StorageError> {
        let objects: Vec<_> = objects.iter().map(|object| (self.object(object), object.clone())).collect();
        in_files(move || {
            let mut missing = Vec::new();
            for (path, object) in objects {
                if !path.try_exists()? {
                    missing.push(object);
                }
            }
            Ok(missing)
        })
        .await
    }

    async fn public_link(&self, _: &ObjectLocation) -> Option<String> {
        None
    }

    async fn signed_link(&self, _: &ObjectLocation, _: &LinkOptions) -> Result<Option<String>, StorageError> {
        Ok(None)
    }

    fn openness(&self) -> Openness {
        Openness::Closed
    }
}

/// Opens an upload's staging file; its directory entry is on the disk when this returns.
fn open_staging(path: &Path) -> io::Result<File> {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            sync_parent(path)?;
            Ok(file)
        }
        Err(error) => Err(error),
    }
}

/// Gives the disk back what a failed write took. Chunks behind it keep their place.
fn free(file: &File, start: u64, length: u64) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(file, flags, start, length)?;
    Ok(())
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn offset(gathering: &Gathering, index: ChunkIndex) -> u64 {
    (gathering.chunk_size * index.get()).cast_unsigned()
}

async fn in_files<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, StorageError> {
    blocking(work).await.map_err(|error| from_io(&error))
}

fn from_io(error: &io::Error) -> StorageError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StorageError::Full(error.to_string()),
        io::ErrorKind::UnexpectedEof => StorageError::Damaged(error.to_string()),
        io::ErrorKind::PermissionDenied => StorageError::Refused(error.to_string()),
        _ => StorageError::Unavailable(error.to_string()),
    }
}
