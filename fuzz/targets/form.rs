//! A form is read the same however the network cuts it, and each part lies where the reader says that it does.

#![no_main]

use bytes::Bytes;
use filemanager::routes::fuzzing::Multipart;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use libfuzzer_sys::fuzz_target;

const CONTENT_TYPE: &str = "multipart/form-data; boundary=B";

struct Part {
    name: String,
    bytes: Vec<u8>,
    position: u64,
}

/// The parts of a form that comes in blocks of this many bytes; `None` when it is refused.
fn parts(form: &[u8], block: usize) -> Option<Vec<Part>> {
    let blocks: Vec<_> = form.chunks(block).map(|block| Ok(Bytes::copy_from_slice(block))).collect();
    let content_type = CONTENT_TYPE.parse().expect("a content type");
    let mut reader = Multipart::new(&content_type, stream::iter(blocks).boxed()).expect("a usable boundary");
    let mut parts = Vec::new();
    block_on(async {
        while let Some(name) = reader.next_part().await.ok()? {
            let position = reader.position();
            let mut bytes = Vec::new();
            while let Some(block) = reader.next_block().await.ok()? {
                assert!(!block.is_empty(), "an empty block");
                bytes.extend_from_slice(&block);
            }
            parts.push(Part { name, bytes, position });
        }
        Some(parts)
    })
}

fuzz_target!(|input: (u8, &[u8])| {
    let (cut, form) = input;
    let whole = parts(form, form.len().max(1));
    let cut = parts(form, usize::from(cut).max(1));
    // Limits are looked at after each block: near them, how a form is cut may decide whether it is refused.
    let (Some(whole), Some(cut)) = (&whole, &cut) else {
        assert!(whole.is_none() == cut.is_none() || form.len() > 16 * 1024, "refused only when cut otherwise");
        return;
    };
    assert_eq!(whole.len(), cut.len());
    for (one, other) in whole.iter().zip(cut) {
        assert_eq!((&one.name, &one.bytes, one.position), (&other.name, &other.bytes, other.position));
        let at = usize::try_from(one.position).expect("a position within the form");
        assert_eq!(&form[at..at + one.bytes.len()], one.bytes);
    }
});
