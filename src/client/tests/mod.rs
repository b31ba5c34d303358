//! The client against a service that misbehaves on demand.

mod download;
mod mock;
mod upload;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::retry::Policy;

/// Tries as often as always, and hardly waits.
const HASTY: Policy = Policy {
    tries: 4,
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(5),
    stall: Duration::from_secs(20),
};

/// A file of so many bytes that are not all the same.
fn file(folder: &Path, name: &str, size: usize) -> (PathBuf, Vec<u8>) {
    let bytes: Vec<u8> = (0..size).map(|i| u8::try_from((i * 7 + i / 251) % 256).unwrap_or_default()).collect();
    let path = folder.join(name);
    std::fs::write(&path, &bytes).unwrap();
    (path, bytes)
}

fn checksum(bytes: &[u8]) -> String {
    super::plan::format_checksum(crc_fast::checksum(super::plan::ALGORITHM, bytes))
}
