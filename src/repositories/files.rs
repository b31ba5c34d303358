//! Rows of `files`.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sqlx::types::Json;
use uuid::Uuid;

use super::error::corrupt;
use super::{RepositoryError, Session, execute, on, uploads};
use crate::domain::file::{File, FileStatus, Progress};
use crate::domain::upload::Upload;
use crate::domain::{
    AppointmentId, ContentType, Credential, Detail, FileId, FileName, FoundType, ObjectLocation, TenantId, UploadId,
    UserId,
};

/// How many places the statement of [`progress`] has: one of few lengths, so that few statements are kept prepared.
const LENGTHS: [usize; 4] = [1, 10, 100, 500];

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    tenant: String,
    upload_id: Uuid,
    grant_id: Option<Uuid>,
    filename: Option<String>,
    path: String,
    content_type: String,
    found_type: Option<String>,
    size: i64,
    checksum: Option<i64>,
    claimed_checksum: Option<String>,
    detail: Option<Json<Detail>>,
    credential: Option<Json<Credential>>,
    status: String,
    error: Option<String>,
    user_id: Option<Uuid>,
    appointment_id: Option<Uuid>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for File {
    type Error = RepositoryError;

    fn try_from(row: Row) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: FileId(row.id),
            tenant: row.tenant.parse().map_err(corrupt)?,
            upload_id: UploadId(row.upload_id),
            grant_id: row.grant_id,
            filename: row.filename.as_deref().map(FileName::parse).transpose().map_err(corrupt)?,
            location: ObjectLocation::from_path(&row.path).map_err(corrupt)?,
            content_type: ContentType::parse(&row.content_type).map_err(corrupt)?,
            found_type: row.found_type.map(FoundType::try_from).transpose().map_err(corrupt)?,
            size: row.size,
            crc: row.checksum.map(i64::cast_unsigned),
            claimed_checksum: row.claimed_checksum.map(|text| text.parse()).transpose().map_err(corrupt)?,
            detail: row.detail.map(|detail| detail.0),
            credential: row.credential.map(|credential| credential.0),
            status: row.status.parse().map_err(corrupt)?,
            error: row.error,
            user_id: row.user_id.map(UserId),
            appointment_id: row.appointment_id.map(AppointmentId),
            created_at: row.created_at,
        })
    }
}

/// A file next to its upload. They share the upload's id and the tenant.
#[derive(sqlx::FromRow)]
struct RowWithUpload {
    #[sqlx(flatten)]
    file: Row,
    #[sqlx(flatten)]
    upload: uploads::Row,
}

macro_rules! columns {
    () => {
        concat!(
            "files.id, files.tenant, upload_id, grant_id, filename, path, content_type, found_type, size, checksum, ",
            "claimed_checksum, detail, credential, status, error, user_id, appointment_id, files.created_at"
        )
    };
}

macro_rules! select {
    ($condition:literal) => {
        concat!("SELECT ", columns!(), " FROM files WHERE ", $condition)
    };
}

/// Inserts a new file.
///
/// # Errors
/// Those of the database; [`super::Constraint::FileOfUpload`] when the upload has a file already.
pub async fn insert(session: &mut impl Session, file: &File) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO files (id, tenant, upload_id, grant_id, filename, path, content_type, found_type, size, checksum, \
               claimed_checksum, detail, credential, status, error, user_id, appointment_id, created_at, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    execute!(
        session,
        sql,
        file.id.0,
        file.tenant.as_str(),
        file.upload_id.0,
        file.grant_id,
        file.filename.as_ref().map(FileName::as_str),
        file.location.to_string(),
        file.content_type.as_str(),
        file.found_type.as_ref().map(FoundType::as_str),
        file.size,
        file.crc.map(u64::cast_signed),
        file.claimed_checksum.map(|checksum| checksum.to_string()),
        file.detail.as_ref().map(Json),
        file.credential.as_ref().map(Json),
        file.status.as_str(),
        &file.error,
        file.user_id.map(|id| id.0),
        file.appointment_id.map(|id| id.0),
        file.created_at,
        file.created_at,
    )?;
    Ok(())
}

/// The file with this id.
///
/// # Errors
/// Those of the database.
pub async fn find(session: &mut impl Session, id: FileId) -> Result<Option<File>, RepositoryError> {
    let row: Option<Row> = on!(session, c => sqlx::query_as(select!("id = ?")).bind(id.0).fetch_optional(c).await)?;
    row.map(File::try_from).transpose()
}

/// The file with this id, and the upload that it came from.
///
/// # Errors
/// Those of the database.
pub async fn find_with_upload(
    session: &mut impl Session,
    id: FileId,
) -> Result<Option<(File, Upload)>, RepositoryError> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        ", ",
        uploads::columns!(),
        " FROM files JOIN uploads ON uploads.id = files.upload_id WHERE files.id = ?"
    );
    let row: Option<RowWithUpload> = on!(session, c => sqlx::query_as(sql).bind(id.0).fetch_optional(c).await)?;
    row.map(|row| Ok((row.file.try_into()?, row.upload.try_into()?))).transpose()
}

/// The file that came from this upload.
///
/// # Errors
/// Those of the database.
pub async fn find_by_upload(session: &mut impl Session, id: UploadId) -> Result<Option<File>, RepositoryError> {
    let row: Option<Row> =
        on!(session, c => sqlx::query_as(select!("upload_id = ?")).bind(id.0).fetch_optional(c).await)?;
    row.map(File::try_from).transpose()
}

/// Moves a file out of one of the states `from`; whether it was in one.
///
/// # Errors
/// Those of the database.
pub async fn set_status(
    session: &mut impl Session,
    id: FileId,
    from: [FileStatus; 2],
    to: FileStatus,
    error: Option<&str>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE files SET status = ?, error = ?, updated_at = ? WHERE id = ? AND status IN (?, ?)";
    let rows = execute!(session, sql, to.as_str(), error, super::now(), id.0, from[0].as_str(), from[1].as_str())?;
    Ok(rows == 1)
}

/// A file that was tried as often as it may be.
#[derive(Debug)]
pub struct GivenUp {
    /// Which one.
    pub id: FileId,
    /// Whose.
    pub tenant: TenantId,
    /// The trace of the request that it came from.
    pub trace_id: String,
    /// When it was given up, and the identifier of its job.
    place: (DateTime<Utc>, Uuid),
}

/// Files in FAILURE whose job of this kind has failed before a time, and whose `error` is this one; the longest there first,
/// behind one of them, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn given_up(
    session: &mut impl Session,
    kind: &str,
    error: &str,
    before: DateTime<Utc>,
    after: Option<&GivenUp>,
    limit: i64,
) -> Result<Vec<GivenUp>, RepositoryError> {
    let sql = "SELECT f.id, f.tenant, j.trace_id, j.run_at, j.id FROM jobs j JOIN files f ON f.id = j.subject \
               WHERE j.state = 'failed' AND j.kind = ? AND f.status = 'FAILURE' AND f.error = ? AND j.run_at < ? \
               AND (j.run_at > ? OR (j.run_at = ? AND j.id > ?)) ORDER BY j.run_at, j.id LIMIT ?";
    let (at, job) = after.map_or((DateTime::UNIX_EPOCH, Uuid::nil()), |file| file.place);
    let rows: Vec<(Uuid, String, String, DateTime<Utc>, Uuid)> = on!(session, c => {
        let query = sqlx::query_as(sql).bind(kind).bind(error).bind(before);
        query.bind(at).bind(at).bind(job).bind(limit).fetch_all(c).await
    })?;
    let read = |(id, tenant, trace_id, at, job): (_, String, _, _, _)| {
        Ok(GivenUp { id: FileId(id), tenant: tenant.parse().map_err(corrupt)?, trace_id, place: (at, job) })
    };
    rows.into_iter().map(read).collect()
}

/// Notes what a file's first bytes say that it is.
///
/// # Errors
/// Those of the database.
pub async fn set_found_type(session: &mut impl Session, id: FileId, found: &FoundType) -> Result<(), RepositoryError> {
    execute!(session, "UPDATE files SET found_type = ? WHERE id = ?", found.as_str(), id.0).map(drop)
}

/// Notes the CRC of a file that was not known before.
///
/// # Errors
/// Those of the database.
pub async fn set_crc(session: &mut impl Session, id: FileId, crc: u64) -> Result<(), RepositoryError> {
    execute!(session, "UPDATE files SET checksum = ? WHERE id = ?", crc.cast_signed(), id.0).map(drop)
}

/// How far these files are; those that are gone are left out.
///
/// # Errors
/// Those of the database.
pub async fn progress(session: &mut impl Session, ids: &[FileId]) -> Result<Vec<(FileId, Progress)>, RepositoryError> {
    let places = LENGTHS.into_iter().find(|length| *length >= ids.len()).unwrap_or(ids.len());
    let sql = format!("SELECT id, status, error, updated_at FROM files WHERE id IN ({})", super::places(places));
    // Places that are left over have the last one again.
    let ids = ids.iter().chain(ids.last().into_iter().cycle()).take(places);
    let rows: Vec<(Uuid, String, Option<String>, DateTime<Utc>)> = on!(session, c => {
        // Nothing but the number of places is made up here.
        let mut query = sqlx::query_as(AssertSqlSafe(sql));
        for id in ids {
            query = query.bind(id.0);
        }
        query.fetch_all(c).await
    })?;
    let rows = rows.into_iter().map(|(id, status, error, since)| {
        Ok((FileId(id), Progress { status: status.parse().map_err(corrupt)?, error, since }))
    });
    rows.collect()
}
