//! What the commands print on standard output: a line, or a JSON object, for each file.

use std::io::{self, Write, stdout};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::download::Downloaded;
use super::problem::Problem;
use super::upload::Uploaded;

/// A file that was uploaded, or was not.
///
/// # Errors
/// When nobody reads standard output.
pub(super) fn uploaded(path: &Path, done: &Result<Uploaded, Problem>, as_json: bool) -> io::Result<()> {
    match done {
        Ok(file) if as_json => line(&json!({
            "file": path.to_string_lossy(),
            "id": file.id,
            "size": file.size,
            "checksum": file.checksum,
            "download_url": file.download_url,
            "status": "SUCCESS",
            "resumed_bytes": file.resumed_bytes,
            "seconds": seconds(file.took),
        })),
        Ok(file) => writeln!(stdout(), "{}  {}  {}", name(path), file.id, file.download_url),
        Err(problem) if as_json => line(&json!({
            "file": path.to_string_lossy(),
            "error": problem.to_string(),
            "status": "FAILURE",
        })),
        Err(_) => Ok(()),
    }
}

/// A file that was downloaded to a file, or was not.
///
/// # Errors
/// When nobody reads standard output.
pub(super) fn downloaded(id: Uuid, done: &Result<Downloaded, Problem>, as_json: bool) -> io::Result<()> {
    match done {
        Ok(Downloaded { path: None, .. }) => Ok(()),
        Ok(file) if as_json => line(&json!({
            "file": file.path.as_ref().map(|path| path.to_string_lossy()),
            "id": id,
            "size": file.size,
            "checksum": file.checksum,
            "status": "SUCCESS",
            "resumed_bytes": file.resumed_bytes,
            "seconds": seconds(file.took),
        })),
        Ok(Downloaded { path: Some(path), .. }) => writeln!(stdout(), "{}", path.display()),
        Err(problem) if as_json => line(&json!({ "id": id, "error": problem.to_string(), "status": "FAILURE" })),
        Err(_) => Ok(()),
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// To the millisecond.
fn seconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1000.0).round() / 1000.0
}

fn line(object: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    stdout().write_all(&line)
}
