//! `filemanager check`: tries every dependency as the service will use it, and says in words what is wrong.

use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;

use super::Ports;
use super::health::HealthService;
use crate::domain::body::Body;
use crate::domain::chunk::StoredChunk;
use crate::domain::{ChunkIndex, ContentType, ObjectLocation, UploadId, Visibility};
use crate::storage::{Assembly, Gathering, LinkOptions, SharedStorage, StorageError};

const PROBE: &[u8] = b"written by filemanager check";

/// One thing that was tried.
#[derive(Debug)]
pub struct Finding {
    /// What was tried.
    pub subject: String,
    /// What is wrong, if anything.
    pub problem: Option<String>,
}

/// Tries every dependency: whether it answers, and for both buckets whether an object can be written, read,
/// signed for and deleted.
pub async fn check(ports: &Ports) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(error) = ports.storage.prepare().await {
        findings.push(Finding { subject: "store: buckets or folders".into(), problem: Some(error.to_string()) });
    }
    for dependency in HealthService::new(ports.clone()).dependencies().await {
        let subject = format!("{}: {} answers", dependency.name, dependency.kind);
        findings.push(Finding { subject, problem: dependency.fault });
    }
    for bucket in [Visibility::Private, Visibility::Public] {
        let problem = probe(&ports.storage, bucket).await.err().map(|error| error.to_string());
        let subject = format!("store: {} objects are written, read, signed and deleted", bucket.as_str());
        findings.push(Finding { subject, problem });
    }
    findings
}

async fn probe(storage: &SharedStorage, bucket: Visibility) -> Result<(), StorageError> {
    let upload = UploadId::random();
    let target = ObjectLocation { bucket, key: format!("{upload}.txt") };
    let gathering = Gathering { upload, target: target.clone(), chunk_size: 1 << 20, storage_upload_id: None };
    let content_type = ContentType::parse("text/plain").map_err(|error| StorageError::Refused(error.to_string()))?;
    let index = ChunkIndex::try_from(0).map_err(|error| StorageError::Refused(error.to_string()))?;
    let receipt = storage.put_chunk(&gathering, index, Body::from_bytes(Bytes::from_static(PROBE)), false).await?;
    let size = i64::try_from(PROBE.len()).unwrap_or(0);
    let chunks = [StoredChunk { index, size, crc: None, receipt, found: None }];
    let assembly = Assembly {
        target: target.clone(),
        size,
        crc: None,
        content_type: content_type.clone(),
        begun_as: None,
        repeated: false,
    };
    let outcome = async {
        storage.assemble(&gathering, &chunks, &assembly).await?;
        let read: Vec<Bytes> = storage.read(&target, None).await?.blocks.try_collect().await?;
        if read.concat() != PROBE {
            return Err(StorageError::Damaged("what was read is not what was written".into()));
        }
        let options = LinkOptions { filename: None, content_type, valid_for: Duration::from_mins(1) };
        storage.signed_link(&target, &options).await.map(drop)
    };
    let outcome = outcome.await;
    let removed = async {
        storage.discard(&gathering, &chunks, None).await?;
        storage.delete(&target).await
    };
    outcome.and(removed.await)
}
