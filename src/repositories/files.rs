//! Rows of `files`.

use chrono::{DateTime, Utc};
use sqlx::types::Json;
use uuid::Uuid;

use super::error::corrupt;
use super::{RepositoryError, Session, execute, on};
use crate::domain::file::{File, FileStatus};
use crate::domain::{
    AppointmentId, ContentType, Credential, Detail, FileId, FileName, ObjectLocation, UploadId, UserId,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    upload_id: Uuid,
    filename: Option<String>,
    path: String,
    content_type: String,
    size: i64,
    checksum: i64,
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
            upload_id: UploadId(row.upload_id),
            filename: row.filename.as_deref().map(FileName::parse).transpose().map_err(corrupt)?,
            location: ObjectLocation::from_path(&row.path).map_err(corrupt)?,
            content_type: ContentType::parse(&row.content_type).map_err(corrupt)?,
            size: row.size,
            crc: row.checksum.cast_unsigned(),
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

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, upload_id, filename, path, content_type, size, checksum, detail, credential, status, error, ",
            "user_id, appointment_id, created_at FROM files WHERE ",
            $condition
        )
    };
}

/// Inserts a new file.
///
/// # Errors
/// Those of the database; [`super::Constraint::FileOfUpload`] when the upload has a file already.
pub async fn insert(session: &mut impl Session, file: &File) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO files (id, upload_id, filename, path, content_type, size, checksum, detail, credential, \
               status, error, user_id, appointment_id, created_at, updated_at) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    execute!(
        session,
        sql,
        file.id.0,
        file.upload_id.0,
        file.filename.as_ref().map(FileName::as_str),
        file.location.to_string(),
        file.content_type.as_str(),
        file.size,
        file.crc.cast_signed(),
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
