//! The caller's own notes on a file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Invalid;

const MAX_BYTES: usize = 64 * 1024;
/// What every database keeps: MariaDB takes JSON of 32 levels, and an upload's hints put one around this.
const MAX_DEPTH: usize = 30;

/// Any JSON object of up to 64 KiB and 30 levels, kept as given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Map<String, Value>);

impl Detail {
    /// Parses a JSON object.
    ///
    /// # Errors
    /// When it is no JSON object, longer than 64 KiB, or nested more deeply than 30 levels.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid(format!("detail should be at most {MAX_BYTES} bytes long")));
        }
        match serde_json::from_str(text) {
            Ok(object) if depth(&object) > MAX_DEPTH => {
                Err(Invalid(format!("detail should be nested at most {MAX_DEPTH} levels deep")))
            }
            Ok(Value::Object(object)) => Ok(Self(object)),
            _ => Err(Invalid::new("invalid json format for detail")),
        }
    }
}

/// How many objects and arrays lie in each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or_default(),
        Value::Array(array) => 1 + array.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_that_every_database_keeps_are_taken() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
        assert!(Detail::parse("{}").is_ok() && Detail::parse(&nested(MAX_DEPTH)).is_ok());
        for bad in
            ["", "[]", "1", "null", &nested(MAX_DEPTH + 1), &nested(200), &format!("{{{}}}", " ".repeat(MAX_BYTES))]
        {
            assert!(Detail::parse(bad).is_err(), "{bad:.80}");
        }
    }
}
