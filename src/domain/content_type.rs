//! Media types.

use super::Invalid;

const MAX_CHARS: usize = 255;

/// A media type (RFC 9110 section 8.3.1) of at most 255 characters, kept as given.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ContentType(String);

impl ContentType {
    /// Parses a media type.
    ///
    /// # Errors
    /// When it is empty, too long, or no `type/subtype` that a header could carry.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() > MAX_CHARS {
            return Err(Invalid(format!("string should have at most {MAX_CHARS} characters")));
        }
        let sendable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        match text.parse::<mime::Mime>() {
            Ok(parsed) if sendable && !parsed.subtype().as_str().is_empty() => Ok(Self(text.to_owned())),
            _ => Err(Invalid::new("input should be a valid media type such as 'image/jpeg'")),
        }
    }

    /// The text of the media type.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::ContentType;

    #[test]
    fn the_word_type_fits_and_what_no_header_can_carry_is_refused() {
        let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
        assert_eq!(ContentType::parse(word).unwrap().as_str(), word);
        assert!(ContentType::parse("text/plain; charset=utf-8").is_ok());
        for bad in ["", "image", "image/", "a/b\r\nX: y", &format!("a/{}", "b".repeat(254))] {
            assert!(ContentType::parse(bad).is_err(), "{bad:?}");
        }
    }
}
