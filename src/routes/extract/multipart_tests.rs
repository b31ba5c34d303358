use bytes::Bytes;
use futures::{StreamExt, stream};
use proptest::prelude::*;

use super::multipart::Multipart;
use crate::domain::body::BodyError;

fn reader(boundary: &str, blocks: Vec<Vec<u8>>) -> Option<Multipart> {
    let content_type = format!("multipart/form-data; boundary=\"{boundary}\"").parse().ok()?;
    let blocks = blocks.into_iter().map(|block| Ok(Bytes::from(block)));
    Multipart::new(&content_type, stream::iter(blocks).boxed())
}

/// The form's parts as (name, bytes, position of the first byte).
async fn parts(boundary: &str, blocks: Vec<Vec<u8>>) -> Result<Vec<(String, Vec<u8>, u64)>, BodyError> {
    let mut reader = reader(boundary, blocks).expect("a usable boundary");
    let mut parts = Vec::new();
    while let Some(name) = reader.next_part().await? {
        let position = reader.position();
        let mut bytes = Vec::new();
        while let Some(block) = reader.next_block().await? {
            bytes.extend_from_slice(&block);
        }
        parts.push((name, bytes, position));
    }
    Ok(parts)
}

fn form(boundary: &str, fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        form.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        form.extend_from_slice(value);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    form
}

#[tokio::test]
async fn names_are_read_as_clients_write_them() {
    for (header, name) in [
        (r#"Content-Disposition: form-data; name="file"; filename="a;b.txt""#, "file"),
        (r#"content-disposition:form-data;filename="x\"; name=no";name="yes""#, "yes"),
        (r"Content-Disposition: form-data; name=plain; filename=x", "plain"),
        ("X-Other: 1\r\nContent-Disposition: form-data; name=\"b\"\r\nContent-Type: image/png", "b"),
    ] {
        let form = format!("--B\r\n{header}\r\n\r\nvalue\r\n--B--").into_bytes();
        let parts = parts("B", vec![form]).await.unwrap();
        assert_eq!((parts[0].0.as_str(), parts[0].1.as_slice()), (name, &b"value"[..]), "{header}");
    }
}

#[tokio::test]
async fn a_preamble_and_white_space_behind_a_boundary_are_skipped() {
    let form = b"hello\r\n--B  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--\r\nbye".to_vec();
    assert_eq!(parts("B", vec![form]).await.unwrap()[0].1, b"1");
}

#[tokio::test]
async fn what_is_no_form_is_refused_with_bounded_memory() {
    let long = |byte: u8| vec![vec![byte; 1024]; 1024];
    let mut headers = vec![b"--B\r\n".to_vec()];
    headers.extend(long(b'a'));
    let many: Vec<(&str, &[u8])> = vec![("a", b"1"); 10_000];
    assert!(parts("B", vec![]).await.unwrap().is_empty(), "no body is a form without fields");
    for bad in [
        vec![b"no form at all".to_vec()],
        vec![b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\ncut of".to_vec()],
        vec![b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--B".to_vec()],
        vec![b"--B\r\nNothing: here\r\n\r\nx\r\n--B--".to_vec()],
        long(b'a'),
        headers,
        vec![form("B", &many)],
    ] {
        assert!(matches!(parts("B", bad).await, Err(BodyError::Malformed(_))));
    }
    assert!(reader(&"b".repeat(71), vec![]).is_none());
    assert!(reader("", vec![]).is_none());
}

proptest! {
    #[test]
    fn any_form_is_read_the_same_however_it_is_cut(
        values in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'B'), any::<u8>()], 0..60), 0..6),
        cuts in proptest::collection::vec(1_usize..40, 1..60),
    ) {
        let boundary = "B-B";
        let delimiter = format!("\r\n--{boundary}");
        let whole = |value: &Vec<u8>| memchr::memmem::find(&[b"\r\n", &value[..], b"\r\n"].concat(), delimiter.as_bytes()).is_none();
        prop_assume!(values.iter().all(whole));
        let fields: Vec<(&str, &[u8])> = values.iter().map(|value| ("f", value.as_slice())).collect();
        let form = form(boundary, &fields);
        let mut blocks = Vec::new();
        let mut rest = &form[..];
        for cut in cuts.iter().cycle() {
            let (block, after) = rest.split_at((*cut).min(rest.len()));
            if block.is_empty() { break; }
            blocks.push(block.to_vec());
            rest = after;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(parts(boundary, blocks)).unwrap();
        prop_assert_eq!(read.len(), values.len());
        for ((_, bytes, position), value) in read.iter().zip(&values) {
            prop_assert_eq!(bytes, value);
            let at = usize::try_from(*position).unwrap();
            prop_assert_eq!(&form[at..at + value.len()], value.as_slice());
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), Just(b'B'), Just(b'"'), any::<u8>()], 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _ = runtime.block_on(parts("B", vec![bytes]));
    }
}
