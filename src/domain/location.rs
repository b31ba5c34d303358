//! Where an object lies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FileExtension, Invalid, UploadId};

/// What the keys of bytes begin with that are not finished.
const STAGING: &str = ".staging/";

/// Who may read a file; also which of the two buckets holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Anyone with the link.
    Public,
    /// Whoever knows the credential.
    Private,
}

impl Visibility {
    /// The word that the API and the database use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
        }
    }

    /// A file with a credential is private, one without is public.
    #[must_use]
    pub fn of_credential(present: bool) -> Self {
        if present { Self::Private } else { Self::Public }
    }
}

impl FromStr for Visibility {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "public" => Ok(Self::Public),
            "private" => Ok(Self::Private),
            _ => Err(Invalid::new("input should be 'public' or 'private'")),
        }
    }
}

/// A bucket, by its visibility, and a key in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectLocation {
    /// Which bucket.
    pub bucket: Visibility,
    /// The key in that bucket.
    pub key: String,
}

impl ObjectLocation {
    /// Where the finished file of an upload lies.
    #[must_use]
    pub fn of_file(upload: UploadId, extension: FileExtension, visibility: Visibility) -> Self {
        Self { bucket: visibility, key: format!("{upload}.{extension}") }
    }

    /// Where the bytes of an upload wait that has not told its final name: never readable by strangers.
    #[must_use]
    pub fn of_staging(upload: UploadId) -> Self {
        Self { bucket: Visibility::Private, key: format!("{STAGING}{upload}/object") }
    }

    /// Whether it holds bytes of an upload that is not finished.
    #[must_use]
    pub fn is_staging(&self) -> bool {
        self.key.starts_with(STAGING)
    }

    /// The upload that the object came from; `None` when the key is not one that the service gives.
    #[must_use]
    pub fn upload(&self) -> Option<UploadId> {
        let (id, _) = match self.key.strip_prefix(STAGING) {
            Some(rest) => rest.split_once('/')?,
            None => self.key.split_once('.')?,
        };
        let upload: UploadId = id.parse().ok()?;
        // The service writes it in one way only.
        (upload.to_string() == id).then_some(upload)
    }

    /// Parses `<bucket>/<key>`, the form that [`fmt::Display`] writes.
    ///
    /// # Errors
    /// When there is no bucket of that name.
    pub fn from_path(path: &str) -> Result<Self, Invalid> {
        let (bucket, key) = path.split_once('/').ok_or_else(|| Invalid(format!("no object path: {path}")))?;
        Ok(Self { bucket: bucket.parse()?, key: key.to_owned() })
    }
}

impl fmt::Display for ObjectLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket.as_str(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_tells_its_upload_only_when_it_is_one_of_ours() {
        let upload = UploadId::random();
        let at = |key: String| ObjectLocation { bucket: Visibility::Private, key };
        assert_eq!(ObjectLocation::of_staging(upload).upload(), Some(upload));
        assert_eq!(at(format!(".staging/{upload}/7-abc")).upload(), Some(upload));
        assert_eq!(at(format!("{upload}.jpg")).upload(), Some(upload));
        for foreign in ["report.pdf", ".staging/", ".staging/x/1", "", &format!("{upload}"), &format!("a/{upload}.jpg")]
        {
            assert_eq!(at((*foreign).to_owned()).upload(), None, "{foreign}");
        }
        assert_eq!(at("F28A2047-2409-4A88-AF3B-227038F6C81C.jpg".to_owned()).upload(), None);
    }
}
