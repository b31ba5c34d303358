//! A credential admits what has the same names with the same values, and nothing else.

#![no_main]

use std::collections::BTreeMap;

use filemanager::domain::Credential;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What a credential holds, read naively.
fn flat(text: &str) -> Option<BTreeMap<String, String>> {
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return None };
    let pairs = object.into_iter().map(|(name, value)| match value {
        Value::String(text) => Some((name, text)),
        Value::Array(_) | Value::Object(_) => None,
        other => Some((name, other.to_string())),
    });
    pairs.collect()
}

fuzz_target!(|input: (&str, &str)| {
    let [kept, given] = [input.0, input.1].map(|text| {
        let parsed = Credential::parse(text);
        let naive = flat(text).filter(|_| text.len() <= 8 * 1024);
        assert_eq!(parsed.is_ok(), naive.is_some(), "{text}");
        let parsed = parsed.ok().flatten();
        assert_eq!(parsed.is_some(), naive.as_ref().is_some_and(|pairs| !pairs.is_empty()), "{text}");
        parsed.zip(naive)
    });
    for (credential, pairs) in [&kept, &given].into_iter().flatten() {
        assert!(credential.admits(credential));
        assert!(credential.admits(&Credential::from_pairs(pairs.clone())));
        assert!(!credential.admits(&Credential::from_pairs(BTreeMap::new())));
    }
    if let (Some((kept, pairs)), Some((given, other))) = (kept, given) {
        assert_eq!(kept.admits(&given), pairs == other);
    }
});
