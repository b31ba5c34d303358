//! The keys that tokens are signed with: from the configuration, a file, or the issuer's address.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::StreamExt;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{AlgorithmFamily, DecodingKey, Header};
use secrecy::ExposeSecret;
use tokio::sync::Mutex;
use url::Url;

use crate::config::JwtKeys;
use crate::services::Failure;

/// How long the issuer's server may take to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes that are taken of its answer.
const MOST_BYTES: usize = 256 * 1024;
/// The most keys that one token is tried with.
const MOST_TRIED: usize = 16;
/// The pause between two looks for a key that is not known.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long known keys are good while the server is away.
const TRUSTED_FOR: Duration = Duration::from_hours(24);
/// After this time keys that are known are looked up again, so that one that was withdrawn goes.
const STALE_AFTER: Duration = Duration::from_mins(5);

/// A key, and the name by which tokens call it.
#[derive(Clone)]
struct Named {
    id: Option<String>,
    key: DecodingKey,
}

/// The keys of an issuer. Cheap to clone.
#[derive(Clone)]
pub(super) struct KeySet {
    told: Arc<RwLock<Told>>,
    remote: Option<Remote>,
}

/// What the issuer has told.
struct Told {
    keys: Vec<Named>,
    /// When its server did.
    at: Option<Instant>,
}

/// The issuer's server. Cheap to clone.
#[derive(Clone)]
struct Remote {
    url: Url,
    client: reqwest::Client,
    /// When it was asked. Held while it is asked, so that one asks for all.
    asked: Arc<Mutex<Option<Instant>>>,
}

impl KeySet {
    pub(super) fn new(from: &JwtKeys) -> anyhow::Result<Self> {
        let (keys, remote) = match from {
            JwtKeys::Secret(secret) => {
                let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
                (vec![Named { id: None, key }], None)
            }
            JwtKeys::File(path) => {
                (from_file(path).with_context(|| format!("APP_JWT_KEYS_FILE is {}", path.display()))?, None)
            }
            JwtKeys::Url(url) => (Vec::new(), Some(Remote::new(url.clone())?)),
        };
        Ok(Self { told: Arc::new(RwLock::new(Told { keys, at: None })), remote })
    }

    /// The keys that may have signed a token with this header.
    ///
    /// # Errors
    /// [`Failure::Busy`] when the issuer's server has not told any key for a long time.
    pub(super) async fn find(&self, header: &Header) -> Result<Vec<DecodingKey>, Failure> {
        let found = self.known(header);
        let Some(remote) = &self.remote else { return Ok(found) };
        let asked = Arc::clone(&remote.asked);
        let mut asked = if found.is_empty() {
            asked.lock_owned().await
        } else {
            // One looks whether the key was withdrawn; the others do not wait for a server that may be away.
            let Ok(asked) = asked.try_lock_owned() else { return self.trusted(header) };
            asked
        };
        let pause = if found.is_empty() { LOOK_AGAIN } else { STALE_AFTER };
        if asked.is_none_or(|last| last.elapsed() >= pause) {
            // A task of its own, because a request may be dropped, and another should not have to ask again.
            let this = self.clone();
            let looked = tokio::spawn(async move {
                this.look(&mut asked).await;
                asked
            });
            asked = looked.await.map_err(|error| Failure::Broken(error.to_string()))?;
        }
        drop(asked);
        self.trusted(header)
    }

    /// The keys that may have signed a token with this header, if the issuer's server has told them lately.
    fn trusted(&self, header: &Header) -> Result<Vec<DecodingKey>, Failure> {
        let at = self.told.read().unwrap_or_else(PoisonError::into_inner).at;
        let lately = at.is_some_and(|at| at.elapsed() <= TRUSTED_FOR);
        if lately { Ok(self.known(header)) } else { Err(Failure::Busy) }
    }

    /// Asks the issuer's server. Keys that are known go on being good while it is away.
    async fn look(&self, asked: &mut Option<Instant>) {
        let Some(remote) = &self.remote else { return };
        let fetched = remote.fetch().await;
        *asked = Some(Instant::now());
        match fetched {
            Ok(keys) => *self.told.write().unwrap_or_else(PoisonError::into_inner) = Told { keys, at: *asked },
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(url = %without_query(&remote.url), error, "APP_JWT_JWKS_URL gives no keys");
            }
        }
    }

    fn known(&self, header: &Header) -> Vec<DecodingKey> {
        let family = header.alg.family();
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        let fits = |named: &&Named| {
            let called = header.kid.is_none() || named.id.is_none() || named.id == header.kid;
            called && named.key.family() == family
        };
        told.keys.iter().filter(fits).take(MOST_TRIED).map(|named| named.key.clone()).collect()
    }
}

impl Remote {
    fn new(url: Url) -> anyhow::Result<Self> {
        if url.scheme() != "https" {
            tracing::warn!(url = %without_query(&url), "APP_JWT_JWKS_URL is not https: whoever can change what comes back can let anybody in");
        }
        // It does not matter who of the process is first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A redirect would let others choose whom we trust.
        let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).redirect(reqwest::redirect::Policy::none());
        Ok(Self { url, client: client.build()?, asked: Arc::default() })
    }

    async fn fetch(&self) -> anyhow::Result<Vec<Named>> {
        let response = self.client.get(self.url.clone()).send().await.and_then(reqwest::Response::error_for_status);
        let response = response.map_err(reqwest::Error::without_url)?;
        let mut body = Vec::new();
        let mut blocks = response.bytes_stream();
        while let Some(block) = blocks.next().await {
            let block = block.map_err(reqwest::Error::without_url)?;
            if body.len() + block.len() > MOST_BYTES {
                bail!("the answer is longer than {MOST_BYTES} bytes");
            }
            body.extend_from_slice(&block);
        }
        from_json(&body)
    }
}

/// In its query an address may have a secret.
fn without_query(url: &Url) -> Url {
    let mut shown = url.clone();
    shown.set_query(None);
    shown
}

fn from_file(path: &Path) -> anyhow::Result<Vec<Named>> {
    let text = fs::read(path)?;
    if text.trim_ascii_start().starts_with(b"{") {
        return from_json(&text);
    }
    if text.windows(11).any(|window| window == b"PRIVATE KEY") {
        bail!("it holds a private key, which only the issuer should have");
    }
    let parsers = [DecodingKey::from_rsa_pem, DecodingKey::from_ec_pem, DecodingKey::from_ed_pem];
    let key = parsers.iter().find_map(|parse| parse(&text).ok()).context("it holds no public key in PEM or JSON")?;
    Ok(vec![Named { id: None, key }])
}

/// The keys of a set that verify signatures (RFC 7517 section 5). Others are left out, secrets among them: who publishes
/// one has none.
fn from_json(text: &[u8]) -> anyhow::Result<Vec<Named>> {
    let set: JwkSet = serde_json::from_slice(text)?;
    let named = |jwk: Jwk| {
        let verifies = !matches!(jwk.common.public_key_use, Some(PublicKeyUse::Encryption));
        let key = DecodingKey::from_jwk(&jwk).ok().filter(|key| verifies && key.family() != AlgorithmFamily::Hmac)?;
        Some(Named { id: jwk.common.key_id, key })
    };
    let keys: Vec<Named> = set.keys.into_iter().filter_map(named).collect();
    if keys.is_empty() {
        bail!("there is no usable key in the set");
    }
    Ok(keys)
}
