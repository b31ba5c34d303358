//! Bodies of the routes of keys and upload tokens.

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::{FieldReader, Fields};
use super::file::timestamp;
use crate::domain::access::{Scopes, TenantId};
use crate::domain::api_key::ApiKey;
use crate::domain::upload::MAX_FILE_SIZE;
use crate::domain::upload_grant::UploadGrant;
use crate::domain::{FileExtension, Invalid};
use crate::repositories::now;
use crate::services::FieldError;
use crate::services::keys::{NewKey, state_of};
use crate::services::upload_tokens::NewGrant;

/// The longest life of a key in seconds: a hundred years.
const MOST_KEY_SECONDS: i64 = 100 * 365 * 86_400;
/// The shortest and the longest life of an upload token in seconds, and the usual one.
const TOKEN_SECONDS: (i64, i64, i64) = (1, 86_400, 3600);

/// A key to be made.
#[derive(Debug, ToSchema)]
pub struct KeyForm {
    /// What to call it, 1 to 255 characters.
    pub name: String,
    /// What it allows: some of `files:read`, `files:write`, `files:delete`, `users`, `admin` and `metrics`, separated by
    /// commas. The first four when absent.
    pub scopes: Option<String>,
    /// How long it is valid, in seconds; for ever when absent.
    pub expires_in: Option<i64>,
}

/// Reads a key to be made.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_key(fields: &Fields, tenant: &TenantId) -> Result<NewKey, Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let name = reader.parse_required("name", str::parse);
    let scopes = reader.parse("scopes", |text| list(text).join(",").parse()).unwrap_or_else(Scopes::usual);
    let valid_for = reader.integer("expires_in", 1, MOST_KEY_SECONDS).map(TimeDelta::seconds);
    let name = reader.finish(name)?.ok_or_else(Vec::new)?;
    Ok(NewKey { name, scopes, tenant: tenant.clone(), valid_for })
}

/// A list as JSON has it, or with commas.
fn list(text: &str) -> Vec<String> {
    serde_json::from_str(text)
        .unwrap_or_else(|_| text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect())
}

/// A key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyAnswer {
    /// Its identifier.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// Whose things its owner sees.
    pub tenant: String,
    /// `valid`, `expired` or `revoked`.
    pub state: &'static str,
    /// When it was made (RFC 3339).
    pub created_at: String,
    /// When it stops being valid (RFC 3339), if ever.
    #[schema(required = true)]
    pub expires_at: Option<String>,
    /// When it was used last (RFC 3339), to the minute.
    #[schema(required = true)]
    pub last_used_at: Option<String>,
}

impl From<&ApiKey> for KeyAnswer {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.as_ref().to_owned(),
            scopes: list(&key.scopes.to_string()),
            tenant: key.tenant.to_string(),
            state: state_of(key, now()),
            created_at: timestamp(key.created_at),
            expires_at: key.expires_at.map(timestamp),
            last_used_at: key.last_used_at.map(timestamp),
        }
    }
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKeyAnswer {
    /// What the service keeps of it.
    #[serde(flatten)]
    pub known: KeyAnswer,
    /// The key itself: it is shown here and never again.
    pub key: String,
}

impl NewKeyAnswer {
    /// A key and its text.
    #[must_use]
    pub fn new(key: &ApiKey, text: &SecretString) -> Self {
        Self { known: key.into(), key: text.expose_secret().to_owned() }
    }
}

/// A key that was revoked.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedAnswer {
    /// Its identifier.
    pub id: String,
}

/// What an upload token is to allow.
#[derive(Debug, ToSchema)]
pub struct TokenForm {
    /// The largest file, in bytes.
    pub max_size: i64,
    /// The extensions that it may have, separated by commas; any that the service accepts when absent.
    pub extensions: Option<String>,
    /// The files' user.
    pub user_id: Option<Uuid>,
    /// The files' appointment.
    pub appointment_id: Option<Uuid>,
    /// `public` or `private`; as the uploader likes when absent.
    pub visibility: Option<String>,
    /// How long the token is valid, 1 to 86,400 seconds; 3,600 when absent.
    pub expires_in: Option<i64>,
}

/// Reads what an upload token is to allow.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_grant(fields: &Fields) -> Result<NewGrant, Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let (least, most, usual) = TOKEN_SECONDS;
    let grant = NewGrant {
        max_size: reader.integer_required("max_size", 0, MAX_FILE_SIZE).unwrap_or_default(),
        extensions: reader.parse("extensions", extensions).unwrap_or_default(),
        user_id: reader.id("user_id"),
        appointment_id: reader.id("appointment_id"),
        visibility: reader.parse("visibility", str::parse),
        valid_for: TimeDelta::seconds(reader.integer("expires_in", least, most).unwrap_or(usual)),
    };
    reader.finish(grant)
}

fn extensions(text: &str) -> Result<Vec<FileExtension>, Invalid> {
    list(text).iter().map(|word| word.parse()).collect()
}

/// An upload token.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    /// The token, to be sent as `Authorization: Bearer`.
    pub token: String,
    /// Until when it is valid (RFC 3339).
    pub expires_at: String,
}

impl TokenAnswer {
    /// A token and what it allows.
    #[must_use]
    pub fn new(token: String, grant: &UploadGrant) -> Self {
        Self { token, expires_at: timestamp(grant.expires_at) }
    }
}
