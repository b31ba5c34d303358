//! A digest that is understood is the one that was written, and is written so that it is understood again.

#![no_main]

use filemanager::domain::Checksum;
use filemanager::routes::fuzzing::content_digest;
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<&[u8]>, &str)| {
    let (lines, checksum) = input;
    let values = lines.iter().filter_map(|line| HeaderValue::from_bytes(line).ok());
    let headers: HeaderMap = values.map(|value| (http::HeaderName::from_static("content-digest"), value)).collect();
    match content_digest(&headers) {
        Ok(None) => assert!(headers.is_empty(), "a digest was passed over"),
        Ok(Some(_)) => {
            let named = |value: &HeaderValue| value.as_bytes().windows(7).any(|window| window == b"sha-256");
            assert!(headers.values().any(named), "a digest out of nothing");
        }
        Err(()) => assert!(!headers.is_empty()),
    }
    if let Ok(parsed) = checksum.parse::<Checksum>() {
        assert_eq!(parsed.to_string().parse(), Ok(parsed));
        let (algorithm, _) = checksum.split_once(':').expect("an algorithm");
        assert!(parsed.to_string().starts_with(&algorithm.to_ascii_lowercase()));
    }
});
