//! How a file is cut into chunks, and how the chunks' CRCs make the file's.

use std::collections::BTreeMap;

use crc_fast::{CrcAlgorithm, checksum, checksum_combine};

use super::problem::Problem;

/// The checksum that files are told and checked by.
pub(super) const ALGORITHM: CrcAlgorithm = CrcAlgorithm::Crc64Nvme;
const PREFIX: &str = "crc64nvme:";

/// Where a chunk is in its file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// Where it begins.
    pub(super) offset: u64,
    /// How long it is.
    pub(super) length: u64,
}

/// A file's cut: all chunks are of one size, except the last, which may be smaller.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    size: u64,
    chunk_size: u64,
    count: u32,
}

impl Plan {
    /// The cut of a file of `size` bytes.
    ///
    /// # Errors
    /// When the service asks for chunks that cannot be made.
    pub(super) fn new(size: u64, chunk_size: u64) -> Result<Self, Problem> {
        let count = (chunk_size > 0).then(|| size.div_ceil(chunk_size)).and_then(|count| u32::try_from(count).ok());
        let count = count.ok_or_else(|| {
            Problem::Local(format!("the service wants chunks of {chunk_size} bytes, in which the file cannot be sent"))
        })?;
        Ok(Self { size, chunk_size, count })
    }

    /// How many chunks there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Where a chunk is. One past the end is empty.
    pub(super) fn span(&self, index: u32) -> Span {
        let offset = (u64::from(index) * self.chunk_size).min(self.size);
        Span { offset, length: self.chunk_size.min(self.size - offset) }
    }

    /// The chunks that the service has as they should be, and those to send. `received` tells sizes by number.
    pub(super) fn split(&self, received: &BTreeMap<u32, u64>) -> (Vec<u32>, Vec<u32>) {
        (0..self.count).partition(|index| received.get(index) == Some(&self.span(*index).length))
    }

    /// How many bytes these chunks have.
    pub(super) fn bytes(&self, indexes: &[u32]) -> u64 {
        indexes.iter().map(|index| self.span(*index).length).sum()
    }

    /// The file's CRC from all its chunks', by number. `None` when one is missing.
    pub(super) fn combine(&self, crcs: &BTreeMap<u32, u64>) -> Option<u64> {
        (0..self.count).try_fold(checksum(ALGORITHM, &[]), |whole, index| {
            Some(checksum_combine(ALGORITHM, whole, *crcs.get(&index)?, self.span(index).length))
        })
    }
}

/// A CRC as it crosses the wire.
pub(super) fn format_checksum(crc: u64) -> String {
    format!("{PREFIX}{crc:016x}")
}

/// A CRC from the wire. `None` when it is of another kind.
pub(super) fn parse_checksum(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix(PREFIX)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_file_has_no_chunks_and_the_crc_of_nothing() {
        let plan = Plan::new(0, 10).unwrap();
        assert_eq!(plan.count(), 0);
        assert_eq!(plan.combine(&BTreeMap::new()), Some(checksum(ALGORITHM, b"")));
    }

    #[test]
    fn chunks_that_cannot_be_made_are_refused() {
        assert!(Plan::new(1, 0).is_err());
        assert!(Plan::new(u64::MAX, 1).is_err());
    }

    #[test]
    fn checksums_come_back_as_they_went_and_others_are_not_known() {
        assert_eq!(format_checksum(0xab), "crc64nvme:00000000000000ab");
        assert_eq!(parse_checksum(&format_checksum(u64::MAX)), Some(u64::MAX));
        assert_eq!(parse_checksum("sha256:00000000000000ab"), None);
        assert_eq!(parse_checksum("crc64nvme:x"), None);
    }

    #[test]
    fn a_chunk_of_a_wrong_size_is_sent_again() {
        let plan = Plan::new(25, 10).unwrap();
        let received = BTreeMap::from([(0, 10), (1, 9), (2, 5), (7, 10)]);
        assert_eq!(plan.split(&received), (vec![0, 2], vec![1]));
        assert_eq!(plan.bytes(&[0, 2]), 15);
    }

    proptest! {
        #[test]
        fn chunks_cover_the_file_once_and_their_crcs_make_its_own(
            bytes in proptest::collection::vec(any::<u8>(), 0..5000), chunk_size in 1_u64..6000,
        ) {
            let plan = Plan::new(bytes.len() as u64, chunk_size).unwrap();
            let mut end = 0;
            let mut crcs = BTreeMap::new();
            for index in 0..plan.count() {
                let span = plan.span(index);
                prop_assert_eq!(span.offset, end);
                prop_assert!(span.length > 0 && (span.length == chunk_size || index + 1 == plan.count()));
                end += span.length;
                let chunk = &bytes[usize::try_from(span.offset).unwrap()..usize::try_from(end).unwrap()];
                crcs.insert(index, checksum(ALGORITHM, chunk));
            }
            prop_assert_eq!(end, bytes.len() as u64);
            prop_assert_eq!(plan.combine(&crcs), Some(checksum(ALGORITHM, &bytes)));
            if plan.count() > 0 {
                crcs.remove(&(plan.count() - 1));
                prop_assert_eq!(plan.combine(&crcs), None);
            }
        }
    }
}
