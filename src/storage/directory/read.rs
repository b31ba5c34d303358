//! Reads an object block by block.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use rustix::buffer::spare_capacity;

use crate::domain::body::{BodyError, ByteBlocks};
use crate::spool::blocking;
use crate::storage::read_budget::Read;

/// The bytes `range` of a file, which must have them.
pub(super) fn blocks(file: File, range: Range<u64>, read: Read) -> ByteBlocks {
    let blocks = stream::try_unfold((Arc::new(file), range, read), |(file, mut rest, read)| async move {
        if rest.is_empty() {
            return Ok::<_, BodyError>(None);
        }
        let end = rest.end.min(rest.start + read.share() as u64);
        let (source, wanted) = (Arc::clone(&file), rest.start..end);
        let block = blocking(move || read_block(&source, &wanted)).await?;
        rest.start += block.len() as u64;
        Ok(Some((block, (file, rest, read))))
    });
    blocks.boxed()
}

fn read_block(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let mut block = Vec::with_capacity(usize::try_from(range.end - range.start).map_err(io::Error::other)?);
    let length = rustix::io::pread(file, spare_capacity(&mut block), range.start)?;
    if length == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the object is shorter than it was"));
    }
    Ok(block.into())
}
