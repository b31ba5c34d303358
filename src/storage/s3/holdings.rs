//! What is in the buckets, page by page, and which objects are not.

use std::collections::BTreeSet;

use async_stream::try_stream;
use aws_sdk_s3::primitives::DateTime as StoreTime;
use aws_sdk_s3::types::{MultipartUpload, Object};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::stream::BoxStream;

use super::S3Storage;
use super::errors::{failed, unsupported};
use crate::domain::{ObjectLocation, Visibility};
use crate::storage::{Held, Holding, StorageError};

/// Everything in the buckets that is there for uploads.
pub(super) fn pages(store: &S3Storage) -> BoxStream<'_, Result<Vec<Holding>, StorageError>> {
    let pages = try_stream! {
        for bucket in [Visibility::Public, Visibility::Private] {
            let mut objects = store.calls.list_objects_v2().bucket(store.bucket(bucket)).into_paginator().send();
            while let Some(page) = objects.next().await {
                yield page.map_err(failed)?.contents().iter().filter_map(|object| of_object(bucket, object)).collect();
            }
            let mut behind = Some((None, None));
            while let Some((key, id)) = behind {
                let request = store.calls.list_multipart_uploads().bucket(store.bucket(bucket));
                let listed = match request.set_key_marker(key).set_upload_id_marker(id).send().await {
                    Ok(listed) => listed,
                    // A store that cannot list them has none for us.
                    Err(error) if unsupported(&error) => break,
                    Err(error) => Err(failed(error))?,
                };
                yield listed.uploads().iter().filter_map(|upload| of_multipart_upload(bucket, upload)).collect();
                let next = (listed.next_key_marker, listed.next_upload_id_marker);
                behind = (listed.is_truncated == Some(true) && next.0.is_some()).then_some(next);
            }
        }
    };
    pages.boxed()
}

/// Which of these objects, in the order of their paths, are not there.
pub(super) async fn missing(
    store: &S3Storage,
    objects: &[ObjectLocation],
) -> Result<Vec<ObjectLocation>, StorageError> {
    let mut missing = Vec::new();
    for objects in objects.chunk_by(|one, next| one.bucket == next.bucket) {
        let bucket = objects[0].bucket;
        let mut wanted: BTreeSet<&str> = objects.iter().map(|object| object.key.as_str()).collect();
        let last = objects[objects.len() - 1].key.as_str();
        // What a key begins with stands right before it.
        let before = &objects[0].key[..objects[0].key.floor_char_boundary(objects[0].key.len().saturating_sub(1))];
        let request = store.calls.list_objects_v2().bucket(store.bucket(bucket)).start_after(before);
        let mut pages = request.into_paginator().send();
        'listing: while let Some(page) = pages.next().await {
            for key in page.map_err(failed)?.contents().iter().filter_map(Object::key) {
                wanted.remove(key);
                if key >= last {
                    break 'listing;
                }
            }
        }
        missing.extend(wanted.into_iter().map(|key| ObjectLocation { bucket, key: key.to_owned() }));
    }
    Ok(missing)
}

fn of_object(bucket: Visibility, object: &Object) -> Option<Holding> {
    let location = ObjectLocation { bucket, key: object.key()?.to_owned() };
    Some(Holding {
        upload: location.upload(),
        held: Held::Object(location),
        bytes: object.size().unwrap_or(0).cast_unsigned(),
        since: time(object.last_modified()),
    })
}

fn of_multipart_upload(bucket: Visibility, upload: &MultipartUpload) -> Option<Holding> {
    let target = ObjectLocation { bucket, key: upload.key()?.to_owned() };
    Some(Holding {
        upload: target.upload(),
        held: Held::Gathering { target, storage_upload_id: upload.upload_id()?.to_owned() },
        bytes: 0,
        since: time(upload.initiated()),
    })
}

/// A time of the store's. What has none is taken for new, so that it stays.
fn time(time: Option<&StoreTime>) -> DateTime<Utc> {
    time.and_then(|time| DateTime::from_timestamp(time.secs(), time.subsec_nanos())).unwrap_or_else(Utc::now)
}
