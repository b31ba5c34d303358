//! The extensions that a file may have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::Invalid;

/// The accepted extensions, in the order in which the API lists them.
pub const ACCEPTED: [&str; 37] = [
    "txt", "jpg", "png", "pdf", "mp4", "mp3", "mov", "avi", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "gif", "bmp",
    "tiff", "csv", "json", "xml", "html", "zip", "rar", "tar", "gz", "wav", "flac", "ogg", "webm", "mkv", "heic",
    "svg", "psd", "ai", "eps", "tif", "tga",
];

/// One of the [`ACCEPTED`] extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileExtension(&'static str);

impl FileExtension {
    /// The extension without its dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for FileExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for FileExtension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl FromStr for FileExtension {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match ACCEPTED.iter().find(|accepted| **accepted == text) {
            Some(accepted) => Ok(Self(accepted)),
            None => Err(Invalid(expected())),
        }
    }
}

fn expected() -> String {
    let quoted: Vec<String> = ACCEPTED.iter().map(|extension| format!("'{extension}'")).collect();
    let (last, others) = quoted.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    format!("input should be {} or {last}", others.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_that_is_not_accepted_is_answered_with_the_list() {
        let message = "exe".parse::<FileExtension>().unwrap_err().to_string();
        assert!(message.starts_with("input should be 'txt', 'jpg', 'png', "), "{message}");
        assert!(message.ends_with("'eps', 'tif' or 'tga'"), "{message}");
        assert!("../x".parse::<FileExtension>().is_err());
    }
}
