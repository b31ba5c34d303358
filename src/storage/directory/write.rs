//! Chunks on their way to the disk.

use std::fs::File;
use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::TryStreamExt;

use super::in_files;
use crate::domain::body::{Body, BodyError, ByteBlocks};
use crate::failpoint;
use crate::storage::StorageError;
use crate::storage::budget::Share;

/// How much of a chunk is written at the most before it is brought to the disk: all at once, at the end, it would look as if
/// the disk did nothing any more.
const SYNC_EVERY: u64 = 64 * 1024 * 1024;
/// Blocks of fewer bytes are copied.
const COPIED_BELOW: usize = 4 * 1024;

/// Writes a body from `start` on and waits for the disk.
pub(super) async fn write_at(file: &Arc<File>, start: u64, body: Body, share: &Share) -> Result<(), StorageError> {
    let mut blocks = body.blocks;
    let (mut position, mut synced) = (start, start);
    loop {
        let (pending, length, end) = next_blocks(&mut blocks, share).await?;
        if !pending.is_empty() {
            let file = Arc::clone(file);
            in_files(move || write_all(&file, position, &pending)).await?;
        }
        position += length;
        if end || position - synced >= SYNC_EVERY {
            let file = Arc::clone(file);
            in_files(move || sync_data(&file)).await?;
            synced = position;
        }
        if end {
            return Ok(());
        }
    }
}

fn sync_data(file: &File) -> io::Result<()> {
    if failpoint::is_off("fsync") { Ok(()) } else { file.sync_data() }
}

/// Collects blocks until there is enough for one write; also their length, and whether the body has ended.
async fn next_blocks(blocks: &mut ByteBlocks, share: &Share) -> Result<(Vec<Bytes>, u64, bool), BodyError> {
    let mut pending = Pending::default();
    let end = loop {
        if pending.length >= share.bytes() {
            break false;
        }
        match blocks.try_next().await? {
            Some(block) => pending.push(block),
            None => break true,
        }
    };
    let length = pending.length as u64;
    Ok((pending.finish(), length, end))
}

/// Blocks that wait to be written.
#[derive(Default)]
struct Pending {
    blocks: Vec<Bytes>,
    /// The small ones since the last large one.
    small: BytesMut,
    length: usize,
}

impl Pending {
    fn push(&mut self, block: Bytes) {
        self.length += block.len();
        // It is a piece of the buffer into which the connection was read, and keeps all of that in memory.
        if block.len() < COPIED_BELOW {
            self.small.extend_from_slice(&block);
        } else {
            self.end_small();
            self.blocks.push(block);
        }
    }

    fn end_small(&mut self) {
        if !self.small.is_empty() {
            self.blocks.push(self.small.split().freeze());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.end_small();
        self.blocks
    }
}

/// Writes all blocks one after the other with as few system calls as possible.
fn write_all(file: &File, start: u64, blocks: &[Bytes]) -> io::Result<()> {
    let mut position = start;
    let mut slices: Vec<io::IoSlice<'_>> = blocks.iter().map(|block| io::IoSlice::new(block)).collect();
    let mut rest = &mut slices[..];
    io::IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let written = rustix::io::pwritev(file, &rest[..rest.len().min(1024)], position)?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        position += written as u64;
        io::IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};

    use super::*;
    use crate::storage::budget::Budget;

    #[tokio::test]
    async fn small_blocks_keep_no_buffers_and_all_bytes_keep_their_order() {
        let buffer = Bytes::from((0..=u8::MAX).cycle().take(100_000).collect::<Vec<u8>>());
        let lengths = [1, 1, 1, 20_000, 2, 3, 4096, 5, 40_000, 7];
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        let pieces: Vec<Bytes> = ends.zip(lengths).map(|(end, length)| buffer.slice(end - length..end)).collect();
        let sent = pieces.concat();
        let mut blocks: ByteBlocks = stream::iter(pieces.into_iter().map(Ok)).boxed();
        let (written, length, end) = next_blocks(&mut blocks, &Budget::of_writes().begin()).await.unwrap();
        assert!(end && length == sent.len() as u64 && written.concat() == sent);
        let within = buffer.as_ptr_range();
        let kept: Vec<usize> =
            written.iter().filter(|block| within.contains(&block.as_ptr())).map(Bytes::len).collect();
        assert_eq!(kept, [20_000, 4096, 40_000]);
    }
}
