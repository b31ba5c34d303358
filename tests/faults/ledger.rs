//! What the service has answered, and what it must keep because of it.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Instant;

use ring::digest::{SHA256, digest};

/// How many of the last lines are shown when a check fails.
const TAIL: usize = 40;

/// A file whose complete was answered with 200.
#[derive(Debug, Clone)]
pub struct Promised {
    pub upload: String,
    pub file: String,
    pub sha256: String,
    pub credential: Option<&'static str>,
}

/// The book of all answers.
pub struct Ledger {
    begun: Instant,
    lines: Mutex<Vec<String>>,
    files: Mutex<Vec<Promised>>,
    broken: Mutex<Vec<String>>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { begun: Instant::now(), lines: Mutex::default(), files: Mutex::default(), broken: Mutex::default() }
    }
}

impl Ledger {
    /// Writes a line down.
    pub fn note(&self, line: &str) {
        self.lines.lock().unwrap().push(format!("{:8.3} s  {line}", self.begun.elapsed().as_secs_f64()));
    }

    /// Writes down what must never happen.
    pub fn broken(&self, line: &str) {
        self.note(&format!("BROKEN: {line}"));
        self.broken.lock().unwrap().push(line.to_owned());
    }

    /// Writes down a file that must be there from now on.
    pub fn promise(&self, file: Promised) {
        self.note(&format!("file {} of upload {} with SHA-256 {}", file.file, file.upload, file.sha256));
        self.files.lock().unwrap().push(file);
    }

    pub fn files(&self) -> Vec<Promised> {
        self.files.lock().unwrap().clone()
    }

    /// Takes a file out that is deleted.
    pub fn forget(&self, file: &str) {
        self.files.lock().unwrap().retain(|promised| promised.file != file);
    }

    /// # Panics
    /// With all promises that were broken and the last lines, if there are any.
    pub fn assert_kept(&self) {
        let broken = self.broken.lock().unwrap();
        assert!(broken.is_empty(), "{}\n{}", broken.join("\n"), self.tail());
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap();
        let mut text = String::from("--- the ledger's last lines:");
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            let _ = write!(text, "\n{line}");
        }
        text
    }
}

/// The SHA-256 of these bytes in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
