//! A store whose calls are seen by operators: timed, counted when they fail, spans of traces.

use std::ops::Range;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::{
    Assembly, Gathering, Held, Holding, LinkOptions, ObjectStat, Openness, SharedStorage, Storage, StorageError,
};
use crate::domain::body::Body;
use crate::domain::chunk::StoredChunk;
use crate::domain::{ChunkIndex, ContentType, ObjectLocation, Visibility};
use crate::telemetry::calls::{Dependency, Fault, observed};

/// A store and those who watch it.
pub struct ObservedStorage(SharedStorage);

impl ObservedStorage {
    /// Watches this store.
    #[must_use]
    pub fn new(storage: SharedStorage) -> Self {
        Self(storage)
    }
}

impl Fault for StorageError {
    fn is_fault(&self) -> bool {
        // What is not there may have been deleted or given up, and a body that breaks off is its sender's.
        !matches!(self, Self::NotFound(_) | Self::Lost(_) | Self::Body(_))
    }
}

async fn seen<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T, StorageError>>,
) -> Result<T, StorageError> {
    observed(Dependency::Store, operation, call).await
}

#[async_trait]
impl Storage for ObservedStorage {
    fn kind(&self) -> &'static str {
        self.0.kind()
    }

    fn bucket_name(&self, bucket: Visibility) -> &str {
        self.0.bucket_name(bucket)
    }

    async fn prepare(&self) -> Result<(), StorageError> {
        seen("prepare", self.0.prepare()).await
    }

    async fn probe(&self) -> Result<(), StorageError> {
        seen("probe", self.0.probe()).await
    }

    async fn measure(&self, body: Body) -> Result<Body, StorageError> {
        self.0.measure(body).await
    }

    fn needs_begin(&self, length: Option<u64>) -> bool {
        self.0.needs_begin(length)
    }

    async fn begin(&self, target: &ObjectLocation, content_type: Option<&ContentType>) -> Result<String, StorageError> {
        seen("begin", self.0.begin(target, content_type)).await
    }

    async fn abort(&self, target: &ObjectLocation, storage_upload_id: &str) -> Result<(), StorageError> {
        seen("abort", self.0.abort(target, storage_upload_id)).await
    }

    async fn put_chunk(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        body: Body,
        contested: bool,
    ) -> Result<String, StorageError> {
        seen("put_chunk", self.0.put_chunk(gathering, index, body, contested)).await
    }

    async fn free_chunk(&self, gathering: &Gathering, index: ChunkIndex) -> Result<(), StorageError> {
        self.0.free_chunk(gathering, index).await
    }

    // Links are signed without a call.
    async fn signed_chunk_link(
        &self,
        gathering: &Gathering,
        index: ChunkIndex,
        size: i64,
        valid_for: Duration,
    ) -> Result<Option<String>, StorageError> {
        self.0.signed_chunk_link(gathering, index, size, valid_for).await
    }

    fn least_linked_chunk_size(&self) -> i64 {
        self.0.least_linked_chunk_size()
    }

    async fn sent_by_link(&self, gathering: &Gathering) -> Result<Vec<StoredChunk>, StorageError> {
        seen("sent_by_link", self.0.sent_by_link(gathering)).await
    }

    async fn assemble(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        assembly: &Assembly,
    ) -> Result<Option<ObjectStat>, StorageError> {
        seen("assemble", self.0.assemble(gathering, chunks, assembly)).await
    }

    fn leaves_debris(&self, gathering: &Gathering, chunks: &[StoredChunk], target: &ObjectLocation) -> bool {
        self.0.leaves_debris(gathering, chunks, target)
    }

    async fn discard(
        &self,
        gathering: &Gathering,
        chunks: &[StoredChunk],
        keep: Option<&ObjectLocation>,
    ) -> Result<(), StorageError> {
        seen("discard", self.0.discard(gathering, chunks, keep)).await
    }

    // Until the first byte: how long the rest takes is up to its reader.
    async fn read(&self, location: &ObjectLocation, range: Option<Range<u64>>) -> Result<Body, StorageError> {
        seen("read", self.0.read(location, range)).await
    }

    async fn stat(&self, location: &ObjectLocation) -> Result<Option<ObjectStat>, StorageError> {
        seen("stat", self.0.stat(location)).await
    }

    async fn delete(&self, location: &ObjectLocation) -> Result<(), StorageError> {
        seen("delete", self.0.delete(location)).await
    }

    fn holdings(&self) -> BoxStream<'_, Result<Vec<Holding>, StorageError>> {
        // Each page is a call; what stops the listing is one that failed.
        stream::try_unfold(self.0.holdings(), |mut pages| async move {
            Ok(seen("list", pages.try_next()).await?.map(|page| (page, pages)))
        })
        .boxed()
    }

    async fn remove(&self, held: &Held) -> Result<(), StorageError> {
        seen("remove", self.0.remove(held)).await
    }

    async fn missing(&self, objects: &[ObjectLocation]) -> Result<Vec<ObjectLocation>, StorageError> {
        seen("list", self.0.missing(objects)).await
    }

    async fn public_link(&self, location: &ObjectLocation) -> Option<String> {
        self.0.public_link(location).await
    }

    async fn signed_link(
        &self,
        location: &ObjectLocation,
        options: &LinkOptions,
    ) -> Result<Option<String>, StorageError> {
        self.0.signed_link(location, options).await
    }

    fn openness(&self) -> Openness {
        self.0.openness()
    }
}
