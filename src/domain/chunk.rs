//! Chunks: their places, their limits, and what is remembered of each.

use super::{FoundType, Invalid};

/// The most chunks of one upload, which is the most parts of a multipart upload
/// (Amazon S3 User Guide, "Amazon S3 multipart upload limits").
pub const MAX_CHUNKS: i64 = 10_000;

/// A chunk's place in its file, from 0 to [`MAX_CHUNKS`] − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChunkIndex(i64);

impl ChunkIndex {
    /// The number itself.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for ChunkIndex {
    type Error = Invalid;

    fn try_from(index: i64) -> Result<Self, Invalid> {
        match index {
            i64::MIN..0 => Err(Invalid::new("input should be greater than or equal to 0")),
            0..MAX_CHUNKS => Ok(Self(index)),
            _ => Err(Invalid(format!("input should be less than or equal to {}", MAX_CHUNKS - 1))),
        }
    }
}

/// Size in bytes and CRC-64/NVME of some bytes: enough to tell whether a repeat is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// Size in bytes.
    pub size: i64,
    /// CRC-64/NVME, the checksum that S3 computes too.
    pub crc: u64,
}

/// A chunk whose bytes the store has confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredChunk {
    /// Its place.
    pub index: ChunkIndex,
    /// Its size in bytes.
    pub size: i64,
    /// Its CRC-64/NVME; `None` when the bytes went past the service and the store did not tell.
    pub crc: Option<u64>,
    /// What the store needs to find the bytes again; only the store reads it.
    pub receipt: String,
    /// What its bytes say that the file is, where it is the first one and was looked at.
    pub found: Option<FoundType>,
}

/// Indexes as a person writes them: `3, 7-9`.
#[must_use]
pub fn in_ranges(indexes: &[i64]) -> String {
    let mut ranges: Vec<(i64, i64)> = Vec::new();
    for &index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let shown = ranges.iter().map(|&(first, last)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    });
    shown.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_indexes_are_written_as_ranges() {
        assert_eq!(in_ranges(&[3, 7, 8, 9]), "3, 7-9");
        assert_eq!(in_ranges(&[0, 1]), "0-1");
        assert_eq!(in_ranges(&[]), "");
    }

    #[test]
    fn an_index_lies_between_zero_and_the_limit() {
        assert!(ChunkIndex::try_from(-1).is_err());
        assert!(ChunkIndex::try_from(MAX_CHUNKS).is_err());
        assert_eq!(ChunkIndex::try_from(9_999).unwrap().get(), 9_999);
    }
}
