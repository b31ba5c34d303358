//! Whatever ranges and conditions a request names: what is sent lies within the file, and no byte is sent twice.

#![no_main]

use filemanager::routes::fuzzing::{condition_verdict, selected_ranges};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const CONDITIONS: [&str; 5] = ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"];

fuzz_target!(|input: (u64, &[u8], [&[u8]; 5])| {
    let (size, range, conditions) = input;
    if let Some(ranges) = selected_ranges(range, size) {
        assert!(!ranges.is_empty());
        assert!(ranges.iter().all(|range| range.start < range.end && range.end <= size));
        let mut sorted = ranges;
        sorted.sort_by_key(|range| range.start);
        assert!(sorted.windows(2).all(|pair| pair[0].end <= pair[1].start), "a byte twice: {sorted:?}");
    }
    let mut headers = HeaderMap::new();
    for (name, value) in CONDITIONS.into_iter().zip(conditions) {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_bytes(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    let (status, range_counts) = condition_verdict(&headers, "\"etag\"");
    assert!(matches!(status, 200 | 304 | 412));
    // RFC 9110 section 13.2.1: without a condition there is nothing to fail.
    if headers.is_empty() {
        assert_eq!((status, range_counts), (200, true));
    }
});
