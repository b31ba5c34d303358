//! Chunks that clients send to the store themselves: signed URLs, and what came in by them.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::Part;

use super::errors::{code, failed};
use super::plan::{number_of, part_receipt};
use super::{Gathering, S3Storage, begun, crc_of, leftovers};
use crate::domain::ChunkIndex;
use crate::domain::chunk::StoredChunk;
use crate::storage::StorageError;

/// A URL that takes one part of the multipart upload with a PUT. The length is signed with it, so that nobody puts more
/// there than a chunk.
pub(super) async fn signed_link(
    store: &S3Storage,
    gathering: &Gathering,
    index: ChunkIndex,
    size: i64,
    valid_for: Duration,
) -> Result<String, StorageError> {
    let signing = PresigningConfig::expires_in(valid_for).map_err(|error| StorageError::Refused(error.to_string()))?;
    let request = store.public.upload_part().bucket(store.bucket(gathering.target.bucket)).key(&gathering.target.key);
    let request = request.upload_id(begun(gathering)?).part_number(number_of(index.get())?).content_length(size);
    let signed = request.presigned(signing).await.map_err(failed)?;
    Ok(signed.uri().to_owned())
}

/// The parts of the multipart upload, in order.
pub(super) async fn sent(store: &S3Storage, gathering: &Gathering) -> Result<Vec<StoredChunk>, StorageError> {
    let Some(upload) = &gathering.storage_upload_id else { return Ok(Vec::new()) };
    let request = store.calls.list_parts().bucket(store.bucket(gathering.target.bucket)).key(&gathering.target.key);
    let mut pages = request.upload_id(upload).into_paginator().send();
    let mut chunks = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Err(error) if code(&error) == Some("NoSuchUpload") => {
                return Err(leftovers::missed(store, &gathering.target, upload).await);
            }
            page => page.map_err(failed)?,
        };
        chunks.extend(page.parts().iter().filter_map(chunk_of));
    }
    Ok(chunks)
}

/// A part as a chunk; `None` when it could be none of ours.
fn chunk_of(part: &Part) -> Option<StoredChunk> {
    let index = ChunkIndex::try_from(i64::from(part.part_number()?) - 1).ok()?;
    let crc = part.checksum_crc64_nvme().and_then(crc_of);
    Some(StoredChunk { index, size: part.size()?, crc, receipt: part_receipt(part.e_tag()?), found: None })
}
