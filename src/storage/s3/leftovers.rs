//! What a store holds of an upload that no row tells of: found by asking for names that begin with the upload's.

use super::errors::{failed, unsupported};
use super::{Gathering, S3Storage};
use crate::domain::{ObjectLocation, Visibility};
use crate::storage::{Storage, StorageError};

/// The names of the multipart uploads that were begun at this place and are not over. A store that cannot list them has
/// none for us.
pub(super) async fn begun_at(store: &S3Storage, location: &ObjectLocation) -> Result<Vec<String>, StorageError> {
    let request = store.calls.list_multipart_uploads().bucket(store.bucket(location.bucket));
    let listed = match request.prefix(&location.key).send().await {
        Ok(listed) => listed,
        Err(error) if unsupported(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let of_key = listed.uploads().iter().filter(|upload| upload.key() == Some(location.key.as_str()));
    Ok(of_key.filter_map(|upload| upload.upload_id().map(str::to_owned)).collect())
}

/// What it means that the store does not find this multipart upload: if it does not list it either, it is gone for good.
pub(super) async fn missed(store: &S3Storage, location: &ObjectLocation, id: &str) -> StorageError {
    match begun_at(store, location).await {
        Ok(ids) if ids.iter().any(|listed| listed == id) => {
            StorageError::Unavailable(format!("multipart upload {id} is listed, but not found"))
        }
        Ok(_) => StorageError::Lost(format!("multipart upload {id}")),
        Err(error) => error,
    }
}

/// Removes what was begun or staged for an upload that was given up.
pub(super) async fn remove(store: &S3Storage, gathering: &Gathering) -> Result<(), StorageError> {
    for id in begun_at(store, &gathering.target).await? {
        store.abort(&gathering.target, &id).await?;
    }
    let prefix = format!(".staging/{}/", gathering.upload);
    loop {
        let request = store.calls.list_objects_v2().bucket(&store.config.private_bucket).prefix(&prefix);
        let listed = request.send().await.map_err(failed)?;
        let keys: Vec<_> = listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        for key in &keys {
            store.delete(&ObjectLocation { bucket: Visibility::Private, key: key.clone() }).await?;
        }
        // What was listed is gone, so the next listing begins with what is left.
        if keys.is_empty() || listed.is_truncated() != Some(true) {
            return Ok(());
        }
    }
}
