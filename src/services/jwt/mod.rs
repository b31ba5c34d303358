//! Tokens that somebody else gives out, whom the operator trusts (RFC 7519, and RFC 8725 for what to beware of).

mod crypto;
mod keys;

use std::sync::Arc;

use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use self::keys::KeySet;
use crate::config::JwtConfig;
use crate::domain::UserId;
use crate::domain::access::{Actor, Caller, Scopes, TenantId};
use crate::services::Failure;

/// How far the issuer's clock may be from ours, in seconds.
const LEEWAY: u64 = 30;
/// The longest subject that is written down, in characters.
const LONGEST_SUBJECT: usize = 255;

/// Tokens of an issuer. Cheap to clone.
#[derive(Clone)]
pub struct JwtService {
    config: Arc<JwtConfig>,
    keys: KeySet,
}

impl JwtService {
    /// A service that trusts this issuer.
    ///
    /// # Errors
    /// When the keys that are in the configuration cannot be used, naming the setting.
    pub fn new(config: JwtConfig) -> anyhow::Result<Self> {
        crypto::install();
        Ok(Self { keys: KeySet::new(&config.keys)?, config: Arc::new(config) })
    }

    /// Who shows this token, if it is valid, and for us.
    ///
    /// # Errors
    /// [`Failure`] when the issuer's keys cannot be had.
    pub async fn caller(&self, token: &str) -> Result<Option<Caller>, Failure> {
        let header = decode_header(token).ok().filter(|header| self.is_plain(header));
        let Some(header) = header else { return Ok(None) };
        let claims = self.keys.find(&header).await?.iter().find_map(|key| {
            let decoded = decode::<Map<String, Value>>(token, key, &self.validation(&header));
            decoded.ok().map(|decoded| decoded.claims)
        });
        Ok(claims.and_then(|claims| self.caller_of(&claims)))
    }

    /// Only what the operator allows, and nothing that we do not understand (RFC 7515 section 4.1.11). Keys that a token
    /// brings along, or names by address, are not looked at.
    fn is_plain(&self, header: &Header) -> bool {
        self.config.algorithms.contains(&header.alg) && header.crit.is_none() && header.enc.is_none()
    }

    fn validation(&self, header: &Header) -> Validation {
        let mut validation = Validation::new(header.alg);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.config.issuer]);
        validation.set_audience(&[&self.config.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation
    }

    fn caller_of(&self, claims: &Map<String, Value>) -> Option<Caller> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let tenant = match &self.config.tenant_claim {
            // A token that tells no tenant is nobody's, rather than everybody's.
            Some(claim) => text(claim)?.parse().ok()?,
            None => TenantId::default(),
        };
        let user = match self.config.user_claim.as_deref().and_then(|claim| claims.get(claim)) {
            Some(user) => Some(user.as_str()?.parse::<UserId>().ok()?),
            None => None,
        };
        let subject: String = text("sub").unwrap_or("unnamed").chars().take(LONGEST_SUBJECT).collect();
        let scopes = claims.get(&self.config.scopes_claim).map_or(Scopes::NONE, scopes);
        let actor = Actor::Subject(subject.into());
        Some(Caller { tenant, scopes, actor, user, address: None, grant: None })
    }
}

/// Words in a text (RFC 8693 section 4.2) or in a list; those that are not ours are for others.
fn scopes(claim: &Value) -> Scopes {
    match claim {
        Value::String(text) => Scopes::known(text),
        Value::Array(words) => Scopes::known(&words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")),
        _ => Scopes::NONE,
    }
}

#[cfg(test)]
mod tests;
