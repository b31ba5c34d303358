//! API keys: what is shown once, and what is kept.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretBox, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::Invalid;
use super::access::{Scopes, TenantId};

/// How every key begins, so that people and scanners know one when they see it.
pub const PREFIX: &str = "fmk_";
const ID_DIGITS: usize = 16;

/// Which key: its public half.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(u64);

impl KeyId {
    /// Its eight bytes, the highest first.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// The identifier with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

impl KeyId {
    /// Its place among the identifiers of lists.
    #[must_use]
    pub fn to_uuid(self) -> Uuid {
        Uuid::from_u64_pair(0, self.0)
    }

    /// The identifier at such a place.
    #[must_use]
    pub fn from_uuid(place: Uuid) -> Self {
        Self(place.as_u64_pair().1)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for KeyId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl FromStr for KeyId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hex = text.len() == ID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let number = hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or_else(|| Invalid::new("a key's identifier has 16 hexadecimal digits"))
    }
}

/// SHA-256 of a key's secret half. That has 256 random bits, so nothing slower is needed to keep it.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// The hash as it is kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

impl TryFrom<Vec<u8>> for KeyHash {
    type Error = Invalid;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Invalid> {
        bytes.try_into().map(Self).map_err(|_| Invalid::new("a hash has 32 bytes"))
    }
}

/// A key as its owner has it: `fmk_`, 16 hexadecimal digits that name it, `_`, and 256 random bits in base64url.
#[derive(Debug)]
pub struct FullKey {
    /// Which key.
    pub id: KeyId,
    secret: SecretBox<[u8; 32]>,
}

impl FullKey {
    /// A new random key.
    #[must_use]
    pub fn random() -> Self {
        Self { id: KeyId(rand::random()), secret: SecretBox::new(Box::new(rand::random())) }
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.secret.expose_secret()).into())
    }

    /// The text that its owner gets, once.
    #[must_use]
    pub fn text(&self) -> SecretString {
        format!("{PREFIX}{}_{}", self.id, URL_SAFE_NO_PAD.encode(self.secret.expose_secret())).into()
    }
}

impl FromStr for FullKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = || {
            let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID_DIGITS)?;
            let secret = URL_SAFE_NO_PAD.decode(secret.strip_prefix('_')?).ok()?.try_into().ok()?;
            Some(Self { id: id.parse().ok()?, secret: SecretBox::new(Box::new(secret)) })
        };
        parsed().ok_or_else(|| Invalid::new("no key"))
    }
}

/// A key as the database knows it.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// Which key.
    pub id: KeyId,
    /// What its owner calls it.
    pub name: Arc<str>,
    /// What is kept of its secret.
    pub hash: KeyHash,
    /// What its owner may do.
    pub scopes: Scopes,
    /// Whose things its owner sees.
    pub tenant: TenantId,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it stops being valid, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// When it was taken back, if it was.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

impl ApiKey {
    /// Whether this is the key that `shown` claims to be, and valid. The time taken tells nothing about the secret.
    #[must_use]
    pub fn admits(&self, shown: &FullKey, now: DateTime<Utc>) -> bool {
        let same: bool = self.hash.0.ct_eq(&shown.hash().0).into();
        same && self.is_valid(now)
    }

    /// Whether it was not taken back and its time is not over.
    #[must_use]
    pub fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written_and_shows_nothing_by_itself() {
        let key = FullKey::random();
        let text = key.text();
        assert_eq!(text.expose_secret().len(), 64);
        let read: FullKey = text.expose_secret().parse().unwrap();
        assert_eq!((read.id, read.hash().0), (key.id, key.hash().0));
        let shown = format!("{key:?} {:?}", key.hash());
        assert!(!shown.contains(&text.expose_secret()[21..]) && !shown.contains(&format!("{:?}", key.hash().0)));
    }

    proptest! {
        #[test]
        fn any_other_text_is_no_key(text in "(fmk_)?[0-9a-f]{0,17}_?[-_A-Za-z0-9=]{0,45}") {
            if let Ok(key) = text.parse::<FullKey>() {
                let written = key.text();
                prop_assert_eq!(written.expose_secret(), text.as_str());
            }
        }

        #[test]
        fn a_key_with_one_letter_changed_is_not_admitted(place in 21..64usize, letter in "[-_A-Za-z0-9]") {
            let key = FullKey::random();
            let kept = ApiKey {
                id: key.id, name: "a".into(), hash: key.hash(), scopes: Scopes::all(), tenant: TenantId::default(),
                created_at: Utc::now(), expires_at: None, revoked_at: None, last_used_at: None,
            };
            prop_assert!(kept.admits(&key, Utc::now()));
            let mut text = key.text().expose_secret().to_owned();
            let changed = text[place..=place] != letter;
            text.replace_range(place..=place, &letter);
            if let Ok(other) = text.parse::<FullKey>() {
                prop_assert_eq!(kept.admits(&other, Utc::now()), !changed);
            }
        }
    }
}
