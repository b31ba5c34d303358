//! The file that is uploaded: read in blocks, off the async threads, with the CRC taken while a block is in the
//! processor's cache. Where the blocks go is in [`super::chunks`].

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use crc_fast::Digest;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::Instant;

use super::plan::{ALGORITHM, Span};
use super::problem::Problem;
use super::progress::Progress;
use crate::spool::blocking;

/// How much is read at once, in bytes: large against the cost of a system call, small against the cache.
const BLOCK: usize = 512 * 1024;
/// How much the connection is given at once, in bytes: it tells of nothing that it has sent in part, and on a slow line
/// the next piece must be taken before the connection passes for dead.
const FRAME: usize = 64 * 1024;

/// A file as it was when it was opened.
#[derive(Clone)]
pub(super) struct Source {
    file: Arc<File>,
    buffers: Arc<Buffers>,
    /// The path without symbolic links.
    pub(super) path: PathBuf,
    /// The last part of the path as it was given.
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u64,
    /// When it was last written to.
    pub(super) modified: SystemTime,
    /// When anything of it was last changed, in seconds and nanoseconds of the epoch. Programs that copy files set back when
    /// they were written to; nobody sets back this.
    pub(super) changed: (i64, i64),
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Problem::Local`] when it cannot be read, or is no file.
    pub(super) fn open(path: &Path) -> Result<Self, Problem> {
        let fail = |error| Problem::local("read", path, &error);
        let canonical = path.canonicalize().map_err(fail)?;
        let kind = canonical.metadata().map_err(fail)?;
        if !kind.is_file() {
            return Err(Problem::Local(format!("{} is not a file; only files can be uploaded", path.display())));
        }
        let file = File::open(&canonical).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        let (size, modified) = stamp(&metadata).map_err(fail)?;
        let name = path.file_name().or_else(|| canonical.file_name()).unwrap_or_default();
        Ok(Self {
            file: Arc::new(file),
            buffers: Arc::default(),
            name: name.to_string_lossy().into_owned(),
            path: canonical,
            size,
            modified,
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether the file is as it was when it was opened.
    ///
    /// # Errors
    /// [`Problem::Changed`] when it is not.
    pub(super) fn unchanged(&self) -> Result<(), Problem> {
        let now = self.file.metadata().and_then(|metadata| stamp(&metadata));
        let now = now.map_err(|error| Problem::local("read", &self.path, &error))?;
        if now == (self.size, self.modified) { Ok(()) } else { Err(Problem::Changed) }
    }

    /// A part of the file as the body of a request, and an eye on it. Reading begins at once.
    pub(super) fn body(&self, span: Span, progress: &Progress) -> (SpanBody, Watch) {
        let watch = Watch::new(progress.clone());
        let mut body = SpanBody {
            source: self.clone(),
            offset: span.offset,
            unread: span.length,
            block: Bytes::new(),
            left: span.length,
            reading: None,
            watch: watch.clone(),
        };
        body.read_on(&Digest::new(ALGORITHM));
        (body, watch)
    }

    /// The CRC of a part of the file.
    ///
    /// # Errors
    /// [`Problem::Local`] when it cannot be read.
    pub(super) async fn crc(&self, span: Span) -> Result<u64, Problem> {
        let source = self.clone();
        let crc = blocking(move || {
            let mut digest = Digest::new(ALGORITHM);
            let mut done = 0;
            while done < span.length {
                let (block, next) = source.read(span.offset + done, span.length - done, digest)?;
                (digest, done) = (next, done + block.len() as u64);
            }
            Ok(digest.finalize())
        });
        crc.await.map_err(|error| Problem::local("read", &self.path, &error))
    }

    /// Reads one block of at most `limit` bytes.
    fn read(&self, offset: u64, limit: u64, mut digest: Digest) -> io::Result<(Bytes, Digest)> {
        let mut buffer = self.buffers.take();
        let length = usize::try_from(limit).map_or(BLOCK, |limit| limit.min(BLOCK));
        buffer.resize(length, 0);
        self.file.read_exact_at(&mut buffer, offset)?;
        digest.update(&buffer);
        Ok((self.buffers.lend(buffer), digest))
    }
}

fn stamp(metadata: &Metadata) -> io::Result<(u64, SystemTime)> {
    Ok((metadata.len(), metadata.modified()?))
}

/// Memory for blocks, used again once nobody looks at it: fresh memory would have to be zeroed by the kernel.
#[derive(Default)]
struct Buffers(Mutex<VecDeque<Bytes>>);

impl Buffers {
    fn take(&self) -> BytesMut {
        let mut lent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..lent.len() {
            match lent.pop_front().map(Bytes::try_into_mut) {
                Some(Ok(free)) => return free,
                Some(Err(used)) => lent.push_back(used),
                None => break,
            }
        }
        BytesMut::with_capacity(BLOCK)
    }

    fn lend(&self, buffer: BytesMut) -> Bytes {
        let block = buffer.freeze();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(block.clone());
        block
    }
}

/// What became of a body.
#[derive(Clone)]
pub(super) struct Watch(Arc<Mutex<Watched>>);

struct Watched {
    crc: Option<u64>,
    failure: Option<io::Error>,
    handed_on: u64,
    moved_at: Instant,
    /// `None` once nothing more counts.
    progress: Option<Progress>,
}

impl Watch {
    fn new(progress: Progress) -> Self {
        let fresh =
            Watched { crc: None, failure: None, handed_on: 0, moved_at: Instant::now(), progress: Some(progress) };
        Self(Arc::new(Mutex::new(fresh)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Watched) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The CRC of all bytes, once all have been read.
    pub(super) fn crc(&self) -> Option<u64> {
        self.with(|watched| watched.crc)
    }

    /// Why the file could not be read, if it could not.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.with(|watched| watched.failure.take())
    }

    /// How many bytes the connection has taken. What it takes from now on no longer counts as progress.
    pub(super) fn end(&self) -> u64 {
        self.with(|watched| {
            watched.progress = None;
            watched.handed_on
        })
    }

    /// Ends when the connection has taken nothing for so long.
    pub(super) async fn stalled(&self, limit: Duration) {
        loop {
            let until = self.with(|watched| watched.moved_at) + limit;
            if until <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(until).await;
        }
    }
}

/// A part of a file as the body of a request. The next block is read while the one before is being sent.
pub(super) struct SpanBody {
    source: Source,
    /// Where the next block is read.
    offset: u64,
    /// How much of the part is not yet read.
    unread: u64,
    /// What is read and not yet handed on.
    block: Bytes,
    /// How much is not yet handed on.
    left: u64,
    reading: Option<JoinHandle<io::Result<(Bytes, Digest)>>>,
    watch: Watch,
}

impl SpanBody {
    fn read_on(&mut self, digest: &Digest) {
        if self.unread == 0 {
            self.watch.with(|watched| watched.crc = Some(digest.finalize()));
            self.reading = None;
            return;
        }
        let (source, offset, unread, digest) = (self.source.clone(), self.offset, self.unread, *digest);
        self.reading = Some(spawn_blocking(move || source.read(offset, unread, digest)));
    }

    /// The next piece of what is read.
    fn hand_on(&mut self) -> Bytes {
        let piece = self.block.split_to(FRAME.min(self.block.len()));
        let length = piece.len() as u64;
        self.left -= length;
        self.watch.with(|watched| {
            watched.handed_on += length;
            watched.moved_at = Instant::now();
            if let Some(progress) = &watched.progress {
                progress.moved(length);
            }
        });
        piece
    }
}

impl Body for SpanBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.block.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.hand_on()))));
        }
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(None);
        };
        let read = ready!(Pin::new(reading).poll(cx)).map_err(io::Error::other).flatten();
        Poll::Ready(Some(match read {
            Ok((block, digest)) => {
                let length = block.len() as u64;
                self.offset += length;
                self.unread -= length;
                self.block = block;
                self.read_on(&digest);
                Ok(Frame::data(self.hand_on()))
            }
            Err(error) => {
                self.reading = None;
                let told = io::Error::from(error.kind());
                self.watch.with(|watched| watched.failure = Some(error));
                Err(told)
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use http_body_util::BodyExt;

    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.bin"), bytes).unwrap();
        let source = Source::open(&folder.path().join("a.bin")).unwrap();
        (folder, source)
    }

    #[tokio::test]
    async fn a_part_comes_out_as_it_is_in_the_file_with_its_crc() {
        let bytes: Vec<u8> = (0..3 * BLOCK + 77).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let (_folder, source) = file(&bytes);
        for (offset, length) in [(0, bytes.len()), (5, BLOCK), (BLOCK - 1, BLOCK + 2), (9, 0)] {
            let span = Span { offset: offset as u64, length: length as u64 };
            let (body, watch) = source.body(span, &Progress::hidden());
            assert_eq!(body.size_hint().exact(), Some(span.length));
            let part = &bytes[offset..offset + length];
            assert!(body.collect().await.unwrap().to_bytes() == part);
            let crc = crc_fast::checksum(ALGORITHM, part);
            assert_eq!((watch.crc(), watch.end()), (Some(crc), span.length));
            assert_eq!(source.crc(span).await.unwrap(), crc);
        }
    }

    #[tokio::test]
    async fn what_the_connection_is_given_is_small_enough_for_a_slow_line() {
        let bytes = vec![7; BLOCK + 3];
        let (_folder, source) = file(&bytes);
        let (mut body, watch) = source.body(Span { offset: 0, length: bytes.len() as u64 }, &Progress::hidden());
        let mut given = 0;
        while let Some(frame) = body.frame().await {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(piece.len() <= FRAME);
            given += piece.len() as u64;
            assert_eq!(body.size_hint().exact(), Some(bytes.len() as u64 - given));
        }
        assert_eq!(watch.end(), bytes.len() as u64);
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_fails_the_body_and_counts_as_changed() {
        let (folder, source) = file(&[1; 100]);
        source.unchanged().unwrap();
        fs::write(folder.path().join("a.bin"), [1; 40]).unwrap();
        let (body, watch) = source.body(Span { offset: 0, length: 100 }, &Progress::hidden());
        assert!(body.collect().await.is_err());
        assert_eq!(watch.take_failure().unwrap().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(watch.crc(), None);
        assert!(matches!(source.unchanged(), Err(Problem::Changed)));
    }

    #[test]
    fn memory_is_used_again_only_when_nobody_looks_at_it() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        first.resize(10, 1);
        let place = first.as_ptr();
        let lent = buffers.lend(first);
        assert_ne!(buffers.take().as_ptr(), place);
        drop(lent);
        assert_eq!(buffers.take().as_ptr(), place);
    }

    #[test]
    fn a_folder_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let Err(problem) = Source::open(folder.path()) else { panic!("a folder was opened") };
        assert!(problem.to_string().contains("is not a file"), "{problem}");
    }
}
