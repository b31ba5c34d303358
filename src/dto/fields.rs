//! The fields of a form or a JSON object, and reading them so that all mistakes are found at once.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::str::FromStr;

use serde_json::value::RawValue;

use crate::domain::Invalid;
use crate::services::FieldError;

/// Names and texts, as they came.
#[derive(Debug, Default, Clone)]
pub struct Fields(HashMap<String, String>);

impl Fields {
    /// Keeps a field. Of two with one name the first counts. An empty one is absent, as in an HTML form.
    pub fn insert(&mut self, name: &str, value: String) {
        if !value.is_empty() {
            self.0.entry(name.to_owned()).or_insert(value);
        }
    }

    /// Takes the members of a JSON object as a form would carry them; `null` is absent.
    ///
    /// # Errors
    /// When it is no JSON object.
    pub fn from_json(body: &[u8]) -> serde_json::Result<Self> {
        let mut fields = Self::default();
        for (name, value) in serde_json::from_slice::<BTreeMap<String, &RawValue>>(body)? {
            match value.get() {
                "null" => {}
                text if text.starts_with('"') => fields.insert(&name, serde_json::from_str(text)?),
                // As it was written: a number has more digits than a program may keep.
                other => fields.insert(&name, other.to_owned()),
            }
        }
        Ok(fields)
    }

    /// Whether all these fields are there.
    #[must_use]
    pub fn contains_all(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.0.contains_key(*name))
    }
}

/// Reads fields and collects what is wrong with them.
pub struct FieldReader<'f> {
    fields: &'f Fields,
    errors: Vec<FieldError>,
}

impl<'f> FieldReader<'f> {
    /// A reader that has found nothing wrong yet.
    #[must_use]
    pub fn new(fields: &'f Fields) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// The result, unless something was wrong.
    ///
    /// # Errors
    /// All that was wrong.
    pub fn finish<T>(self, result: T) -> Result<T, Vec<FieldError>> {
        if self.errors.is_empty() { Ok(result) } else { Err(self.errors) }
    }

    /// Notes a mistake.
    pub fn refuse(&mut self, field: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError { field, message: message.into() });
    }

    /// A field's text, if it is there.
    #[must_use]
    pub fn text(&self, field: &'static str) -> Option<&'f str> {
        self.fields.0.get(field).map(String::as_str)
    }

    /// A field that must be there.
    pub fn required(&mut self, field: &'static str) -> Option<&'f str> {
        let text = self.text(field);
        if text.is_none() {
            self.refuse(field, "field required");
        }
        text
    }

    /// A field of a type that parses itself.
    pub fn parse<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        let text = self.text(field)?;
        parse(text).map_err(|invalid| self.refuse(field, invalid.0)).ok()
    }

    /// A field of a type that parses itself, which must be there.
    pub fn parse_required<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.required(field)?;
        self.parse(field, parse)
    }

    /// A whole number from `least` to `most`.
    pub fn integer(&mut self, field: &'static str, least: i64, most: i64) -> Option<i64> {
        self.parse(field, |text| integer(text, least, most))
    }

    /// A whole number from `least` to `most`, which must be there.
    pub fn integer_required(&mut self, field: &'static str, least: i64, most: i64) -> Option<i64> {
        self.parse_required(field, |text| integer(text, least, most))
    }

    /// An identifier.
    pub fn id<T: FromStr>(&mut self, field: &'static str) -> Option<T> {
        self.parse(field, |text| text.parse().map_err(|_| Invalid::new("input should be a valid uuid")))
    }

    /// An identifier that must be there.
    pub fn id_required<T: FromStr>(&mut self, field: &'static str) -> Option<T> {
        self.required(field)?;
        self.id(field)
    }
}

fn integer(text: &str, least: i64, most: i64) -> Result<i64, Invalid> {
    let text = text.trim();
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Invalid::new("input should be a valid integer, unable to parse string as an integer"));
    }
    let at_least = |bound: &dyn Display| Invalid(format!("input should be greater than or equal to {bound}"));
    let at_most = |bound: &dyn Display| Invalid(format!("input should be less than or equal to {bound}"));
    match text.parse::<i64>() {
        Ok(number) if number < least => Err(at_least(&least)),
        Ok(number) if number > most => Err(at_most(&most)),
        Ok(number) => Ok(number),
        // All digits, so it is too long for the type.
        Err(_) if text.starts_with('-') => Err(at_least(&least)),
        Err(_) => Err(at_most(&most)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(text: &str) -> String {
        integer(text, 0, 10).unwrap_err().0
    }

    #[test]
    fn integers_are_refused_in_the_contracts_words() {
        assert_eq!(integer("7", 0, 10).unwrap(), 7);
        for bad in ["", "x", "1.5", "1e3", "0x1", "--1", "1 2"] {
            assert_eq!(
                message(bad),
                "input should be a valid integer, unable to parse string as an integer",
                "{bad:?}"
            );
        }
        for small in ["-1", "-99999999999999999999"] {
            assert_eq!(message(small), "input should be greater than or equal to 0", "{small}");
        }
        for large in ["11", "9223372036854775808"] {
            assert_eq!(message(large), "input should be less than or equal to 10", "{large}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_integer_in_range_or_refused(text in ".*") {
            if let Ok(number) = integer(&text, -5, 5) {
                prop_assert!((-5..=5).contains(&number));
            }
        }
    }
}
