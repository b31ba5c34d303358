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

    /// Whether a browser that shows it in place runs nothing that it holds: images but SVG, audio, video, plain text.
    #[must_use]
    pub fn is_passive(&self) -> bool {
        // With a backslash in a quoted parameter browsers may read another type than we do (RFC 9110 section 5.6.4).
        let Some(parsed) = self.0.parse::<mime::Mime>().ok().filter(|_| !self.0.contains('\\')) else { return false };
        match parsed.type_() {
            mime::IMAGE => parsed.subtype() != mime::SVG && parsed.suffix() != Some(mime::XML),
            mime::AUDIO | mime::VIDEO => true,
            mime::TEXT => parsed.subtype() == mime::PLAIN,
            _ => false,
        }
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

    #[test]
    fn what_could_run_in_a_browser_is_not_passive() {
        let passive = |text: &str| ContentType::parse(text).unwrap().is_passive();
        for shown in ["image/png", "IMAGE/JPEG", "audio/mpeg", "video/mp4", "text/plain; charset=utf-8"] {
            assert!(passive(shown), "{shown}");
        }
        let run = ["text/html", "image/svg+xml", "image/svg", "text/xml", "application/pdf", "application/xhtml+xml"];
        for saved in run
            .into_iter()
            .chain(["text/javascript", "application/octet-stream", "image/x+xml"])
            .chain([r#"image/png;a="\";b=", text/html,""#])
        {
            assert!(!passive(saved), "{saved}");
        }
    }
}
