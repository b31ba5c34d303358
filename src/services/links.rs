//! Download links: the store's own where it serves objects, else this service's download route.

use std::time::Duration;

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;
use url::Url;

use super::Failure;
use crate::domain::file::{File, ListedFile};
use crate::domain::{ChunkIndex, ContentType, FileId, FileName, ObjectLocation, UploadId, Visibility};
use crate::storage::{LinkOptions, SharedStorage};

/// Proves that this service gave out a link: HMAC-SHA-256 (RFC 2104) over what the link is for and its end.
#[derive(Debug, Clone)]
pub struct Signer {
    key: SecretSlice<u8>,
}

impl Signer {
    /// A signer with this key.
    #[must_use]
    pub fn new(key: Vec<u8>) -> Self {
        Self { key: key.into() }
    }

    fn mac(&self, purpose: &str, expires: i64) -> Hmac<Sha256> {
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.key.expose_secret());
        let mut mac = mac.unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"));
        mac.update(format!("{purpose} {expires}").as_bytes());
        mac
    }

    /// The signature of a link for `purpose` that ends at `expires`, in seconds since 1970.
    #[must_use]
    pub fn sign(&self, purpose: &str, expires: i64) -> String {
        hex::encode(self.mac(purpose, expires).finalize().into_bytes())
    }

    /// Whether a signature is ours and its time is not over. The time taken tells nothing about the signature.
    #[must_use]
    pub fn verify(&self, purpose: &str, expires: i64, signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else { return false };
        self.mac(purpose, expires).verify_slice(&signature).is_ok() && expires > Utc::now().timestamp()
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
        Ok(self.own_link(file))
    }

    fn own_link(&self, file: &LinkedFile<'_>) -> String {
        let path = format!("{}api/v1/file/download/{}", self.base, file.id);
        match file.location.bucket {
            Visibility::Public => path,
            Visibility::Private => {
                let seconds = i64::try_from(self.valid_for.as_secs()).unwrap_or(i64::MAX);
                let expires = Utc::now().timestamp().saturating_add(seconds);
                format!("{path}?expires={expires}&signature={}", self.signer.sign(&of_download(file.id), expires))
            }
        }
    }

    /// Whether a link of [`LinkService::download_url`] on this service is genuine and still valid.
    #[must_use]
    pub fn verify_download(&self, file: FileId, link: &LinkProof) -> bool {
        self.signer.verify(&of_download(file), link.expires, &link.signature)
    }

    /// A link on this service by which anyone may send this chunk until `expires`.
    #[must_use]
    pub fn chunk_url(&self, upload: UploadId, index: ChunkIndex, expires: DateTime<Utc>) -> String {
        let (index, expires) = (index.get(), expires.timestamp());
        let signature = self.signer.sign(&of_chunk(upload, index), expires);
        format!("{}api/v1/file/upload/{upload}/chunk/{index}?expires={expires}&signature={signature}", self.base)
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
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_good_for_one_purpose_one_end_and_until_then() {
        let signer = Signer::new(vec![7; 32]);
        let later = Utc::now().timestamp() + 60;
        let signature = signer.sign("GET a", later);
        assert!(signer.verify("GET a", later, &signature));
        assert!(!signer.verify("GET b", later, &signature));
        assert!(!signer.verify("GET a", later + 1, &signature));
        assert!(!signer.verify("GET a", later, &signature[2..]));
        assert!(!signer.verify("GET a", later, "no hex"));
        assert!(!Signer::new(vec![8; 32]).verify("GET a", later, &signature));
        let over = Utc::now().timestamp() - 1;
        assert!(!signer.verify("GET a", over, &signer.sign("GET a", over)));
    }
}
