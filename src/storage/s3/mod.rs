//! A store that speaks S3. Large chunks become parts of a multipart upload on the final key, small ones
//! objects of their own under `.staging/` in the private bucket, and the store puts them together.

mod assemble;
mod bucket;
mod client;
mod direct;
mod errors;
mod fetch;
mod holdings;
mod leftovers;
mod lifecycle;
mod patience;
mod plan;
mod prompt;
mod transport;
mod witness;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ChecksumMode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use http_body_util::{BodyDataStream, StreamBody};
use percent_encoding::utf8_percent_encode;
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::errors::{absent, failed};
use self::plan::{Stored, number_of, object_receipt, part_receipt};
use self::transport::Dialer;
use super::budget::Budget;
use super::{Assembly, Gathering, Held, Holding, LinkOptions, ObjectStat, Openness, Storage, StorageError};
use crate::config::S3Config;
use crate::domain::body::{Body, BodyError, ByteBlocks};
use crate::domain::chunk::StoredChunk;
use crate::domain::file_name::{PATH, disposition};
use crate::domain::{ChunkIndex, ContentType, ObjectLocation, UploadId, Visibility};
use crate::spool::Spool;

/// The least size of a part that is not the last (Amazon S3 User Guide, "multipart upload limits").
const MIN_PART_SIZE: u64 = 5 * 1024 * 1024;
/// From so many bytes on a read is worth a connection of its own.
const LARGE: u64 = 1024 * 1024;
const READ_SIGNED_FOR: Duration = Duration::from_mins(5);

/// A store that speaks S3.
pub struct S3Storage {
    config: S3Config,
    /// For calls that carry little: bounded in time, repeated when they fail.
    calls: Client,
    /// For calls in which the store moves bytes: bounded too, but more generously.
    moves: Client,
    /// For bodies: bounded by the least rate of whoever sends them.
    bodies: Client,
    /// Signs for the endpoint that callers use.
    public: Client,
    /// For large objects, each of which is read over a connection of its own.
    dialer: Dialer,
    spool: Spool,
    reads: Budget,
    /// Whether strangers can read the public bucket, once that was asked.
    openness: Arc<OnceCell<Openness>>,
}

impl S3Storage {
    /// A store at this endpoint. Nothing is sent before the first call.
    ///
    /// # Errors
    /// When no TLS client can be built for an `https` endpoint.
    pub fn new(config: &S3Config, spool: Spool) -> Result<Self, StorageError> {
        let dialer = Dialer::new(&config.endpoint)?;
        Ok(Self {
            calls: client::calls(config, &dialer),
            moves: client::moves(config, &dialer),
            bodies: client::bodies(config, &dialer),
            public: client::public(config, &dialer),
            dialer,
            config: config.clone(),
            spool,
            reads: Budget::of_reads(),
            openness: Arc::default(),
        })
    }

    fn bucket(&self, visibility: Visibility) -> &str {
        match visibility {
            Visibility::Public => &self.config.public_bucket,
            Visibility::Private => &self.config.private_bucket,
        }
    }

    async fn put_object(&self, upload: UploadId, index: ChunkIndex, body: Body) -> Result<String, StorageError> {
        // A name that is never used twice, so that a late writer cannot change acknowledged bytes.
        let key = format!(".staging/{upload}/{}-{}", index.get(), Uuid::new_v4().simple());
        let (length, stream) = streamed(body)?;
        let request = self.bodies.put_object().bucket(&self.config.private_bucket).key(&key).content_length(length);
        request.body(stream).customize().disable_payload_signing().send().await.map_err(failed)?;
        Ok(object_receipt(&key))
    }

    async fn put_part(&self, gathering: &Gathering, index: ChunkIndex, body: Body) -> Result<String, StorageError> {
        let begun = begun(gathering)?;
        let (length, stream) = streamed(body)?;
        let request = self
            .bodies
            .upload_part()
            .bucket(self.bucket(gathering.target.bucket))
            .key(&gathering.target.key)
            .upload_id(begun)
            .part_number(number_of(index.get())?)
            .content_length(length);
        let stored = match request.body(stream).customize().disable_payload_signing().send().await {
            Err(error) if errors::code(&error) == Some("NoSuchUpload") => {
                return Err(leftovers::missed(self, &gathering.target, begun).await);
            }
            stored => stored.map_err(failed)?,
        };
        let etag = stored.e_tag().ok_or_else(|| StorageError::Unavailable("the store gave no ETag".into()))?;
        Ok(part_receipt(etag))
    }
}

#[async_trait]
impl Storage for S3Storage {
    fn kind(&self) -> &'static str {
        "S3"
    }

    fn bucket_name(&self, bucket: Visibility) -> &str {
        self.bucket(bucket)
    }

    async fn prepare(&self) -> Result<(), StorageError> {
        for bucket in [&self.config.private_bucket, &self.config.public_bucket] {
            bucket::ensure(&self.calls, bucket).await?;
            bucket::let_pages_in(&self.calls, bucket, &self.config.page_origins).await?;
        }
        let buckets = [self.config.private_bucket.as_str(), &self.config.public_bucket];
        lifecycle::spread_net(&self.calls, buckets, self.config.unfinished_days).await?;
        let asked = || bucket::open_to_strangers(&self.calls, &self.config.public_bucket);
        self.openness.get_or_try_init(asked).await.map(drop)
    }

    async fn probe(&self) -> Result<(), StorageError> {
        for bucket in [&self.config.private_bucket, &self.config.public_bucket] {
            self.calls.head_bucket().bucket(bucket).send().await.map_err(failed)?;
        }
        Ok(())
    }

    async fn measure(&self, body: Body) -> Result<Body, StorageError> {
        Ok(self.spool.measure(body).await?)
    }

    fn needs_begin(&self, length: Option<u64>) -> bool {
        length.is_none_or(|length| length >= MIN_PART_SIZE)
    }

    async fn begin(&self, target: &ObjectLocation, content_type: Option<&ContentType>) -> Result<String, StorageError> {
        let request = self.calls.create_multipart_upload().bucket(self.bucket(target.bucket)).key(&target.key);
        let request = request.set_content_type(content_type.map(|content_type| content_type.as_str().to_owned()));
        let created = request.send().await.map_err(failed)?;
        let id = created.upload_id().ok_or_else(|| StorageError::Unavailable("the store gave no upload id".into()))?;
        Ok(id.to_owned())
    }

    async fn abort(&self, target: &ObjectLocation, storage_upload_id: &str) -> Result<(), StorageError> {
        let request = self.calls.abort_multipart_upload().bucket(self.bucket(target.bucket)).key(&target.key);
        match request.upload_id(storage_upload_id).send().await {
            // Some stores say of an upload that is over that access to it is denied.
            Err(error)
                if errors::code(&error) == Some("AccessDenied")
                    && !leftovers::begun_at(self, target).await?.iter().any(|id| id == storage_upload_id) =>
            {
                Ok(())
            }
            Err(error) if !absent(&error) => Err(failed(error)),
            _ => Ok(()),
        }
    }

    async fn put_chunk(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        body: Body,
        contested: bool,
    ) -> Result<String, StorageError> {
        match body.length {
            // Of two requests for one part some stores take the younger, even if it never ends.
            Some(length) if contested || length < MIN_PART_SIZE => self.put_object(gathering.upload, index, body).await,
            _ => self.put_part(gathering, index, body).await,
        }
    }

    /// A store keeps nothing of an object or a part that did not come whole.
    async fn free_chunk(&self, _: &Gathering, _: ChunkIndex) -> Result<(), StorageError> {
        Ok(())
    }

    async fn signed_chunk_link(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        size: i64,
        valid_for: Duration,
    ) -> Result<Option<String>, StorageError> {
        direct::signed_link(self, gathering, index, size, valid_for).await.map(Some)
    }

    fn least_linked_chunk_size(&self) -> i64 {
        MIN_PART_SIZE.cast_signed()
    }

    async fn sent_by_link(&self, gathering: &Gathering) -> Result<Vec<StoredChunk>, StorageError> {
        direct::sent(self, gathering).await
    }

    async fn assemble(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        assembly: &Assembly,
    ) -> Result<Option<ObjectStat>, StorageError> {
        assemble::Assembler { store: self, gathering, assembly }.run(chunks).await
    }

    fn leaves_debris(&self, gathering: &Gathering, chunks: &[StoredChunk], target: &ObjectLocation) -> bool {
        let parts = gathering.storage_upload_id.is_some() && gathering.target != *target;
        parts || chunks.iter().any(|chunk| matches!(Stored::of(chunk), Ok(Stored::Object(_))))
    }

    async fn discard(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        keep: Option<&ObjectLocation>,
    ) -> Result<(), StorageError> {
        if keep.is_none() {
            leftovers::remove(self, gathering).await?;
        }
        if let Some(begun) = &gathering.storage_upload_id {
            self.abort(&gathering.target, begun).await?;
            if keep != Some(&gathering.target) {
                self.delete(&gathering.target).await?;
            }
        }
        let mut staged = 0;
        for chunk in chunks {
            if let Ok(Stored::Object(key)) = Stored::of(chunk) {
                let location = ObjectLocation { bucket: Visibility::Private, key: key.to_owned() };
                self.delete(&location).await?;
                staged += 1;
            }
        }
        let rewritten = ObjectLocation::of_staging(gathering.upload);
        if 0 < staged && staged < chunks.len() && gathering.target != rewritten && keep != Some(&rewritten) {
            // Where chunks of mixed sizes had to be written anew, the large ones were brought here.
            self.delete(&rewritten).await?;
        }
        Ok(())
    }

    async fn read(&self, location: &ObjectLocation, range: Option<Range<u64>>) -> Result<Body, StorageError> {
        // RFC 9110 section 14.1.2: the last byte is named, not the one after it.
        let named = range.as_ref().map(|range| format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let request = self.bodies.get_object().bucket(self.bucket(location.bucket)).key(&location.key).set_range(named);
        let missing = || StorageError::NotFound(location.to_string());
        if range.is_some_and(|range| range.end - range.start < LARGE) {
            let object = patience::answered(request.send()).await?;
            let object = object.map_err(|error| if absent(&error) { missing() } else { failed(error) })?;
            return Ok(Body::sized(object.content_length().unwrap_or(0).cast_unsigned(), blocks(object.body)));
        }
        let signing = PresigningConfig::expires_in(READ_SIGNED_FOR);
        let signing = signing.map_err(|error| StorageError::Refused(error.to_string()))?;
        let signed = request.presigned(signing).await.map_err(failed)?;
        fetch::get(&self.dialer, &signed, self.reads.begin()).await?.ok_or_else(missing)
    }

    async fn stat(&self, location: &ObjectLocation) -> Result<Option<ObjectStat>, StorageError> {
        let request = self.calls.head_object().bucket(self.bucket(location.bucket)).key(&location.key);
        match request.checksum_mode(ChecksumMode::Enabled).send().await {
            Ok(object) => {
                let size = object.content_length();
                let size = size.ok_or_else(|| StorageError::Unavailable("the store told no length".into()))?;
                Ok(Some(ObjectStat { size, crc: object.checksum_crc64_nvme().and_then(crc_of) }))
            }
            Err(error) if absent(&error) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn delete(&self, location: &ObjectLocation) -> Result<(), StorageError> {
        let request = self.calls.delete_object().bucket(self.bucket(location.bucket)).key(&location.key);
        match request.send().await {
            Err(error) if !absent(&error) => Err(failed(error)),
            _ => Ok(()),
        }
    }

    fn holdings(&self) -> BoxStream<'_, Result<Vec<Holding>, StorageError>> {
        holdings::pages(self)
    }

    async fn remove(&self, held: &Held) -> Result<(), StorageError> {
        match held {
            Held::Object(location) => self.delete(location).await,
            Held::Gathering { target, storage_upload_id } => self.abort(target, storage_upload_id).await,
            // It has none, and never tells of any.
            Held::Staging(_) => Ok(()),
        }
    }

    async fn missing(&self, objects: &[ObjectLocation]) -> Result<Vec<ObjectLocation>, StorageError> {
        holdings::missing(self, objects).await
    }

    async fn public_link(&self, location: &ObjectLocation) -> Option<String> {
        if location.bucket != Visibility::Public || self.openness() != Openness::Open {
            return None;
        }
        let base = self.config.public_url.as_str().trim_end_matches('/');
        Some(format!("{base}/{}/{}", self.config.public_bucket, utf8_percent_encode(&location.key, PATH)))
    }

    async fn signed_link(
        &self,
        location: &ObjectLocation,
        options: &LinkOptions,
    ) -> Result<Option<String>, StorageError> {
        let signing = PresigningConfig::expires_in(options.valid_for)
            .map_err(|error| StorageError::Refused(error.to_string()))?;
        let request = self
            .public
            .get_object()
            .bucket(self.bucket(location.bucket))
            .key(&location.key)
            .response_content_type(options.content_type.as_str())
            .response_content_disposition(disposition(&options.content_type, options.filename.as_ref(), &location.key));
        let signed = request.presigned(signing).await.map_err(failed)?;
        Ok(Some(signed.uri().to_owned()))
    }

    fn openness(&self) -> Openness {
        self.openness.get().copied().unwrap_or(Openness::Unasked)
    }
}

/// A CRC-64/NVME as S3 stores write it: eight bytes, the highest first, in base64. One of the parts' checksums has
/// their number behind it and says nothing of the whole.
fn crc_of(text: &str) -> Option<u64> {
    BASE64_STANDARD.decode(text).ok()?.try_into().ok().map(u64::from_be_bytes)
}

fn begun(gathering: &Gathering) -> Result<&str, StorageError> {
    let missing = || StorageError::Damaged(format!("upload {} has parts but no multipart upload", gathering.upload));
    gathering.storage_upload_id.as_deref().ok_or_else(missing)
}

/// The body as the SDK wants it: sent as it comes, never held, never sent twice.
fn streamed(body: Body) -> Result<(i64, ByteStream), StorageError> {
    let length = body.length.ok_or_else(|| StorageError::Refused("a body without a length".into()))?;
    let frames = body.blocks.map_ok(http_body::Frame::data);
    // The SDK asks for a body that is Sync; the stream is polled by one task only.
    let body = SdkBody::from_body_1_x(StreamBody::new(sync_wrapper::SyncStream::new(frames)));
    Ok((length.cast_signed(), ByteStream::new(body)))
}

fn blocks(stream: ByteStream) -> ByteBlocks {
    let body = BodyDataStream::new(stream.into_inner());
    patience::coming(body.map_err(|error| BodyError::Io(std::io::Error::other(error))).boxed())
}
