//! Download links: the store's own where it serves objects, else this service's download route.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use url::Url;

use super::Failure;
use crate::domain::file::{File, ListedFile};
use crate::domain::{ChunkIndex, ContentType, FileId, FileName, ObjectLocation, UploadId, Visibility};
use crate::repositories::{Database, Durability, RepositoryError, secrets};
use crate::storage::{LinkOptions, SharedStorage};

/// What the database calls the key.
const KEY: &str = "links";
const KEY_BYTES: usize = 32;

/// Proves that this service gave out a link: HMAC-SHA-256 (RFC 2104) over what the link is for and its end.
/// The key is a random one of the database, so that all nodes have the same.
#[derive(Debug, Clone, Default)]
pub struct Signer {
    key: Arc<OnceLock<SecretSlice<u8>>>,
}

impl Signer {
    /// Gets the key out of the database, where whoever comes first makes it. Before that nothing is signed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn load(&self, database: &Database) -> Result<(), RepositoryError> {
        let mut session = database.writer(Durability::Full).await?;
        let key = secrets::find_or_insert(&mut session, KEY, &rand::random::<[u8; KEY_BYTES]>()).await?;
        // Loaded again, it is the same.
        let _ = self.key.set(key.into());
        Ok(())
    }

    fn mac(&self, purpose: &str, expires: i64) -> Option<Hmac<Sha256>> {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.get()?.expose_secret()).ok()?;
        mac.update(format!("{purpose} {expires}").as_bytes());
        Some(mac)
    }

    /// The signature of a link for `purpose` that ends at `expires`, in seconds since 1970.
    ///
    /// # Errors
    /// [`Failure::Broken`] before the key is loaded.
    pub fn sign(&self, purpose: &str, expires: i64) -> Result<String, Failure> {
        let mac =
            self.mac(purpose, expires).ok_or_else(|| Failure::Broken("there is no key for signing yet".into()))?;
        Ok(hex::encode(mac.finalize().into_bytes()))
    }

    /// Whether a signature is ours and its time is not over. The time taken tells nothing about the signature.
    #[must_use]
    pub fn verify(&self, purpose: &str, expires: i64, signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else { return false };
        let is_ours = self.mac(purpose, expires).is_some_and(|mac| mac.verify_slice(&signature).is_ok());
        is_ours && expires > Utc::now().timestamp()
    }
}

/// What a link to a file must know of it.
pub struct LinkedFile<'f> {
    id: FileId,
    location: &'f ObjectLocation,
    filename: Option<&'f FileName>,
    content_type: &'f ContentType,
}

impl<'f> From<&'f File> for LinkedFile<'f> {
    fn from(file: &'f File) -> Self {
        let File { id, location, filename, content_type, .. } = file;
        Self { id: *id, location, filename: filename.as_ref(), content_type }
    }
}

impl<'f> From<&'f ListedFile> for LinkedFile<'f> {
    fn from(file: &'f ListedFile) -> Self {
        let ListedFile { id, location, filename, content_type, .. } = file;
        Self { id: *id, location, filename: filename.as_ref(), content_type }
    }
}

/// Download links.
#[derive(Clone)]
pub struct LinkService {
    storage: SharedStorage,
    signer: Signer,
    /// How callers reach this service; ends with a slash.
    base: Url,
    valid_for: Duration,
}

impl LinkService {
    /// Links that are valid for `valid_for`.
    #[must_use]
    pub fn new(storage: SharedStorage, signer: Signer, base: Url, valid_for: Duration) -> Self {
        Self { storage, signer, base, valid_for }
    }

    /// A link to the object of a file. The credential is never in it.
    ///
    /// # Errors
    /// [`Failure`] when the store cannot sign.
    pub async fn download_url(&self, file: &LinkedFile<'_>) -> Result<String, Failure> {
        if let Some(link) = self.storage.public_link(file.location).await {
            return Ok(link);
        }
        let options = LinkOptions {
            filename: file.filename.cloned(),
            content_type: file.content_type.clone(),
            valid_for: self.valid_for,
        };
        if let Some(link) = self.storage.signed_link(file.location, &options).await? {
            return Ok(link);
        }
        self.own_link(file)
    }

    /// The address of the download route, which proves nothing.
    #[must_use]
    pub fn bare_url(&self, file: FileId) -> String {
        format!("{}api/v1/file/download/{file}", self.base)
    }

    fn own_link(&self, file: &LinkedFile<'_>) -> Result<String, Failure> {
        let path = self.bare_url(file.id);
        match file.location.bucket {
            Visibility::Public => Ok(path),
            Visibility::Private => {
                let seconds = i64::try_from(self.valid_for.as_secs()).unwrap_or(i64::MAX);
                let expires = Utc::now().timestamp().saturating_add(seconds);
                let signature = self.signer.sign(&of_download(file.id), expires)?;
                Ok(format!("{path}?expires={expires}&signature={signature}"))
            }
        }
    }

    /// Whether a link of [`LinkService::download_url`] on this service is genuine and still valid.
    #[must_use]
    pub fn verify_download(&self, file: FileId, link: &LinkProof) -> bool {
        self.signer.verify(&of_download(file), link.expires, &link.signature)
    }

    /// A link on this service by which anyone may send this chunk until `expires`.
    ///
    /// # Errors
    /// Those of [`Signer::sign`].
    pub fn chunk_url(&self, upload: UploadId, index: ChunkIndex, expires: DateTime<Utc>) -> Result<String, Failure> {
        let (index, expires) = (index.get(), expires.timestamp());
        let signature = self.signer.sign(&of_chunk(upload, index), expires)?;
        Ok(format!("{}api/v1/file/upload/{upload}/chunk/{index}?expires={expires}&signature={signature}", self.base))
    }

    /// Whether a link of [`LinkService::chunk_url`] is genuine and still valid.
    #[must_use]
    pub fn verify_chunk(&self, upload: UploadId, index: i64, link: &LinkProof) -> bool {
        self.signer.verify(&of_chunk(upload, index), link.expires, &link.signature)
    }
}

/// What a link of ours carries to prove that it is one.
#[derive(Debug, Clone)]
pub struct LinkProof {
    /// The link's end, in seconds since 1970.
    pub expires: i64,
    /// Its signature.
    pub signature: String,
}

fn of_download(file: FileId) -> String {
    format!("GET {file}")
}

fn of_chunk(upload: UploadId, index: i64) -> String {
    format!("PUT {upload} {index}")
}

#[cfg(test)]
impl Signer {
    pub(super) fn with_key(byte: u8) -> Self {
        let key = OnceLock::from(SecretSlice::from(vec![byte; KEY_BYTES]));
        Self { key: Arc::new(key) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_purpose_one_end_and_until_then() {
        let signer = Signer::with_key(7);
        let later = Utc::now().timestamp() + 60;
        let signature = signer.sign("GET a", later).unwrap();
        assert!(signer.verify("GET a", later, &signature));
        assert!(!signer.verify("GET b", later, &signature));
        assert!(!signer.verify("GET a", later + 1, &signature));
        assert!(!signer.verify("GET a", later, &signature[2..]));
        assert!(!signer.verify("GET a", later, "no hex"));
        assert!(!Signer::with_key(8).verify("GET a", later, &signature));
        assert!(
            !Signer::default().verify("GET a", later, &signature) && Signer::default().sign("GET a", later).is_err()
        );
        let over = Utc::now().timestamp() - 1;
        assert!(!signer.verify("GET a", over, &signer.sign("GET a", over).unwrap()));
    }
}
