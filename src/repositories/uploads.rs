//! Rows of `uploads`.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::error::corrupt;
use super::{RepositoryError, Session, execute, on};
use crate::domain::upload::{Upload, UploadHints, UploadState};
use crate::domain::upload_grant::UploadGrant;
use crate::domain::{ObjectLocation, TenantId, UploadId};
use crate::failpoint;

/// A row, whose id is named so that it can be joined with what belongs to the upload.
#[derive(sqlx::FromRow)]
pub(super) struct Row {
    upload_id: Uuid,
    tenant: String,
    upload_grant: Option<Json<UploadGrant>>,
    state: String,
    chunk_size: i64,
    target_path: String,
    storage_upload_id: Option<String>,
    hints: Json<UploadHints>,
    direct: bool,
    begun_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl TryFrom<Row> for Upload {
    type Error = RepositoryError;

    fn try_from(row: Row) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: UploadId(row.upload_id),
            tenant: row.tenant.parse().map_err(corrupt)?,
            grant: row.upload_grant.map(|grant| grant.0),
            state: row.state.parse().map_err(corrupt)?,
            chunk_size: row.chunk_size,
            target: ObjectLocation::from_path(&row.target_path).map_err(corrupt)?,
            storage_upload_id: row.storage_upload_id,
            hints: row.hints.0,
            direct: row.direct,
            begun_at: row.begun_at,
            expires_at: row.expires_at,
        })
    }
}

/// What an upload has beside its id and its tenant, which a file that came from it has too.
macro_rules! columns {
    () => {
        "upload_grant, state, chunk_size, target_path, storage_upload_id, hints, direct, \
         uploads.created_at AS begun_at, expires_at"
    };
}
pub(super) use columns;

const SELECT: &str = concat!("SELECT id AS upload_id, tenant, ", columns!(), " FROM uploads WHERE id = ?");

/// Inserts a new upload.
///
/// # Errors
/// Those of the database.
pub async fn insert(session: &mut impl Session, upload: &Upload) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO uploads (id, tenant, upload_grant, state, chunk_size, target_path, storage_upload_id, hints, \
               direct, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    execute!(
        session,
        sql,
        upload.id.0,
        upload.tenant.as_str(),
        upload.grant.as_ref().map(Json),
        upload.state.as_str(),
        upload.chunk_size,
        upload.target.to_string(),
        &upload.storage_upload_id,
        Json(&upload.hints),
        upload.direct,
        upload.begun_at,
        upload.expires_at,
    )?;
    Ok(())
}

/// The upload with this id.
///
/// # Errors
/// Those of the database.
pub async fn find(session: &mut impl Session, id: UploadId) -> Result<Option<Upload>, RepositoryError> {
    let row: Option<Row> = on!(session, c => sqlx::query_as(SELECT).bind(id.0).fetch_optional(c).await)?;
    row.map(Upload::try_from).transpose()
}

/// The largest chunk size of a tenant's uploads that take chunks, if there are any.
///
/// # Errors
/// Those of the database.
pub async fn largest_chunk_size(
    session: &mut impl Session,
    tenant: &TenantId,
    now: DateTime<Utc>,
) -> Result<Option<i64>, RepositoryError> {
    let sql = "SELECT MAX(chunk_size) FROM uploads WHERE state = 'open' AND expires_at > ? AND tenant = ?";
    Ok(on!(session, c => sqlx::query_scalar(sql).bind(now).bind(tenant.as_str()).fetch_one(c).await)?)
}

/// Gives the upload the store's name for its gathering unless it has one; whether it was this call's.
///
/// # Errors
/// Those of the database.
pub async fn set_storage_upload_id(
    session: &mut impl Session,
    id: UploadId,
    storage_upload_id: &str,
) -> Result<bool, RepositoryError> {
    let sql = if failpoint::is_off("compare-and-set") {
        "UPDATE uploads SET storage_upload_id = ? WHERE id = ? AND state = 'open'"
    } else {
        "UPDATE uploads SET storage_upload_id = ? WHERE id = ? AND state = 'open' AND storage_upload_id IS NULL"
    };
    Ok(execute!(session, sql, storage_upload_id, id.0)? == 1)
}

/// Notes that the client of an open upload sends chunks past the service; whether the upload is open.
///
/// # Errors
/// Those of the database.
pub async fn set_direct(session: &mut impl Session, id: UploadId) -> Result<bool, RepositoryError> {
    Ok(execute!(session, "UPDATE uploads SET direct = TRUE WHERE id = ? AND state = 'open'", id.0)? == 1)
}

/// Lets an open upload live until `expires_at`.
///
/// # Errors
/// Those of the database.
pub async fn prolong(
    session: &mut impl Session,
    id: UploadId,
    expires_at: DateTime<Utc>,
) -> Result<(), RepositoryError> {
    let sql = "UPDATE uploads SET expires_at = ? WHERE id = ? AND state = 'open' AND expires_at < ?";
    execute!(session, sql, expires_at, id.0, expires_at).map(drop)
}

/// Moves the upload from one state to the next; whether it was in `from`.
///
/// # Errors
/// Those of the database.
pub async fn set_state(
    session: &mut impl Session,
    id: UploadId,
    from: UploadState,
    to: UploadState,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE uploads SET state = ? WHERE id = ? AND state = ?";
    Ok(execute!(session, sql, to.as_str(), id.0, from.as_str())? == 1)
}

/// Gives an open upload up whose time is over at `now`; whether it was one. Somebody may have gone on with it since it was
/// found by [`expired`].
///
/// # Errors
/// Those of the database.
pub async fn expire(session: &mut impl Session, id: UploadId, now: DateTime<Utc>) -> Result<bool, RepositoryError> {
    let sql = "UPDATE uploads SET state = 'aborted' WHERE id = ? AND state = 'open' AND expires_at <= ?";
    Ok(execute!(session, sql, id.0, now)? == 1)
}

/// Takes no more chunks of an open upload; whether it was open. One whose client sends chunks past the service stays open
/// unless it `is_known` what has come that way.
///
/// # Errors
/// Those of the database.
pub async fn begin_completing(
    session: &mut impl Session,
    id: UploadId,
    is_known: bool,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE uploads SET state = 'completing' WHERE id = ? AND state = 'open' AND (? OR NOT direct)";
    Ok(execute!(session, sql, id.0, is_known)? == 1)
}

/// Where the object of a deleted file lies that came from this upload.
///
/// # Errors
/// Those of the database.
pub async fn deleted_object(
    session: &mut impl Session,
    id: UploadId,
) -> Result<Option<ObjectLocation>, RepositoryError> {
    let sql = "SELECT object_path FROM uploads WHERE id = ?";
    let row: Option<(Option<String>,)> = on!(session, c => sqlx::query_as(sql).bind(id.0).fetch_optional(c).await)?;
    let path = row.and_then(|(path,)| path);
    path.map(|path| ObjectLocation::from_path(&path).map_err(corrupt)).transpose()
}

/// Deletes an upload and the rows of its chunks.
///
/// # Errors
/// Those of the database.
pub async fn delete(session: &mut impl Session, id: UploadId) -> Result<(), RepositoryError> {
    execute!(session, "DELETE FROM uploads WHERE id = ?", id.0).map(drop)
}

/// Open uploads whose time is over, the oldest first, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn expired(
    session: &mut impl Session,
    now: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<UploadId>, RepositoryError> {
    let sql = "SELECT id FROM uploads WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?";
    let rows: Vec<(Uuid,)> = on!(session, c => sqlx::query_as(sql).bind(now).bind(limit).fetch_all(c).await)?;
    Ok(rows.into_iter().map(|(id,)| UploadId(id)).collect())
}
