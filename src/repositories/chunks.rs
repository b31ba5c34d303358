//! Rows of `upload_chunks`: first a reservation of the right to write a chunk, then the proof that it is stored.

use std::collections::HashSet;

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
    size: Option<i64>,
    checksum: Option<i64>,
    receipt: Option<String>,
    found_type: Option<String>,
    reserved_until: DateTime<Utc>,
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
    // A reservation has a size too, but no checksum.
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

/// The right to write a chunk.
#[derive(Debug, Clone, Copy)]
pub struct Reservation {
    /// Whose chunk.
    pub upload: UploadId,
    /// Its place.
    pub index: ChunkIndex,
    /// Who writes.
    pub writer: Uuid,
    /// The most bytes that it will have.
    pub size: i64,
    /// Until when, without a sign of life of the writer.
    pub until: DateTime<Utc>,
    /// Whether the client may send the chunk past the service, as far as the writer knows.
    pub direct: bool,
}

/// Reserves a chunk that nobody has; whether it was free, and the upload is open and as the writer knows it: that a link for
/// the chunk was given is known to its writer, and none is given once it is reserved. On MySQL the subquery takes a shared
/// lock on the upload's row, so that nobody begins to write behind a complete, or behind links, that have read the rows.
///
/// # Errors
/// Those of the database.
pub async fn reserve(session: &mut impl Session, wanted: &Reservation) -> Result<bool, RepositoryError> {
    let Reservation { upload, index, writer, size, until, direct } = wanted;
    let sql = "INSERT INTO upload_chunks (upload_id, chunk_index, writer, size, reserved_until) \
               SELECT id, ?, ?, ?, ? FROM uploads WHERE id = ? AND state = 'open' AND direct = ?";
    match execute!(session, sql, index.get(), writer, size, until, upload.0, direct) {
        Ok(rows) => Ok(rows == 1),
        Err(RepositoryError::Violation(Constraint::Chunk)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes over a reservation that ran out before `now`; whether it was there to take, and the upload is open.
///
/// # Errors
/// Those of the database.
pub async fn take_over(
    session: &mut impl Session,
    wanted: &Reservation,
    now: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let Reservation { upload, index, writer, size, until, .. } = wanted;
    let sql = "UPDATE upload_chunks SET writer = ?, size = ?, reserved_until = ? \
               WHERE upload_id = ? AND chunk_index = ? AND receipt IS NULL AND (reserved_until <= ? OR reserved_until > ?) \
               AND EXISTS (SELECT 1 FROM uploads WHERE uploads.id = ? AND uploads.state = 'open')";
    let beyond = horizon(now);
    Ok(execute!(session, sql, writer, size, until, upload.0, index.get(), now, beyond, upload.0)? == 1)
}

/// Lets a writer's own reservation be of so many bytes and no more.
///
/// # Errors
/// Those of the database.
pub async fn shrink(session: &mut impl Session, reserved: &Reservation, size: i64) -> Result<(), RepositoryError> {
    let Reservation { upload, index, writer, .. } = reserved;
    let sql = "UPDATE upload_chunks SET size = ? \
               WHERE upload_id = ? AND chunk_index = ? AND writer = ? AND receipt IS NULL";
    execute!(session, sql, size, upload.0, index.get(), writer).map(drop)
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

/// Lets a writer's own reservation be nobody's, and long over by any clock, so that the next writer knows of it.
///
/// # Errors
/// Those of the database.
pub async fn abandon(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    writer: Uuid,
) -> Result<(), RepositoryError> {
    let sql = "UPDATE upload_chunks SET writer = ?, reserved_until = ? \
               WHERE upload_id = ? AND chunk_index = ? AND writer = ? AND receipt IS NULL";
    execute!(session, sql, Uuid::nil(), DateTime::UNIX_EPOCH, upload.0, index.get(), writer).map(drop)
}

/// The chunks of an upload that came to the service, whether or not to their end.
///
/// # Errors
/// Those of the database.
pub async fn begun(session: &mut impl Session, upload: UploadId) -> Result<HashSet<i64>, RepositoryError> {
    let sql = "SELECT chunk_index FROM upload_chunks WHERE upload_id = ?";
    let begun: Vec<i64> = on!(session, c => sqlx::query_scalar(sql).bind(upload.0).fetch_all(c).await)?;
    Ok(begun.into_iter().collect())
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
            // Nothing but the number of rows is made up here, and one number alone is worth keeping prepared.
            let mut insert = sqlx::query(AssertSqlSafe(sql)).persistent(batch.len() == ROWS_AT_ONCE);
            for chunk in batch {
                insert = insert.bind(upload.0).bind(chunk.index.get()).bind(Uuid::nil()).bind(now);
                insert = insert.bind(chunk.size).bind(chunk.crc.map(u64::cast_signed)).bind(&chunk.receipt);
            }
            insert.execute(c).await.map(drop)
        })?;
    }
    Ok(())
}

/// The bytes of the other chunks of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Others {
    /// Of those that are acknowledged.
    pub acknowledged: i64,
    /// Of those that somebody is writing, at the most.
    pub reserved: i64,
}

/// How many bytes the chunks of an upload have beside this one, at `now`.
///
/// # Errors
/// Those of the database.
pub async fn size_of_others(
    session: &mut impl Session,
    upload: UploadId,
    index: ChunkIndex,
    now: DateTime<Utc>,
) -> Result<Others, RepositoryError> {
    let sql = "SELECT CAST(COALESCE(SUM(CASE WHEN receipt IS NOT NULL THEN size END), 0) AS SIGNED), \
               CAST(COALESCE(SUM(CASE WHEN receipt IS NULL AND reserved_until > ? AND reserved_until <= ? \
               THEN size END), 0) AS SIGNED) FROM upload_chunks WHERE upload_id = ? AND chunk_index <> ?";
    let (acknowledged, reserved): (i64, i64) = on!(session, c => {
        sqlx::query_as(sql).bind(now).bind(horizon(now)).bind(upload.0).bind(index.get()).fetch_one(c).await
    })?;
    Ok(Others { acknowledged, reserved })
}

/// All chunks of an upload, in order.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    /// Those that are safe.
    pub stored: Vec<StoredChunk>,
    /// Those that somebody is writing.
    pub reserved: Vec<ChunkIndex>,
}

/// All chunks of an upload at `now`.
///
/// # Errors
/// Those of the database.
pub async fn all(session: &mut impl Session, upload: UploadId, now: DateTime<Utc>) -> Result<Chunks, RepositoryError> {
    let sql = "SELECT chunk_index, size, checksum, receipt, found_type, reserved_until FROM upload_chunks \
               WHERE upload_id = ? ORDER BY chunk_index";
    let rows: Vec<Row> = on!(session, c => sqlx::query_as(sql).bind(upload.0).fetch_all(c).await)?;
    let mut chunks = Chunks::default();
    for row in rows {
        let index = ChunkIndex::try_from(row.chunk_index).map_err(corrupt)?;
        if let (Some(size), Some(receipt)) = (row.size, row.receipt) {
            let crc = row.checksum.map(i64::cast_unsigned);
            let found = row.found_type.map(FoundType::try_from).transpose().map_err(corrupt)?;
            chunks.stored.push(StoredChunk { index, size, crc, receipt, found });
        } else if row.reserved_until > now && row.reserved_until <= horizon(now) {
            chunks.reserved.push(index);
        }
    }
    Ok(chunks)
}

/// All chunks of an upload that are safe, in order.
///
/// # Errors
/// Those of the database.
pub async fn stored(session: &mut impl Session, upload: UploadId) -> Result<Vec<StoredChunk>, RepositoryError> {
    all(session, upload, super::now()).await.map(|chunks| chunks.stored)
}
