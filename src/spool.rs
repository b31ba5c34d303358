//! Gives a body of unknown length a length: small ones in memory, others in a nameless temporary file, which
//! the system removes however the process ends.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use tokio_util::io::ReaderStream;

use crate::domain::body::{Body, BodyError};

/// The most bytes of one body that are kept in memory.
const MEMORY_LIMIT: usize = 256 * 1024;
const READ_BLOCK: usize = 128 * 1024;

/// Where temporary files go.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: PathBuf,
}

impl Spool {
    /// A spool that writes to this folder, which must exist when a body does not fit into memory.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The same body with its length. Bodies that tell it already pass through untouched.
    ///
    /// # Errors
    /// Those of the body, and those of the temporary file.
    pub async fn measure(&self, body: Body) -> Result<Body, BodyError> {
        if body.length.is_some() {
            return Ok(body);
        }
        let mut blocks = body.blocks;
        let mut spooled = self.begin();
        while let Some(block) = blocks.try_next().await? {
            spooled.write(block).await?;
        }
        spooled.finish().await
    }

    /// An empty body to write to.
    #[must_use]
    pub fn begin(&self) -> Spooled {
        Spooled { folder: self.folder.clone(), memory: BytesMut::new(), file: None, length: 0 }
    }
}

/// A body that is being written.
pub struct Spooled {
    folder: PathBuf,
    memory: BytesMut,
    file: Option<File>,
    length: u64,
}

impl Spooled {
    /// How many bytes were written.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Writes a block.
    ///
    /// # Errors
    /// [`BodyError::Io`] when the temporary file cannot be written.
    pub async fn write(&mut self, block: Bytes) -> Result<(), BodyError> {
        self.length += block.len() as u64;
        self.memory.extend_from_slice(&block);
        if self.memory.len() > MEMORY_LIMIT {
            self.file = Some(self.flush().await?);
        }
        Ok(())
    }

    /// The body that was written.
    ///
    /// # Errors
    /// [`BodyError::Io`] when the temporary file cannot be written.
    pub async fn finish(mut self) -> Result<Body, BodyError> {
        if self.file.is_none() {
            return Ok(Body::from_bytes(self.memory.freeze()));
        }
        let mut file = self.flush().await?;
        let file = blocking(move || file.seek(SeekFrom::Start(0)).map(|_| file)).await?;
        let blocks = ReaderStream::with_capacity(tokio::fs::File::from_std(file), READ_BLOCK).map_err(BodyError::from);
        Ok(Body::sized(self.length, blocks.boxed()))
    }

    /// The file with all that is in memory.
    async fn flush(&mut self) -> io::Result<File> {
        let bytes = self.memory.split().freeze();
        let (folder, file) = (self.folder.clone(), self.file.take());
        blocking(move || {
            let mut file = file.map_or_else(|| tempfile::tempfile_in(folder), Ok)?;
            file.write_all(&bytes)?;
            Ok(file)
        })
        .await
    }
}

/// Runs file work where it may block.
///
/// # Errors
/// Those of the work.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    async fn measured(blocks: Vec<Bytes>) -> (Option<u64>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let body = Body { length: None, blocks: stream::iter(blocks.into_iter().map(Ok)).boxed() };
        let body = Spool::new(folder.path().to_owned()).measure(body).await.unwrap();
        let blocks: Vec<Bytes> = body.blocks.try_collect().await.unwrap();
        (body.length, blocks.concat())
    }

    #[tokio::test]
    async fn small_and_large_bodies_come_out_as_they_went_in() {
        for blocks in [0, 1, 3, 40] {
            let given: Vec<Bytes> = (0..blocks).map(|i| Bytes::from(vec![i; 30_000])).collect();
            let expected = given.concat();
            assert_eq!(measured(given).await, (Some(expected.len() as u64), expected));
        }
    }
}
