//! The name that a caller gives to a file.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::{ContentType, Invalid};

const MAX_CHARS: usize = 255;

/// A name of 1 to 255 characters, kept as given: it is shown and sent back, never used as a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileName(String);

impl FileName {
    /// Parses a name.
    ///
    /// # Errors
    /// When it is longer than 255 characters, or empty.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match text.chars().count() {
            0 => Err(Invalid::new("string should have at least 1 character")),
            1..=MAX_CHARS => Ok(Self(text.to_owned())),
            _ => Err(Invalid(format!("string should have at most {MAX_CHARS} characters"))),
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is escaped in the path of a URL (RFC 3986 section 2.3); slashes are kept.
pub const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// What is escaped in `filename*`: all but `attr-char` (RFC 8187 section 3.2.1).
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A `Content-Disposition` for a file of this type and name, or else the last part of `key`: shown in place where that
/// runs nothing, else saved. `filename` is in ASCII for old clients (RFC 6266 section 4.3), `filename*` is the exact
/// name (RFC 8187).
#[must_use]
pub fn disposition(content_type: &ContentType, name: Option<&FileName>, key: &str) -> String {
    let kind = if content_type.is_passive() { "inline" } else { "attachment" };
    let name = name.map_or_else(|| key.rsplit('/').next().unwrap_or(key), FileName::as_str);
    let plain =
        |c: char| if c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '/' | '%') || c == ' ' { c } else { '_' };
    let ascii: String = name.chars().map(plain).collect();
    if ascii == name {
        return format!("{kind}; filename=\"{ascii}\"");
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR))
}

#[cfg(test)]
mod tests {
    use super::{FileName, disposition};
    use crate::domain::ContentType;

    #[test]
    fn the_disposition_carries_any_name_in_one_line() {
        let zip = ContentType::parse("application/zip").unwrap();
        let of = |name: &str| disposition(&zip, FileName::parse(name).ok().as_ref(), "public/x.jpg");
        assert_eq!(of("report v2.pdf"), r#"attachment; filename="report v2.pdf""#);
        assert_eq!(of("Übersicht.pdf"), r#"attachment; filename="_bersicht.pdf"; filename*=UTF-8''%C3%9Cbersicht.pdf"#);
        assert_eq!(of("a\"b/\r\n.txt"), r#"attachment; filename="a_b___.txt"; filename*=UTF-8''a%22b%2F%0D%0A.txt"#);
        let jpeg = ContentType::parse("image/jpeg").unwrap();
        assert_eq!(disposition(&jpeg, None, "public/x.jpg"), r#"inline; filename="x.jpg""#);
    }

    #[test]
    fn names_have_1_to_255_characters_of_any_script() {
        assert!(FileName::parse(&"語".repeat(255)).is_ok());
        assert!(FileName::parse(&"語".repeat(256)).is_err());
        assert!(FileName::parse("").is_err());
        assert_eq!(FileName::parse("a/\"b\"\r\nc").unwrap().as_str(), "a/\"b\"\r\nc");
    }
}
