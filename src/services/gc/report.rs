//! What a pass found and did, in figures and in words.

use super::Mode;
use crate::storage::Held;

/// How much of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes together, as far as the store's listing tells.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes += bytes;
    }
}

/// What a pass found and did; on a dry run, what it would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Uploads that were given up because nobody completed them.
    pub expired_uploads: u64,
    /// Objects without a file that were removed.
    pub objects: Tally,
    /// Staged objects and staging files that were removed.
    pub staged: Tally,
    /// Multipart uploads that were aborted; their bytes are not told.
    pub gatherings: Tally,
    /// Rows of jobs that were deleted.
    pub jobs: u64,
    /// Rows of uploads that were deleted, because they were given up long ago.
    pub uploads: u64,
    /// Things that nothing needs, but that the store did not remove.
    pub kept: u64,
    /// Files that can be downloaded by their rows, but have no object. Nothing was done about them.
    pub lost_files: u64,
    /// Things that are none of the service's, and were left alone.
    pub foreign: u64,
    /// Things without rows that were left alone, because most of what lies beside them has none either.
    pub suspicious: u64,
}

impl Report {
    pub(super) fn note_removed(&mut self, held: &Held, bytes: u64) {
        match held {
            Held::Object(location) if !location.is_staging() => self.objects.add(bytes),
            Held::Object(_) | Held::Staging(_) => self.staged.add(bytes),
            Held::Gathering { .. } => self.gatherings.add(bytes),
        }
    }

    /// Whether a person should look.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        self.lost_files > 0 || self.suspicious > 0 || self.kept > 0
    }

    /// The figures in words, a line for each.
    #[must_use]
    pub fn in_words(&self, mode: Mode) -> String {
        let (gave_up, removed) = match mode {
            Mode::Clean => ("gave up", "removed"),
            Mode::DryRun => ("would give up", "would remove"),
        };
        let Self { objects, staged, gatherings, .. } = self;
        let mut lines = vec![
            format!("{gave_up} {} uploads that nobody completed in time", self.expired_uploads),
            format!("{removed} {} objects without a file, {} bytes", objects.count, objects.bytes),
            format!("{removed} {} staged objects and files, {} bytes", staged.count, staged.bytes),
            format!("{removed} {} multipart uploads", gatherings.count),
            format!("{removed} {} rows of jobs that ended", self.jobs),
            format!("{removed} {} rows of uploads that were given up", self.uploads),
            format!("left alone {} things that are none of the service's", self.foreign),
        ];
        if self.kept > 0 {
            lines.push(format!("KEPT {} things that nothing needs: the store did not remove them", self.kept));
        }
        if self.suspicious > 0 {
            lines.push(format!(
                "LEFT ALONE {} things without rows: most of what is in the store has none, as if it belonged to another \
                 database",
                self.suspicious
            ));
        }
        if self.lost_files > 0 {
            lines.push(format!("MISSING: the objects of {} files", self.lost_files));
        }
        lines.join("\n")
    }
}
