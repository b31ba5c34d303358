//! How an object is made of its chunks: a pure function of the chunk list.

use crate::domain::MAX_CHUNKS;
use crate::domain::chunk::StoredChunk;

use super::{MIN_PART_SIZE, StorageError};

/// What a chunk became in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stored<'c> {
    /// A part of the multipart upload, with its `ETag`.
    Part(&'c str),
    /// An object of its own in the private bucket, with its key.
    Object(&'c str),
}

impl<'c> Stored<'c> {
    /// Reads a receipt that [`part_receipt`] or [`object_receipt`] wrote.
    pub(super) fn of(chunk: &'c StoredChunk) -> Result<Self, StorageError> {
        match chunk.receipt.split_once(' ') {
            Some(("part", etag)) => Ok(Self::Part(etag)),
            Some(("object", key)) => Ok(Self::Object(key)),
            _ => Err(StorageError::Damaged(format!("chunk {} has no receipt of this store", chunk.index.get()))),
        }
    }
}

pub(super) fn part_receipt(etag: &str) -> String {
    format!("part {etag}")
}

pub(super) fn object_receipt(key: &str) -> String {
    format!("object {key}")
}

/// A part that the store has: its number, from 1 to 10,000, and its `ETag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) etag: String,
}

/// Bytes at a place of a chunk list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) source: Source,
    pub(super) size: u64,
    /// The CRC that was taken when the bytes came in, if it was.
    pub(super) crc: Option<u64>,
}

impl Segment {
    /// Whether it is an object of its own.
    pub(super) fn is_object(&self) -> bool {
        matches!(self.source, Source::Object { .. })
    }
}

/// Where the bytes of a segment can be read once the parts are completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// From this offset of the object that the parts were completed into.
    Completed { offset: u64 },
    /// A staged object with this key in the private bucket.
    Object { key: String },
}

/// How an object is made of its chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// There are no bytes.
    Empty,
    /// The one chunk is small, and an object of its own: bring it to its place.
    Move { segment: Segment },
    /// All chunks are parts: complete, nothing is moved.
    Complete { parts: Vec<Part> },
    /// Some chunks are objects: upload them as parts, or read everything in order and write it anew.
    Mixed { parts: Vec<Part>, segments: Vec<Segment> },
}

/// The cheapest way to make one object of `chunks`, which are in order and complete.
pub(super) fn plan(chunks: &[StoredChunk]) -> Result<Plan, StorageError> {
    let mut parts = Vec::new();
    let mut segments = Vec::new();
    let mut completed = 0;
    for chunk in chunks {
        let size = chunk.size.cast_unsigned();
        let source = match Stored::of(chunk)? {
            Stored::Part(etag) => {
                parts.push(Part { number: part_number(chunk)?, etag: etag.to_owned() });
                let offset = completed;
                completed += size;
                Source::Completed { offset }
            }
            Stored::Object(key) => Source::Object { key: key.to_owned() },
        };
        segments.push(Segment { source, size, crc: chunk.crc });
    }
    let objects = segments.len() - parts.len();
    Ok(match (parts.len(), objects) {
        (0, 0) => Plan::Empty,
        (_, 0) => Plan::Complete { parts },
        (0, 1) if segments.iter().all(|segment| segment.size < MIN_PART_SIZE) => match segments.pop() {
            Some(segment) => Plan::Move { segment },
            None => Plan::Empty,
        },
        _ => Plan::Mixed { parts, segments },
    })
}

/// Part numbers count from 1 and must rise with the chunks (Amazon S3 API, `CompleteMultipartUpload`).
pub(super) fn part_number(chunk: &StoredChunk) -> Result<i32, StorageError> {
    number_of(chunk.index.get())
}

/// The part number of the chunk with this index.
pub(super) fn number_of(index: i64) -> Result<i32, StorageError> {
    match i32::try_from(index + 1) {
        Ok(number) if i64::from(number) <= MAX_CHUNKS => Ok(number),
        _ => Err(StorageError::Damaged(format!("no part can have the number {}", index + 1))),
    }
}

/// Cuts a size into parts of `wanted` bytes, or more where there would be too many; the last may be smaller.
pub(super) fn part_ranges(size: u64, wanted: u64) -> Vec<std::ops::Range<u64>> {
    let step = wanted.max(size.div_ceil(MAX_CHUNKS.cast_unsigned()));
    (0..size.div_ceil(step)).map(|i| i * step..size.min((i + 1) * step)).collect()
}

/// The pieces of `segments` that make up the bytes `range`: each a segment's source, where to begin in it, and how many bytes.
pub(super) fn pieces(segments: &[Segment], range: &std::ops::Range<u64>) -> Vec<(Source, u64, u64)> {
    let mut position = 0;
    let mut found = Vec::new();
    for segment in segments {
        let (start, end) = (position.max(range.start), (position + segment.size).min(range.end));
        if start < end {
            found.push((segment.source.clone(), start - position, end - start));
        }
        position += segment.size;
    }
    found
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
