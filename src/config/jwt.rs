//! Tokens that somebody else gives out, whom the operator trusts (RFC 7519).

use std::path::PathBuf;

use jsonwebtoken::{Algorithm, AlgorithmFamily};
use secrecy::SecretString;
use url::Url;

use super::reader::Reader;

/// The shortest secret of HMAC with SHA-256, in bytes.
const LEAST_SECRET: usize = 32;

/// Tokens that somebody else gives out.
#[derive(Debug, Clone)]
pub struct JwtConfig {
    /// Who gives them out.
    pub issuer: String,
    /// For whom they must be.
    pub audience: String,
    /// By which algorithms they may be signed; never those of a shared secret beside others.
    pub algorithms: Vec<Algorithm>,
    /// Where the keys are that they are signed with.
    pub keys: JwtKeys,
    /// The claim that holds their scopes.
    pub scopes_claim: String,
    /// The claim that holds the tenant; the default one where no claim is named.
    pub tenant_claim: Option<String>,
    /// The claim that holds the user, if any.
    pub user_claim: Option<String>,
}

/// Where the keys are that tokens are signed with.
#[derive(Debug, Clone)]
pub enum JwtKeys {
    /// A secret that the issuer knows too.
    Secret(SecretString),
    /// A file with one public key in PEM, or a set of them in JSON (RFC 7517).
    File(PathBuf),
    /// An address where the issuer keeps such a set.
    Url(Url),
}

pub(super) fn jwt(reader: &mut Reader) -> Option<JwtConfig> {
    let algorithms = algorithms(reader);
    let keys = keys(reader);
    if let Some(keys) = &keys
        && algorithms
            .iter()
            .any(|found| (found.family() == AlgorithmFamily::Hmac) != matches!(keys, JwtKeys::Secret(_)))
    {
        let message =
            "APP_JWT_ALGORITHMS must be HS256, HS384 or HS512 with APP_JWT_SECRET, and none of these without it";
        reader.complain(message.to_owned());
    }
    let config = JwtConfig {
        issuer: reader.required("APP_JWT_ISSUER", "jwt in APP_AUTH"),
        audience: reader.required("APP_JWT_AUDIENCE", "jwt in APP_AUTH"),
        algorithms,
        keys: keys?,
        scopes_claim: reader.required("APP_JWT_SCOPES_CLAIM", "jwt in APP_AUTH"),
        tenant_claim: reader.optional("APP_JWT_TENANT_CLAIM"),
        user_claim: reader.optional("APP_JWT_USER_CLAIM"),
    };
    Some(config)
}

/// `none` is no algorithm that anyone could name.
fn algorithms(reader: &mut Reader) -> Vec<Algorithm> {
    let value = reader.optional("APP_JWT_ALGORITHMS").unwrap_or_default();
    let parsed: Result<Vec<Algorithm>, _> = value.split(',').map(|name| name.trim().parse()).collect();
    match parsed {
        Ok(algorithms) if !algorithms.is_empty() => algorithms,
        _ => reader.refuse("APP_JWT_ALGORITHMS", &value, "algorithms such as RS256,ES256,EdDSA"),
    }
}

fn keys(reader: &mut Reader) -> Option<JwtKeys> {
    let secret = reader.optional("APP_JWT_SECRET").map(|secret| {
        // RFC 7518 section 3.2; and what everyone may know is no secret (RFC 8725 section 2.1).
        if secret.len() < LEAST_SECRET || secret.trim_start().starts_with("-----BEGIN") {
            reader.refuse::<()>("APP_JWT_SECRET", &secret, "a secret of 32 bytes or more, and no public key");
        }
        JwtKeys::Secret(secret.into())
    });
    let file = reader.optional("APP_JWT_KEYS_FILE").map(|path| JwtKeys::File(path.into()));
    let url = reader.optional_resource("APP_JWT_JWKS_URL").map(JwtKeys::Url);
    let mut given = [secret, file, url].into_iter().flatten();
    if let (Some(keys), None) = (given.next(), given.next()) {
        return Some(keys);
    }
    let one = "one of APP_JWT_SECRET, APP_JWT_KEYS_FILE and APP_JWT_JWKS_URL must be set when jwt in APP_AUTH is";
    reader.complain(one.to_owned());
    None
}
