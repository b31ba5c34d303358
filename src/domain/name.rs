//! The name of a user or an appointment.

use std::str::FromStr;

use super::Invalid;

const MAX_CHARS: usize = 255;

/// A name of 1 to 255 characters without space around it. It is shown, never run or used as a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let name = text.trim();
        match name.chars().count() {
            0 => Err(Invalid::new("string should have at least 1 character")),
            1..=MAX_CHARS => Ok(Self(name.to_owned())),
            _ => Err(Invalid(format!("string should have at most {MAX_CHARS} characters"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_1_to_255_characters_after_trimming() {
        assert_eq!(" Grüße \u{3000}".parse::<Name>().unwrap().as_str(), "Grüße");
        assert!("語".repeat(255).parse::<Name>().is_ok());
        assert!(format!("  {}\n", "é".repeat(255)).parse::<Name>().is_ok());
        for bad in [String::new(), " \t\n".into(), "語".repeat(256)] {
            assert!(bad.parse::<Name>().is_err(), "{bad:?}");
        }
    }
}
