//! Who calls: found out from what a request shows.

use super::Failure;
use super::jwt::JwtService;
use super::keys::KeyService;
use super::upload_tokens::{self, UploadTokenService};
use crate::domain::Caller;
use crate::domain::access::Scope;
use crate::domain::api_key;

/// The longest credential that is looked at, in bytes.
const LONGEST: usize = 8 * 1024;

/// Why nobody is known by what a request shows.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// It is not ours, not valid any more, or never was.
    #[error("the credential is not valid")]
    NotValid,
    /// A dependency failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Who calls.
#[derive(Clone)]
pub struct AccessService {
    /// Keys, where callers may be known by them.
    keys: Option<KeyService>,
    jwt: Option<JwtService>,
    tokens: UploadTokenService,
}

impl AccessService {
    /// A service that knows callers by these means; without keys and foreign tokens anyone may do anything.
    #[must_use]
    pub fn new(keys: Option<KeyService>, jwt: Option<JwtService>, tokens: UploadTokenService) -> Self {
        Self { keys, jwt, tokens }
    }

    /// Whether anyone may do anything.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.keys.is_none() && self.jwt.is_none()
    }

    /// Who shows this credential, to do what takes the scope `wanted`. An upload token counts even where anyone may do
    /// anything, so that pages work alike everywhere.
    ///
    /// # Errors
    /// [`AccessError::NotValid`], whatever the reason, and [`AccessError::Failed`].
    pub async fn caller(&self, credential: &str, wanted: Option<Scope>) -> Result<Caller, AccessError> {
        let is_token = credential.starts_with(upload_tokens::PREFIX);
        if !is_token && self.is_off() {
            return Ok(Caller::anyone());
        }
        if credential.len() > LONGEST {
            return Err(AccessError::NotValid);
        }
        let caller = if is_token {
            self.granted(credential).await?
        } else if credential.starts_with(api_key::PREFIX) {
            match &self.keys {
                Some(keys) => keys.caller(credential, wanted).await?,
                None => None,
            }
        } else {
            match &self.jwt {
                Some(jwt) => jwt.caller(credential).await?,
                None => None,
            }
        };
        caller.ok_or(AccessError::NotValid)
    }

    /// Who shows an upload token. It ends with the key by which it was made; one that anyone could make ends when access
    /// control begins.
    async fn granted(&self, token: &str) -> Result<Option<Caller>, Failure> {
        let Some(grant) = self.tokens.verify(token) else { return Ok(None) };
        let ended = match (grant.made_by, &self.keys) {
            (Some(key), Some(keys)) => !keys.is_valid(key).await?,
            (Some(_), None) => !self.is_off(),
            (None, _) => !self.is_off() && (grant.by_anyone || self.jwt.is_none()),
        };
        Ok((!ended).then(|| Caller::granted(grant)))
    }

    /// Who shows nothing.
    #[must_use]
    pub fn nobody(&self) -> Caller {
        if self.is_off() { Caller::anyone() } else { Caller::stranger() }
    }
}
