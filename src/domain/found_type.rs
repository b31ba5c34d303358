//! What a file's first bytes say that it is, and whether that fits what its sender says.

use std::borrow::Cow;
use std::fmt;

use super::{ContentType, FileExtension, Invalid};

/// How many of a file's first bytes are looked at.
pub const HEAD: usize = 8 * 1024;
const UNKNOWN: &str = "application/octet-stream";
const TEXT: &str = "text/plain";
const MAX: usize = 127;

/// A media type that was found by looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundType(Cow<'static, str>);

/// What the bytes of files with an extension may look like. Those that always begin alike must; others may also look like
/// text or like nothing that is known.
struct Expected {
    extensions: &'static [&'static str],
    types: &'static [&'static str],
    always: bool,
}

const fn always(extensions: &'static [&'static str], types: &'static [&'static str]) -> Expected {
    Expected { extensions, types, always: true }
}

const fn maybe(extensions: &'static [&'static str], types: &'static [&'static str]) -> Expected {
    Expected { extensions, types, always: false }
}

const ZIP: &str = "application/zip";
const OLE: &str = "application/x-ole-storage";
const EXPECTED: &[Expected] = &[
    always(&["jpg", "jpeg"], &["image/jpeg"]),
    always(&["png"], &["image/png"]),
    always(&["gif"], &["image/gif"]),
    always(&["bmp"], &["image/bmp"]),
    always(&["tif", "tiff"], &["image/tiff"]),
    always(&["psd"], &["image/vnd.adobe.photoshop"]),
    always(&["pdf"], &["application/pdf"]),
    always(&["zip"], &[ZIP]),
    always(&["rar"], &["application/vnd.rar"]),
    always(&["gz"], &["application/gzip"]),
    always(&["flac"], &["audio/x-flac"]),
    always(&["ogg"], &["audio/ogg", "video/ogg"]),
    always(&["wav"], &["audio/x-wav"]),
    always(&["avi"], &["video/x-msvideo"]),
    always(&["webm", "mkv"], &["video/webm", "video/x-matroska"]),
    always(&["docx"], &["application/vnd.openxmlformats-officedocument.wordprocessingml.document", ZIP]),
    always(&["xlsx"], &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ZIP]),
    always(&["pptx"], &["application/vnd.openxmlformats-officedocument.presentationml.presentation", ZIP]),
    maybe(&["doc"], &["application/msword", OLE]),
    maybe(&["xls"], &["application/vnd.ms-excel", OLE]),
    maybe(&["ppt"], &["application/vnd.ms-powerpoint", OLE]),
    maybe(&["mp4"], &["video/mp4", "video/x-m4v", "video/quicktime", "audio/m4a"]),
    maybe(&["mov"], &["video/quicktime", "video/mp4"]),
    maybe(&["mp3"], &["audio/mpeg"]),
    maybe(&["heic"], &["image/heif"]),
    maybe(&["tar"], &["application/x-tar"]),
    maybe(&["ai", "eps"], &["application/postscript", "application/pdf"]),
    maybe(&["txt", "csv", "json", "xml", "html", "svg"], &["text/html", "text/xml", "text/x-shellscript"]),
    maybe(&["tga"], &[]),
];

impl FoundType {
    /// What these first bytes of a file look like.
    #[must_use]
    pub fn of(head: &[u8]) -> Self {
        let known = infer::get(head).map(|found| found.mime_type());
        Self(known.unwrap_or_else(|| if looks_like_text(head) { TEXT } else { UNKNOWN }).into())
    }

    /// The media type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a file that looks like this may have that extension and that media type.
    #[must_use]
    pub fn fits(&self, extension: FileExtension, told: &ContentType) -> bool {
        let expected = EXPECTED.iter().find(|expected| expected.extensions.contains(&extension.as_str()));
        let unknown = [UNKNOWN, TEXT].contains(&self.as_str());
        let named_well =
            expected.is_none_or(|expected| expected.types.contains(&self.as_str()) || unknown && !expected.always);
        named_well && !self.contradicts(told)
    }

    /// Nobody should be shown as a picture what is none.
    fn contradicts(&self, told: &ContentType) -> bool {
        let kind = |text: &str| text.split('/').next().map(str::to_ascii_lowercase).unwrap_or_default();
        let (told, found) = (kind(told.as_str()), kind(self.as_str()));
        // Films may be without pictures, and sounds in the containers of films.
        let same = told == found || [&told, &found].iter().all(|kind| ["audio", "video"].contains(&kind.as_str()));
        ["image", "audio", "video"].contains(&told.as_str()) && self.as_str() != UNKNOWN && !same && !self.may_be_svg()
    }

    fn may_be_svg(&self) -> bool {
        ["text/xml", "text/html", TEXT].contains(&self.as_str())
    }
}

/// UTF-8 without control characters; a letter may be cut off at the end.
fn looks_like_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.chars().any(|letter| letter.is_control() && !letter.is_ascii_whitespace())
}

impl fmt::Display for FoundType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for FoundType {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        if text.len() <= MAX { Ok(Self(text.into())) } else { Err(Invalid::new("a found type is too long")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(head: &[u8], extension: &str, told: &str) -> bool {
        FoundType::of(head).fits(extension.parse().unwrap(), &ContentType::parse(told).unwrap())
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const PROGRAM: &[u8; 64] = &{
        let mut head = [0; 64];
        (head[0], head[1], head[2], head[3]) = (0x7f, b'E', b'L', b'F');
        head
    };

    #[test]
    fn what_is_found_is_named() {
        assert_eq!(FoundType::of(PNG).as_str(), "image/png");
        assert_eq!(FoundType::of("Grüße\n".as_bytes()).as_str(), "text/plain");
        assert_eq!(FoundType::of(&"Grüße".as_bytes()[..4]).as_str(), "text/plain");
        assert_eq!(FoundType::of(b"\0\x01\x02").as_str(), "application/octet-stream");
        assert_eq!(FoundType::of(b"").as_str(), "text/plain");
    }

    #[test]
    fn a_file_may_be_what_its_name_says_and_no_program() {
        assert!(fits(PNG, "png", "image/png"));
        assert!(fits(PNG, "png", "application/octet-stream"));
        assert!(!fits(PNG, "jpg", "image/jpeg"));
        assert!(!fits(PNG, "png", "video/mp4"));
        assert!(fits(b"a,b\n1,2\n", "csv", "text/csv"));
        assert!(fits(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "svg", "image/svg+xml"));
        assert!(fits(b"\0\x01nothing known", "tga", "image/x-tga"));
        assert!(!fits(b"<html><script>", "png", "image/png"));
        for extension in crate::domain::file_extension::DEFAULT {
            assert!(!fits(PROGRAM, extension, "application/octet-stream"), "{extension}");
        }
    }
}
