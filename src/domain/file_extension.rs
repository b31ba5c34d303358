//! The extensions that a file may have.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Deserializer, Serialize};

use super::Invalid;

/// The accepted extensions where the operator names no others, in the order in which the API lists them.
pub const DEFAULT: [&str; 37] = [
    "txt", "jpg", "png", "pdf", "mp4", "mp3", "mov", "avi", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "gif", "bmp",
    "tiff", "csv", "json", "xml", "html", "zip", "rar", "tar", "gz", "wav", "flac", "ogg", "webm", "mkv", "heic",
    "svg", "psd", "ai", "eps", "tif", "tga",
];
const MAX: usize = 16;

static ACCEPTED: OnceLock<Vec<FileExtension>> = OnceLock::new();
/// Extensions that are not among the default ones. There are as many as operators ever accepted, so they stay.
static OTHERS: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);

/// One of the accepted extensions; in rows of the database, also one that was accepted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FileExtension(&'static str);

/// Lays down, once and for the whole process, which extensions are accepted. Until then they are the [`DEFAULT`] ones.
pub fn accept(extensions: Vec<FileExtension>) {
    let _ = ACCEPTED.set(extensions);
}

impl FileExtension {
    /// The extension without its dot.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// An extension, accepted or not: 1 to 16 of `a-z` and `0-9`.
    ///
    /// # Errors
    /// When it is no such thing.
    pub fn any(text: &str) -> Result<Self, Invalid> {
        if let Some(known) = DEFAULT.into_iter().find(|known| *known == text) {
            return Ok(Self(known));
        }
        let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !plain || !(1..=MAX).contains(&text.len()) {
            return Err(Invalid(format!("an extension should be 1 to {MAX} of a-z and 0-9")));
        }
        let mut others = OTHERS.lock().unwrap_or_else(PoisonError::into_inner);
        let others = others.get_or_insert_default();
        let known = others.get(text).copied();
        Ok(Self(known.unwrap_or_else(|| {
            let kept: &'static str = Box::leak(text.into());
            others.insert(kept);
            kept
        })))
    }
}

fn accepted() -> &'static [FileExtension] {
    ACCEPTED.get().map_or(&const { as_extensions(DEFAULT) }, Vec::as_slice)
}

const fn as_extensions<const N: usize>(texts: [&'static str; N]) -> [FileExtension; N] {
    let mut extensions = [FileExtension(""); N];
    let mut index = 0;
    while index < N {
        extensions[index] = FileExtension(texts[index]);
        index += 1;
    }
    extensions
}

impl fmt::Display for FileExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'de> Deserialize<'de> for FileExtension {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::any(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl FromStr for FileExtension {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match accepted().iter().find(|accepted| accepted.0 == text) {
            Some(accepted) => Ok(*accepted),
            None => Err(Invalid(expected(accepted()))),
        }
    }
}

fn expected(accepted: &[FileExtension]) -> String {
    let quoted: Vec<String> = accepted.iter().map(|extension| format!("'{extension}'")).collect();
    match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("input should be {} or {last}", others.join(", ")),
        _ => format!("input should be {}", quoted.join("")),
    }
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
        assert_eq!(expected(&[FileExtension("png")]), "input should be 'png'");
    }

    #[test]
    fn an_extension_that_was_accepted_once_can_still_be_read() {
        let once = FileExtension::any("webp").unwrap();
        assert!(std::ptr::eq(once.as_str(), FileExtension::any("webp").unwrap().as_str()));
        for bad in ["", "../x", "PNG", "a.b", "seventeenletters1"] {
            assert!(FileExtension::any(bad).is_err(), "{bad}");
        }
    }
}
