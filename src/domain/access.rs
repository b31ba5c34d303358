//! Who calls, what it may do, and whose things it sees.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::api_key::KeyId;
use super::file::File;
use super::upload::Upload;
use super::upload_grant::{Beyond, Intended, UploadGrant};
use super::{Invalid, UserId};

const DEFAULT_TENANT: &str = "default";
const MAX_TENANT: usize = 64;

/// Whose users, uploads and files these are: 1 to 64 of `a-z`, `0-9` and `-`. Without access control there is one,
/// `default`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self(DEFAULT_TENANT.into())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TenantId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=MAX_TENANT).contains(&text.len()) && text.bytes().all(allowed) {
            return Ok(Self(text.into()));
        }
        Err(Invalid(format!("a tenant should be 1 to {MAX_TENANT} of a-z, 0-9 and -")))
    }
}

impl TryFrom<String> for TenantId {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl From<TenantId> for String {
    fn from(tenant: TenantId) -> Self {
        tenant.0.as_ref().to_owned()
    }
}

/// One thing that a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// See files and lists of them, and download.
    FilesRead,
    /// Upload, and try again what failed.
    FilesWrite,
    /// Delete files.
    FilesDelete,
    /// See, make and delete users and appointments; deleting one takes its files along.
    Users,
    /// Make, see and revoke keys.
    Admin,
    /// Read the metrics of the whole service.
    Metrics,
}

impl Scope {
    const ALL: [(Self, &'static str); 6] = [
        (Self::FilesRead, "files:read"),
        (Self::FilesWrite, "files:write"),
        (Self::FilesDelete, "files:delete"),
        (Self::Users, "users"),
        (Self::Admin, "admin"),
        (Self::Metrics, "metrics"),
    ];
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Scope::ALL.into_iter().fold(Self::NONE, |scopes, (scope, _)| scopes.with(scope))
    }

    /// What a service needs that keeps its files here.
    #[must_use]
    pub fn usual() -> Self {
        Self::NONE.with(Scope::FilesRead).with(Scope::FilesWrite).with(Scope::FilesDelete).with(Scope::Users)
    }

    /// These and one more.
    #[must_use]
    pub fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn contain(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// Whether all of `others` are among them.
    #[must_use]
    pub fn contain_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Their names.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|(scope, _)| self.contain(*scope)).map(|(_, name)| name).collect()
    }

    /// Their names with spaces between them, as OAuth writes them (RFC 6749 section 3.3).
    #[must_use]
    pub fn in_words(self) -> String {
        self.names().join(" ")
    }

    /// The words that name scopes, of any text of words that commas or spaces separate.
    #[must_use]
    pub fn known(text: &str) -> Self {
        let known = words(text).filter_map(|word| Scope::ALL.into_iter().find(|(_, name)| *name == word));
        known.fold(Self::NONE, |scopes, (scope, _)| scopes.with(scope))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self::NONE.with(scope)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

impl FromStr for Scopes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let names = || Scope::ALL.map(|(_, name)| name).join(", ");
        let unknown = words(text).find(|word| Scope::ALL.iter().all(|(_, name)| name != word));
        match Self::known(text) {
            scopes if unknown.is_none() && scopes != Self::NONE => Ok(scopes),
            _ => Err(Invalid(format!("scopes should be some of {}", names()))),
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|word| !word.is_empty())
}

/// By what a caller is known; what the record shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Anyone, because access control is off.
    Anyone,
    /// Someone with a key of ours.
    Key {
        /// The key.
        id: KeyId,
        /// Its name.
        name: Arc<str>,
    },
    /// Someone with a token of somebody whom the operator trusts.
    Subject(Arc<str>),
    /// Someone with an upload token of ours.
    UploadToken(Uuid),
    /// The operator, on the command line.
    Operator,
    /// Someone with nothing but a link.
    Stranger,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("anyone"),
            Self::Key { id, name } => write!(f, "key {id} {name}"),
            Self::Subject(subject) => write!(f, "subject {subject}"),
            Self::UploadToken(id) => write!(f, "upload token {id}"),
            Self::Operator => f.write_str("operator"),
            Self::Stranger => f.write_str("link"),
        }
    }
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose things it sees.
    pub tenant: TenantId,
    /// What it may do with them.
    pub scopes: Scopes,
    /// By what it is known.
    pub actor: Actor,
    /// The user that it is, if its token says so: what it uploads is that user's.
    pub user: Option<UserId>,
    /// From where it calls, if that is known.
    pub address: Option<IpAddr>,
    /// The one thing that its upload token allows.
    pub grant: Option<Arc<UploadGrant>>,
}

impl Caller {
    /// Anyone, where access control is off.
    #[must_use]
    pub fn anyone() -> Self {
        let (tenant, scopes) = (TenantId::default(), Scopes::all());
        Self { tenant, scopes, actor: Actor::Anyone, user: None, address: None, grant: None }
    }

    /// The operator, acting in this tenant's things.
    #[must_use]
    pub fn operator(tenant: TenantId) -> Self {
        Self { tenant, actor: Actor::Operator, ..Self::anyone() }
    }

    /// Someone who shows nothing, or nothing but a link.
    #[must_use]
    pub fn stranger() -> Self {
        Self { scopes: Scopes::NONE, actor: Actor::Stranger, ..Self::anyone() }
    }

    /// Someone with an upload token.
    #[must_use]
    pub fn granted(grant: UploadGrant) -> Self {
        let (tenant, actor) = (grant.tenant.clone(), Actor::UploadToken(grant.id));
        Self { tenant, scopes: Scopes::NONE, actor, user: None, address: None, grant: Some(grant.into()) }
    }

    /// Whether it shows nothing, or nothing but a link.
    #[must_use]
    pub fn is_stranger(&self) -> bool {
        self.actor == Actor::Stranger
    }

    /// Whether its token allows this file, as far as is known.
    ///
    /// # Errors
    /// The first thing that it does not allow.
    pub fn check(&self, file: &Intended) -> Result<(), Beyond> {
        if self.user.is_some() && file.user_id.is_some() && self.user != file.user_id {
            return Err(Beyond::User);
        }
        self.grant.as_ref().map_or(Ok(()), |grant| grant.check(file))
    }

    /// Whether an upload exists for it.
    #[must_use]
    pub fn sees_upload(&self, upload: &Upload) -> bool {
        self.sees(&upload.tenant, upload.grant.as_ref().map(|grant| grant.id))
    }

    /// Whether a file exists for it.
    #[must_use]
    pub fn sees_file(&self, file: &File) -> bool {
        self.sees(&file.tenant, file.grant_id)
    }

    fn sees(&self, tenant: &TenantId, grant: Option<Uuid>) -> bool {
        let by_token = self.grant.as_ref().is_none_or(|own| grant == Some(own.id));
        !self.is_stranger() && *tenant == self.tenant && by_token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_and_written_in_the_same_words() {
        let scopes: Scopes = "users, files:read".parse().unwrap();
        assert_eq!(scopes.to_string(), "files:read,users");
        assert!(scopes.contain(Scope::Users) && !scopes.contain(Scope::Admin));
        assert!(Scopes::all().contain_all(scopes) && !scopes.contain_all(Scopes::usual()));
        assert_eq!(Scopes::all().to_string().parse(), Ok(Scopes::all()));
        for bad in ["", " ,", "files", "files:read,root"] {
            assert!(bad.parse::<Scopes>().unwrap_err().0.contains("files:delete"), "{bad:?}");
        }
        assert_eq!(Scopes::known("openid files:read root").to_string(), "files:read");
    }

    #[test]
    fn a_tenant_has_a_plain_name() {
        assert_eq!("a-1".parse::<TenantId>().unwrap().as_str(), "a-1");
        for bad in ["", "A", "a_b", "a b", "ä", "a/b", &"a".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
        }
    }
}
