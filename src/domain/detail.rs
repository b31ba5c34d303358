//! The caller's own notes on a file.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Invalid;

const MAX_BYTES: usize = 64 * 1024;

/// Any JSON object of up to 64 KiB, kept as given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Detail(Map<String, Value>);

impl Detail {
    /// Parses a JSON object.
    ///
    /// # Errors
    /// When it is no JSON object or longer than 64 KiB.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid(format!("detail should be at most {MAX_BYTES} bytes long")));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => Ok(Self(object)),
            _ => Err(Invalid::new("invalid json format for detail")),
        }
    }
}
