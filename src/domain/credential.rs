//! The credential of a private file: what a caller must know to see it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use subtle::ConstantTimeEq;

use super::Invalid;

const MAX_BYTES: usize = 8 * 1024;

/// A flat map of names to texts. Not shown by `Debug`, so that no log line can hold it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credential(BTreeMap<String, String>);

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Credential {
    /// Takes pairs as they come in a query string.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Parses a JSON object; its values become strings. An empty object is no credential.
    ///
    /// # Errors
    /// When it is no JSON object, holds nested values, or is longer than 8 KiB.
    pub fn parse(text: &str) -> Result<Option<Self>, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid(format!("credential should be at most {MAX_BYTES} bytes long")));
        }
        let Ok(object) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
            return Err(Invalid::new("invalid json format for credential"));
        };
        let pairs = object.into_iter().map(|(name, value)| Ok((name, text_of(value.get())?)));
        let pairs = pairs.collect::<Result<BTreeMap<_, _>, Invalid>>()?;
        Ok(if pairs.is_empty() { None } else { Some(Self(pairs)) })
    }

    /// Whether `given` has exactly these names with exactly these values. The time taken tells
    /// nothing about the values.
    #[must_use]
    pub fn admits(&self, given: &Self) -> bool {
        let mut equal = subtle::Choice::from(u8::from(self.0.len() == given.0.len()));
        for (name, value) in &self.0 {
            let offered = given.0.get(name);
            equal &= subtle::Choice::from(u8::from(offered.is_some()));
            equal &= value.as_bytes().ct_eq(offered.map_or("", String::as_str).as_bytes());
        }
        equal.into()
    }
}

/// A value as it is kept. A whole number keeps all its digits, however many.
fn text_of(value: &str) -> Result<String, Invalid> {
    if value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Ok(value.to_owned());
    }
    match serde_json::from_str(value) {
        Ok(Value::String(text)) => Ok(text),
        Ok(value @ (Value::Number(_) | Value::Bool(_) | Value::Null)) => Ok(value.to_string()),
        Ok(Value::Array(_) | Value::Object(_)) => {
            Err(Invalid::new("credential should be flat: nested values are not allowed"))
        }
        Err(_) => Err(Invalid::new("invalid json format for credential")),
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;
    use proptest::prelude::*;

    fn credential(text: &str) -> Credential {
        Credential::parse(text).unwrap().unwrap()
    }

    #[test]
    fn values_become_strings() {
        let kept = credential(r#"{"user_id": 84793, "admin": true, "page": 12345678901234567890123, "part": 1.50}"#);
        let text = r#"{"admin":"true","page":"12345678901234567890123","part":"1.5","user_id":"84793"}"#;
        assert_eq!(serde_json::to_string(&kept).unwrap(), text);
    }

    #[test]
    fn only_all_names_with_all_values_are_admitted() {
        let kept = credential(r#"{"user_id": 1, "page_id": "x"}"#);
        assert!(kept.admits(&credential(r#"{"page_id": "x", "user_id": "1"}"#)));
        for other in [
            r#"{"user_id": 1}"#,
            r#"{"user_id": 1, "page_id": "y"}"#,
            r#"{"user_id": 1, "page_id": "x", "z": 1}"#,
            r#"{"user_id": 1, "page": "x"}"#,
        ] {
            assert!(!kept.admits(&credential(other)), "{other}");
        }
    }

    #[test]
    fn what_is_not_a_flat_object_is_refused() {
        for bad in ["", "[]", "1", "{", r#"{"a": {}}"#, r#"{"a": [1]}"#, r#"{"a": "\ud800"}"#, r#"{"a": 1e999}"#] {
            assert!(Credential::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Credential::parse("{}").unwrap(), None);
    }

    #[test]
    fn debug_output_does_not_tell_the_values() {
        assert_eq!(format!("{:?}", credential(r#"{"a": "secret"}"#)), "Credential(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused_without_a_panic(text in ".*") {
            let _ = Credential::parse(&text);
        }

        #[test]
        fn a_credential_admits_itself_after_a_round_trip(pairs in proptest::collection::btree_map(".*", ".*", 1..5)) {
            let kept = Credential::from_pairs(pairs);
            prop_assume!(serde_json::to_string(&kept).unwrap().len() <= 8192);
            let again = Credential::parse(&serde_json::to_string(&kept).unwrap()).unwrap().unwrap();
            prop_assert!(kept.admits(&again));
        }
    }
}
