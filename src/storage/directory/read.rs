//! Reads an object block by block.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use rustix::buffer::spare_capacity;
use tokio::task::spawn_blocking;

use crate::domain::body::ByteBlocks;
use crate::storage::budget::Share;

/// How many blocks are being read or wait to be taken.
const READ_AHEAD: usize = 2;

/// The bytes `range` of a file, which must have them. One block is read ahead while another is on its way.
pub(super) fn blocks(file: File, range: Range<u64>, read: Share) -> ByteBlocks {
    let reads = stream::unfold((Arc::new(file), range, read), |(file, mut rest, read)| async move {
        let end = rest.end.min(rest.start + read.bytes() as u64);
        let (source, wanted) = (Arc::clone(&file), rest.start..end);
        rest.start = end;
        let block = (!wanted.is_empty()).then(|| spawn_blocking(move || read_block(&source, &wanted)))?;
        Some((block, (file, rest, read)))
    });
    let blocks = reads.buffered(READ_AHEAD).map(|block| Ok(block.map_err(io::Error::other)??));
    blocks.boxed()
}

/// Exactly these bytes: the next block is read behind them.
fn read_block(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut block = Vec::with_capacity(length);
    while block.len() < length {
        let position = range.start + block.len() as u64;
        if rustix::io::pread(file, spare_capacity(&mut block), position)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object is shorter than it was"));
        }
    }
    block.truncate(length);
    Ok(block.into())
}
