//! Which bytes a `Range` header asks for (RFC 9110 section 14).

use std::ops::Range;

use http_range_header::{RangeInvalid, RangeUnsatisfiableError, SyntacticallyCorrectRange, parse_range_header};

/// What to send of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::routes) enum Selection {
    /// All of it: no range was asked for, or in a unit that is not ours.
    Whole,
    /// These bytes, each range not empty and within the file; at least one.
    Ranges(Vec<Range<u64>>),
    /// None: no range lies within the file, or there is something wrong with the set (section 15.5.17).
    Unsatisfiable,
}

/// What a `Range` header selects of a file of `size` bytes. Ranges keep their order, unless some overlap: then they are
/// sorted and merged, so that no byte is sent twice (section 15.3.7.2).
pub(in crate::routes) fn select(header: Option<&[u8]>, size: u64) -> Selection {
    let Some(header) = header else { return Selection::Whole };
    let parsed = match std::str::from_utf8(header).map(parse_range_header) {
        Ok(Ok(parsed)) => parsed.into_ranges(),
        // Another unit must be ignored (section 14.2); a set that is invalid or excessive may be rejected.
        Ok(Err(RangeUnsatisfiableError::Invalid(RangeInvalid::DoesNotStartWithToken))) => return Selection::Whole,
        Ok(Err(_)) | Err(_) => return Selection::Unsatisfiable,
    };
    // The end of nothing is nothing: all of it, because no Content-Range could say so.
    if size == 0 && parsed.iter().any(|range| matches!(range, SyntacticallyCorrectRange::FromLast(1..))) {
        return Selection::Whole;
    }
    let mut ranges: Vec<_> = parsed.into_iter().filter_map(|range| resolve(range, size)).collect();
    let mut sorted = ranges.clone();
    sorted.sort_by_key(|range| range.start);
    if sorted.windows(2).any(|pair| pair[1].start < pair[0].end) {
        ranges = merge(sorted);
    }
    if ranges.is_empty() { Selection::Unsatisfiable } else { Selection::Ranges(ranges) }
}

/// The bytes that a range means; `None` when it begins behind the file's end.
fn resolve(range: SyntacticallyCorrectRange, size: u64) -> Option<Range<u64>> {
    let (start, end) = match range {
        SyntacticallyCorrectRange::FromStart(start) => (start, size),
        SyntacticallyCorrectRange::FromLast(length) => (size.saturating_sub(length), size),
        SyntacticallyCorrectRange::Indexed(start, last) => (start, last.saturating_add(1).min(size)),
    };
    (start < end).then_some(start..end)
}

fn merge(sorted: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(header: &str, size: u64) -> Selection {
        select(Some(header.as_bytes()), size)
    }

    fn ranges<const N: usize>(ranges: [(u64, u64); N]) -> Selection {
        Selection::Ranges(ranges.into_iter().map(|(start, end)| start..end).collect())
    }

    #[test]
    fn each_form_selects_its_bytes() {
        assert_eq!(select(None, 10), Selection::Whole);
        assert_eq!(of("bytes=0-0", 10), ranges([(0, 1)]));
        assert_eq!(of("bytes=2-", 10), ranges([(2, 10)]));
        assert_eq!(of("bytes=-3", 10), ranges([(7, 10)]));
        assert_eq!(of("bytes=-99", 10), ranges([(0, 10)]));
        assert_eq!(of("bytes=8-99999999999999999999999", 10), ranges([(8, 10)]));
        assert_eq!(of("bytes=5-6, 0-1", 10), ranges([(5, 7), (0, 2)]));
        assert_eq!(of("bytes=0-1,20-", 10), ranges([(0, 2)]));
    }

    #[test]
    fn overlapping_ranges_are_merged() {
        assert_eq!(of("bytes=4-8,0-5", 10), ranges([(0, 9)]));
        assert_eq!(of("bytes=0-,0-,-1", 10), ranges([(0, 10)]));
        assert_eq!(of("bytes=8-9,0-1,1-2", 10), ranges([(0, 3), (8, 10)]));
    }

    #[test]
    fn what_cannot_be_sent_is_refused_and_foreign_units_are_ignored() {
        for header in ["bytes=10-", "bytes=-0", "bytes=5-2", "bytes=", "bytes=a-b", "bytes=1", "bytes=0-1,5-2"] {
            assert_eq!(of(header, 10), Selection::Unsatisfiable, "{header}");
        }
        assert_eq!(of(&format!("bytes={}", vec!["0-0"; 10_000].join(",")), 10), Selection::Unsatisfiable);
        assert_eq!(select(Some(b"bytes=\xff-"), 10), Selection::Unsatisfiable);
        assert_eq!(of("pages=1-2", 10), Selection::Whole);
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        assert_eq!(of("bytes=0-", 0), Selection::Unsatisfiable);
        assert_eq!(of("bytes=-5", 0), Selection::Whole);
    }

    proptest! {
        #[test]
        fn whatever_is_asked_for_lies_within_the_file(header in "bytes=([0-9]{0,3}-[0-9]{0,3},?){0,5}", size in 0_u64..500) {
            if let Selection::Ranges(ranges) = of(&header, size) {
                prop_assert!(!ranges.is_empty());
                prop_assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
                let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
                prop_assert!(bytes <= size);
            }
        }
    }
}
