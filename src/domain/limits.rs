//! What a tenant may have, and what it has.

use std::fmt;

use super::TenantId;

/// What a tenant may have; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its files.
    pub bytes: Option<i64>,
    /// How many files.
    pub files: Option<i64>,
    /// How many uploads that are neither completed nor given up.
    pub uploads: Option<i64>,
    /// Bytes of its largest file.
    pub file_size: Option<i64>,
}

/// What a tenant has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all its files.
    pub bytes: i64,
    /// How many files.
    pub files: i64,
    /// How many uploads that are neither completed nor given up.
    pub uploads: i64,
}

/// A tenant with limits, and what is counted of it.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its name.
    pub name: TenantId,
    /// Its limits.
    pub limits: Limits,
    /// Bytes of all its files.
    pub bytes: i64,
    /// How many files.
    pub files: i64,
}

/// A limit that something is beyond, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exceeded {
    /// Bytes of one file.
    FileSize(i64),
    /// Bytes of all files.
    Bytes(i64),
    /// How many files.
    Files(i64),
    /// How many uploads.
    Uploads(i64),
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileSize(most) => write!(f, "A file may have at most {most} bytes."),
            Self::Bytes(most) => write!(f, "All files together may have at most {most} bytes."),
            Self::Files(most) => write!(f, "There may be at most {most} files."),
            Self::Uploads(most) => write!(f, "There may be at most {most} uploads at a time."),
        }
    }
}

impl Limits {
    /// Whether a file of this size may be.
    ///
    /// # Errors
    /// [`Exceeded::FileSize`].
    pub fn check_size(&self, size: i64) -> Result<(), Exceeded> {
        within(size, self.file_size, Exceeded::FileSize)
    }

    /// Whether there may be so much.
    ///
    /// # Errors
    /// The first limit that it is beyond.
    pub fn check(&self, usage: &Usage) -> Result<(), Exceeded> {
        within(usage.bytes, self.bytes, Exceeded::Bytes)?;
        within(usage.files, self.files, Exceeded::Files)?;
        within(usage.uploads, self.uploads, Exceeded::Uploads)
    }
}

fn within(value: i64, most: Option<i64>, exceeded: fn(i64) -> Exceeded) -> Result<(), Exceeded> {
    match most {
        Some(most) if value > most => Err(exceeded(most)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_be_reached_but_not_passed() {
        let limits = Limits { bytes: Some(10), files: Some(2), uploads: Some(1), file_size: Some(5) };
        assert_eq!((limits.check_size(5), limits.check_size(6)), (Ok(()), Err(Exceeded::FileSize(5))));
        let full = Usage { bytes: 10, files: 2, uploads: 1 };
        assert_eq!(limits.check(&full), Ok(()));
        assert_eq!(limits.check(&Usage { bytes: 11, ..full }), Err(Exceeded::Bytes(10)));
        assert_eq!(limits.check(&Usage { files: 3, ..full }), Err(Exceeded::Files(2)));
        assert_eq!(limits.check(&Usage { uploads: 2, ..full }), Err(Exceeded::Uploads(1)));
        assert_eq!(Limits::default().check(&Usage { bytes: i64::MAX, ..full }), Ok(()));
    }
}
