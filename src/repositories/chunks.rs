//! Rows of `upload_chunks`: first a reservation of the right to write a chunk, then the proof that it is stored.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::error::corrupt;
use super::{Constraint, RepositoryError, Session, execute, horizon, on};
use crate::domain::chunk::{Fingerprint, StoredChunk};
use crate::domain::{ChunkIndex, FoundType, UploadId};

/// How many rows one statement inserts.
const ROWS_AT_ONCE: usize = 500;

/// What is known of one chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChunkState {
    /// Nobody has sent it.
    Absent,
    /// Somebody is writing it until the reservation ends.
    Reserved,
    /// Somebody was writing it, but let the reservation run out.
    Abandoned,
    /// It is safe.
    Stored(Fingerprint),
}

#[derive(sqlx::FromRow)]
struct Row {
    chunk_index: i64,
    size: i64,
    checksum: Option<i64>,
    receipt: String,
    found_type: Option<String>,
}

/// What is known of a chunk at `now`.
///
/// # Errors
/// Those of the database.
pub async fn state(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    now: DateTime<Utc>,
) -> Result<ChunkState, RepositoryError> {
    let sql = "SELECT size, checksum, reserved_until FROM upload_chunks WHERE upload_id = ? AND chunk_index = ?";
    let row: Option<(Option<i64>, Option<i64>, DateTime<Utc>)> =
        on!(session, c => sqlx::query_as(sql).bind(upload.0).bind(index.get()).fetch_optional(c).await)?;
    Ok(match row {
        None => ChunkState::Absent,
        Some((Some(size), Some(checksum), _)) => {
            ChunkState::Stored(Fingerprint { size, crc: checksum.cast_unsigned() })
        }
        Some((_, _, until)) if until > now && until <= horizon(now) => ChunkState::Reserved,
        Some(_) => ChunkState::Abandoned,
    })
}

/// Reserves a chunk that nobody has; whether it was free.
///
/// # Errors
/// Those of the database.
pub async fn reserve(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
    until: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "INSERT INTO upload_chunks (upload_id, chunk_index, writer, reserved_until) VALUES (?, ?, ?, ?)";
    match execute!(session, sql, upload.0, index.get(), writer, until) {
        Ok(_) => Ok(true),
        Err(RepositoryError::Violation(Constraint::Chunk)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes over a reservation that ran out before `now`; whether it was there to take.
///
/// # Errors
/// Those of the database.
pub async fn take_over(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE upload_chunks SET writer = ?, reserved_until = ? \
               WHERE upload_id = ? AND chunk_index = ? AND receipt IS NULL AND (reserved_until <= ? OR reserved_until > ?)";
    Ok(execute!(session, sql, writer, until, upload.0, index.get(), now, horizon(now))? == 1)
}

/// Prolongs a writer's own reservation; whether it still had it.
///
/// # Errors
/// Those of the database.
pub async fn prolong(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
    until: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE upload_chunks SET reserved_until = ? \
               WHERE upload_id = ? AND chunk_index = ? AND writer = ? AND receipt IS NULL";
    Ok(execute!(session, sql, until, upload.0, index.get(), writer)? == 1)
}

/// Gives a writer's own reservation back.
///
/// # Errors
/// Those of the database.
pub async fn release(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
) -> Result<(), RepositoryError> {
    let sql = "DELETE FROM upload_chunks WHERE upload_id = ? AND chunk_index = ? AND writer = ? AND receipt IS NULL";
    execute!(session, sql, upload.0, index.get(), writer).map(drop)
}

/// Lets a writer's own reservation run out at once, so that the next writer knows of it.
///
/// # Errors
/// Those of the database.
pub async fn abandon(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
    now: DateTime<Utc>,
) -> Result<(), RepositoryError> {
    prolong(session, upload, index, writer, now).await.map(drop)
}

/// Turns a writer's own reservation into the row that acknowledges the chunk; whether the writer still had
/// it and the upload is still open. On MySQL the subquery takes a shared lock on the upload's row, so that
/// no chunk slips in behind a complete that has read the rows.
///
/// # Errors
/// Those of the database.
pub async fn acknowledge(
    session: &mut impl Session,
    upload: UploadId,
    chunk: &StoredChunk,
    writer: Uuid,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE upload_chunks SET size = ?, checksum = ?, receipt = ?, found_type = ? \
               WHERE upload_id = ? AND chunk_index = ? AND writer = ? AND receipt IS NULL \
               AND EXISTS (SELECT 1 FROM uploads WHERE uploads.id = ? AND uploads.state = 'open')";
    let rows = execute!(
        session,
        sql,
        chunk.size,
        chunk.crc.map(u64::cast_signed),
        &chunk.receipt,
        chunk.found.as_ref().map(FoundType::as_str),
        upload.0,
        chunk.index.get(),
        writer,
        upload.0,
    )?;
    Ok(rows == 1)
}

/// Writes down chunks that came past the service, in the transaction that ends the taking of chunks: a reservation of
/// one of them is void then.
///
/// # Errors
/// Those of the database; [`Constraint::Chunk`] when one of them was acknowledged meanwhile.
pub async fn adopt(
    session: &mut impl Session,
    upload: UploadId,
    chunks: &[StoredChunk],
) -> Result<(), RepositoryError> {
    execute!(session, "DELETE FROM upload_chunks WHERE upload_id = ? AND receipt IS NULL", upload.0)?;
    let now = super::now();
    for batch in chunks.chunks(ROWS_AT_ONCE) {
        let rows = vec!["(?, ?, ?, ?, ?, ?, ?)"; batch.len()].join(", ");
        let sql = format!(
            "INSERT INTO upload_chunks (upload_id, chunk_index, writer, reserved_until, size, checksum, receipt) \
             VALUES {rows}"
        );
        on!(session, c => {
            // Nothing but the number of rows is made up here.
            let mut insert = sqlx::query(AssertSqlSafe(sql));
            for chunk in batch {
                insert = insert.bind(upload.0).bind(chunk.index.get()).bind(Uuid::nil()).bind(now);
                insert = insert.bind(chunk.size).bind(chunk.crc.map(u64::cast_signed)).bind(&chunk.receipt);
            }
            insert.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// How many bytes of an upload are acknowledged beside those of one chunk.
///
/// # Errors
/// Those of the database.
pub async fn size_of_others(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
) -> Result<i64, RepositoryError> {
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS SIGNED) FROM upload_chunks \
               WHERE upload_id = ? AND chunk_index <> ? AND receipt IS NOT NULL";
    let (size,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(upload.0).bind(index.get()).fetch_one(c).await)?;
    Ok(size)
}

/// All chunks of an upload that are safe, in order.
///
/// # Errors
/// Those of the database.
pub async fn stored(session: &mut impl Session, upload: UploadId) -> Result<Vec<StoredChunk>, RepositoryError> {
    let sql = "SELECT chunk_index, size, checksum, receipt, found_type FROM upload_chunks \
               WHERE upload_id = ? AND receipt IS NOT NULL ORDER BY chunk_index";
    let rows: Vec<Row> = on!(session, c => sqlx::query_as(sql).bind(upload.0).fetch_all(c).await)?;
    let chunks = rows.into_iter().map(|row| {
        Ok(StoredChunk {
            index: ChunkIndex::try_from(row.chunk_index).map_err(corrupt)?,
            size: row.size,
            crc: row.checksum.map(i64::cast_unsigned),
            receipt: row.receipt,
            found: row.found_type.map(FoundType::try_from).transpose().map_err(corrupt)?,
        })
    });
    chunks.collect()
}
