//! How callers are known.

use std::net::IpAddr;

use super::Role;
use super::jwt::{JwtConfig, jwt};
use super::reader::Reader;

/// How callers are known.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// By keys of ours.
    pub keys: bool,
    /// By tokens that somebody else gives out.
    pub jwt: Option<JwtConfig>,
}

impl AccessConfig {
    /// Whether anyone may do anything.
    #[must_use]
    pub fn is_off(&self) -> bool {
        !self.keys && self.jwt.is_none()
    }
}

pub(super) fn access(reader: &mut Reader, role: Role, host: IpAddr) -> AccessConfig {
    match reader.optional("APP_AUTH").as_deref() {
        None if role == Role::Api && !host.is_loopback() => {
            reader.complain(format!(
                "APP_AUTH is not set, but must be when APP_HOST is {host}, which others can reach: keys, jwt, keys,jwt or off"
            ));
            AccessConfig::default()
        }
        None | Some("off") => AccessConfig::default(),
        Some("keys") => AccessConfig { keys: true, jwt: None },
        Some("jwt") => AccessConfig { keys: false, jwt: jwt(reader) },
        Some("keys,jwt" | "jwt,keys") => AccessConfig { keys: true, jwt: jwt(reader) },
        Some(other) => {
            reader.refuse::<()>("APP_AUTH", other, "off, keys, jwt or keys,jwt");
            AccessConfig::default()
        }
    }
}
