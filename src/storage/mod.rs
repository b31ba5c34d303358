//! The object-store port: what the service asks of a store, and the stores that can do it.
//! A store knows objects and the gathering of chunks; it knows no database and no rules.

mod budget;
pub mod directory;
mod holding;
pub mod observed;
pub mod s3;

pub use holding::{Held, Holding};

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::body::{Body, BodyError};
use crate::domain::chunk::StoredChunk;
use crate::domain::{ChunkIndex, ContentType, FileName, ObjectLocation, UploadId, Visibility};
use async_trait::async_trait;
use futures::stream::BoxStream;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such object.
    #[error("there is no object {0}")]
    NotFound(String),
    /// The store's disk is full.
    #[error("the store is full: {0}")]
    Full(String),
    /// The store is away or failing; the same may work later.
    #[error("the store cannot do it now: {0}")]
    Unavailable(String),
    /// The store refuses, and will again: credentials, rights, a bucket's name.
    #[error("the store refuses: {0}")]
    Refused(String),
    /// What was gathered of an upload is gone: it was given up, or somebody else removes what is not finished.
    #[error("the store has lost {0}")]
    Lost(String),
    /// What is stored is not what was acknowledged.
    #[error("the stored bytes are not the ones that were acknowledged: {0}")]
    Damaged(String),
    /// The body that was to be stored could not be read.
    #[error(transparent)]
    Body(#[from] BodyError),
}

/// An upload as the store sees it.
#[derive(Debug, Clone)]
pub struct Gathering {
    /// Whose chunks.
    pub upload: UploadId,
    /// Where large chunks go.
    pub target: ObjectLocation,
    /// The stride of chunks.
    pub chunk_size: i64,
    /// The store's own name, from [`Storage::begin`], when it has been begun.
    pub storage_upload_id: Option<String>,
}

/// What is to become of a gathering.
#[derive(Debug, Clone)]
pub struct Assembly {
    /// Where the object shall lie.
    pub target: ObjectLocation,
    /// Its size in bytes.
    pub size: i64,
    /// The CRC-64/NVME of all its bytes, if it is known.
    pub crc: Option<u64>,
    /// The media type that the store shall say when it serves the object itself.
    pub content_type: ContentType,
    /// The media type that was known when the gathering was begun.
    pub begun_as: Option<ContentType>,
    /// Whether an earlier try may have left something behind.
    pub repeated: bool,
}

/// What a store tells of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectStat {
    /// Size in bytes.
    pub size: i64,
    /// The CRC-64/NVME of all its bytes, if the store keeps one.
    pub crc: Option<u64>,
}

/// How a signed link shall present the object.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// The name to save it under.
    pub filename: Option<FileName>,
    /// Its media type.
    pub content_type: ContentType,
    /// How long the link is valid.
    pub valid_for: Duration,
}

/// A store of objects. Every call may be repeated; none holds more than a few MiB in memory.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// The name of the kind, for a person.
    fn kind(&self) -> &'static str;

    /// What the bucket is called where callers see it.
    fn bucket_name(&self, bucket: Visibility) -> &str;

    /// Makes what must be there before the first object: folders, buckets, the policy of the public bucket.
    async fn prepare(&self) -> Result<(), StorageError>;

    /// Whether the store answers.
    async fn probe(&self) -> Result<(), StorageError>;

    /// Gives the body a length if this store needs one before the first byte.
    async fn measure(&self, body: Body) -> Result<Body, StorageError>;

    /// Whether a chunk of `length` bytes can only be put once [`Storage::begin`] was called.
    fn needs_begin(&self, length: Option<u64>) -> bool;

    /// Begins a gathering; the store's own name for it.
    async fn begin(&self, target: &ObjectLocation, content_type: Option<&ContentType>) -> Result<String, StorageError>;

    /// Gives up what [`Storage::begin`] began.
    async fn abort(&self, target: &ObjectLocation, storage_upload_id: &str) -> Result<(), StorageError>;

    /// Stores a chunk so that it survives a power cut; the receipt by which [`Storage::assemble`] finds it again.
    /// A failed call leaves nothing that counts, but what it sent may come to the store later. `contested` says that there
    /// was such a call for this chunk, or may be a link: nothing is then put where they would interfere.
    async fn put_chunk(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        body: Body,
        contested: bool,
    ) -> Result<String, StorageError>;

    /// Gives back what a failed [`Storage::put_chunk`] left of this chunk, which nobody else may be writing or have written.
    async fn free_chunk(&self, gathering: &Gathering, index: ChunkIndex) -> Result<(), StorageError>;

    /// A URL by which a client sends this chunk of `size` bytes, no more and no fewer, past the service, for so long, if
    /// the store takes chunks from clients. [`Storage::begin`] was called before.
    async fn signed_chunk_link(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        size: i64,
        valid_for: Duration,
    ) -> Result<Option<String>, StorageError>;

    /// The fewest bytes of a chunk that is sent by such a link and is not the last.
    fn least_linked_chunk_size(&self) -> i64;

    /// The chunks that came in by such links, in order.
    async fn sent_by_link(&self, gathering: &Gathering) -> Result<Vec<StoredChunk>, StorageError>;

    /// Makes one object of all chunks, which are in order and complete; what it is, where it was read when it was made. Else
    /// [`Storage::stat`] tells.
    async fn assemble(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        assembly: &Assembly,
    ) -> Result<Option<ObjectStat>, StorageError>;

    /// Whether [`Storage::discard`] has anything to do after these chunks were assembled at `target`.
    fn leaves_debris(&self, gathering: &Gathering, chunks: &[StoredChunk], target: &ObjectLocation) -> bool;

    /// Removes everything of an upload but the object at `keep`. Without one the upload was given up, and what nobody
    /// has acknowledged goes too.
    async fn discard(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        keep: Option<&ObjectLocation>,
    ) -> Result<(), StorageError>;

    /// The bytes of an object, or those of a range of it.
    async fn read(&self, location: &ObjectLocation, range: Option<Range<u64>>) -> Result<Body, StorageError>;

    /// What the store tells of an object; `None` when there is none.
    async fn stat(&self, location: &ObjectLocation) -> Result<Option<ObjectStat>, StorageError>;

    /// Removes an object; one that is not there is removed already.
    async fn delete(&self, location: &ObjectLocation) -> Result<(), StorageError>;

    /// Everything that the store holds for uploads, finished or not, page by page. What comes or goes meanwhile may be left
    /// out.
    fn holdings(&self) -> BoxStream<'_, Result<Vec<Holding>, StorageError>>;

    /// Removes a thing that [`Storage::holdings`] told of; one that is not there is removed already.
    async fn remove(&self, held: &Held) -> Result<(), StorageError>;

    /// Which of these objects are not there. They are in the order of their paths, and few calls tell of many.
    async fn missing(&self, objects: &[ObjectLocation]) -> Result<Vec<ObjectLocation>, StorageError>;

    /// A link that anyone may open for good, if the store serves public objects itself.
    async fn public_link(&self, location: &ObjectLocation) -> Option<String>;

    /// A link that is valid for a while, if the store serves objects itself.
    async fn signed_link(
        &self,
        location: &ObjectLocation,
        options: &LinkOptions,
    ) -> Result<Option<String>, StorageError>;

    /// Whether strangers can read finished objects in the public bucket without a signature.
    fn openness(&self) -> Openness;
}

/// Whether strangers can read finished objects in the public bucket without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Openness {
    /// The store was not asked yet.
    Unasked,
    /// The store does not tell, or it depends on the object or on the stranger.
    Uncertain,
    /// They can read all of them.
    Open,
    /// They can read none of them.
    Closed,
}

/// The configured store.
pub type SharedStorage = Arc<dyn Storage>;
