//! What the reconciler asks of the database: whose a stored thing is, which files should have objects, and which jobs
//! are history.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::error::corrupt;
use super::{RepositoryError, Session, on, places};
use crate::domain::file::FileStatus;
use crate::domain::upload::UploadState;
use crate::domain::{FileId, ObjectLocation, UploadId};

/// What the database knows of an upload that tells which of its stored things are still needed.
#[derive(Debug, Clone)]
pub struct Fate {
    /// Its state.
    pub state: UploadState,
    /// The store's own name for its gathering.
    pub storage_upload_id: Option<String>,
    /// When it is given up if nobody completes it.
    pub expires_at: DateTime<Utc>,
    /// Where the object of its file lies, or will.
    pub object: Option<ObjectLocation>,
}

/// What is known of these uploads. One that has neither a row nor a file is left out.
///
/// # Errors
/// Those of the database.
pub async fn fates(session: &mut impl Session, ids: &[UploadId]) -> Result<HashMap<UploadId, Fate>, RepositoryError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    // The uploads first: one that is completed between the two is in use by either answer.
    let places = places(ids.len());
    let sql = format!("SELECT id, state, storage_upload_id, expires_at FROM uploads WHERE id IN ({places})");
    let uploads: Vec<(Uuid, String, Option<String>, DateTime<Utc>)> = on!(session, c => {
        let query = sqlx::query_as(AssertSqlSafe(sql)).persistent(ids.len() == 1);
        ids.iter().fold(query, |query, id| query.bind(id.0)).fetch_all(c).await
    })?;
    let sql = format!("SELECT upload_id, path, created_at FROM files WHERE upload_id IN ({places})");
    let files: Vec<(Uuid, String, DateTime<Utc>)> = on!(session, c => {
        let query = sqlx::query_as(AssertSqlSafe(sql)).persistent(ids.len() == 1);
        ids.iter().fold(query, |query, id| query.bind(id.0)).fetch_all(c).await
    })?;
    let mut fates = HashMap::new();
    for (id, state, storage_upload_id, expires_at) in uploads {
        let state = state.parse().map_err(corrupt)?;
        fates.insert(UploadId(id), Fate { state, storage_upload_id, expires_at, object: None });
    }
    for (id, path, created_at) in files {
        let object = ObjectLocation::from_path(&path).map_err(corrupt)?;
        // A file without its upload is as good as one that is being made: nothing of it may go.
        let unknown =
            Fate { state: UploadState::Completing, storage_upload_id: None, expires_at: created_at, object: None };
        fates.entry(UploadId(id)).or_insert(unknown).object = Some(object);
    }
    Ok(fates)
}

/// Files that can be downloaded, have not changed since `before`, and whose object's path is behind `after`: in the order
/// of their paths, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn stored_files(
    session: &mut impl Session,
    after: &str,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(FileId, ObjectLocation)>, RepositoryError> {
    let sql = "SELECT id, path FROM files WHERE path > ? AND status = ? AND updated_at <= ? ORDER BY path LIMIT ?";
    let status = FileStatus::Success.as_str();
    let rows: Vec<(Uuid, String)> = on!(session, c => {
        sqlx::query_as(sql).bind(after).bind(status).bind(before).bind(limit).fetch_all(c).await
    })?;
    let rows = rows.into_iter().map(|(id, path)| Ok((FileId(id), ObjectLocation::from_path(&path).map_err(corrupt)?)));
    rows.collect()
}

/// How many open uploads nobody completed by `now`.
///
/// # Errors
/// Those of the database.
pub async fn count_expired(session: &mut impl Session, now: DateTime<Utc>) -> Result<u64, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM uploads WHERE state = 'open' AND expires_at <= ?";
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(now).fetch_one(c).await)?;
    Ok(count.cast_unsigned())
}

/// Jobs that ended before `before`. One that failed is needed while there is its file, which may be tried again.
macro_rules! history {
    ($what:literal, $end:literal) => {
        [
            concat!("SELECT ", $what, " FROM jobs WHERE state = 'done' AND run_at <= ? ", $end),
            concat!(
                "SELECT ",
                $what,
                " FROM jobs WHERE state = 'failed' AND run_at <= ? \
                 AND NOT EXISTS (SELECT 1 FROM files WHERE files.id = jobs.subject) ",
                $end
            ),
        ]
    };
}

/// How many jobs [`delete_old_jobs`] would delete in all.
///
/// # Errors
/// Those of the database.
pub async fn count_old_jobs(session: &mut impl Session, before: DateTime<Utc>) -> Result<u64, RepositoryError> {
    let mut all = 0;
    for sql in history!("COUNT(*)", "") {
        let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(before).fetch_one(c).await)?;
        all += count.cast_unsigned();
    }
    Ok(all)
}

/// Deletes jobs that ended before `before`, at most `limit` of each ending; how many. A job that failed stays while its
/// file may be tried again.
///
/// # Errors
/// Those of the database.
pub async fn delete_old_jobs(
    session: &mut impl Session,
    before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, RepositoryError> {
    let mut deleted = 0;
    for sql in history!("id", "ORDER BY run_at LIMIT ?") {
        let ids: Vec<(Uuid,)> = on!(session, c => sqlx::query_as(sql).bind(before).bind(limit).fetch_all(c).await)?;
        if ids.is_empty() {
            continue;
        }
        // Its state and time again, because a job may be queued anew meanwhile.
        let places = places(ids.len());
        let sql = format!("DELETE FROM jobs WHERE state IN ('done', 'failed') AND run_at <= ? AND id IN ({places})");
        deleted += on!(session, c => {
            let query = sqlx::query(AssertSqlSafe(sql)).bind(before).persistent(false);
            ids.iter().fold(query, |query, (id,)| query.bind(*id)).execute(c).await.map(|done| done.rows_affected())
        })?;
    }
    Ok(deleted)
}

/// Uploads that were given up, whose time was over before a time, and for which a job of a kind has nothing more to do. That
/// of a deleted file goes with the job that removes the object, which has its place from here.
macro_rules! given_up {
    ($what:literal, $end:literal) => {
        concat!(
            "SELECT ",
            $what,
            " FROM uploads WHERE state = 'aborted' AND object_path IS NULL AND expires_at <= ? AND NOT EXISTS \
             (SELECT 1 FROM jobs WHERE jobs.kind = ? AND jobs.subject = uploads.id AND jobs.state <> 'done') ",
            $end
        )
    };
}

/// How many uploads [`delete_given_up`] would delete in all.
///
/// # Errors
/// Those of the database.
pub async fn count_given_up(
    session: &mut impl Session,
    before: DateTime<Utc>,
    discarded_by: &str,
) -> Result<u64, RepositoryError> {
    let sql = given_up!("COUNT(*)", "");
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(before).bind(discarded_by).fetch_one(c).await)?;
    Ok(count.cast_unsigned())
}

/// Deletes uploads that were given up and whose time was over before `before`, with their chunks, at most `limit`; how many.
/// One stays while a job of the kind `discarded_by` has to remove what is in the store.
///
/// # Errors
/// Those of the database.
pub async fn delete_given_up(
    session: &mut impl Session,
    before: DateTime<Utc>,
    discarded_by: &str,
    limit: i64,
) -> Result<u64, RepositoryError> {
    let sql = given_up!("id", "ORDER BY expires_at LIMIT ?");
    let ids: Vec<(Uuid,)> =
        on!(session, c => sqlx::query_as(sql).bind(before).bind(discarded_by).bind(limit).fetch_all(c).await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    let places = places(ids.len());
    let sql = format!("DELETE FROM uploads WHERE state = 'aborted' AND id IN ({places})");
    Ok(on!(session, c => {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        ids.iter().fold(query, |query, (id,)| query.bind(*id)).execute(c).await.map(|done| done.rows_affected())
    })?)
}

/// When this database was made.
///
/// # Errors
/// Those of the database.
pub async fn founded_at(session: &mut impl Session) -> Result<DateTime<Utc>, RepositoryError> {
    let sql = "SELECT installed_on FROM _sqlx_migrations ORDER BY version LIMIT 1";
    let (founded,): (DateTime<Utc>,) = on!(session, c => sqlx::query_as(sql).fetch_one(c).await)?;
    Ok(founded)
}
