//! Deleting files: their rows go at once, and what is left in the store is noted for a job.

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{RepositoryError, Session, Transaction, on, places, tenants};
use crate::domain::audit::Action;
use crate::domain::{AppointmentId, Caller, FileId, JobId, UserId};

/// Runs a statement that ends with `IN` on these rows. Nothing but the number of places is made up. Statements of so many
/// lengths are not worth keeping prepared, but that for one row is: sqlx takes leave of one that is not kept with a packet
/// that nobody answers, and what follows waits 40 ms for its acknowledgement (RFC 1122 section 4.2.3.2), with rows locked.
macro_rules! on_rows {
    ($tx:expr, $ids:expr, $sql:literal $(, $value:expr)*) => {
        on!($tx, c => {
            let sql = format!("{}({})", $sql, places($ids.len()));
            let query = sqlx::query(AssertSqlSafe(sql))$(.bind($value))*.persistent($ids.len() == 1);
            $ids.iter().fold(query, |query, id| query.bind(*id)).execute(c).await.map(drop)
        })?
    };
}

/// Which files are to be deleted.
#[derive(Debug, Clone, Copy)]
pub enum Doomed {
    /// This one.
    File(FileId),
    /// Those of an appointment.
    OfAppointment(AppointmentId),
    /// Those of a user, and those of the user's appointments.
    OfUser(UserId),
}

/// Files to be deleted, at most `limit`.
///
/// # Errors
/// Those of the database.
pub async fn find(session: &mut impl Session, doomed: Doomed, limit: i64) -> Result<Vec<FileId>, RepositoryError> {
    let (owner, statements): (Uuid, &[&'static str]) = match doomed {
        Doomed::File(id) => (id.0, &["SELECT id FROM files WHERE id = ? LIMIT ?"]),
        Doomed::OfAppointment(id) => (id.0, &["SELECT id FROM files WHERE appointment_id = ? LIMIT ?"]),
        Doomed::OfUser(id) => (
            id.0,
            &[
                "SELECT id FROM files WHERE user_id = ? LIMIT ?",
                "SELECT f.id FROM appointments a JOIN files f ON f.appointment_id = a.id WHERE a.user_id = ? LIMIT ?",
            ],
        ),
    };
    for sql in statements {
        let rows: Vec<(Uuid,)> = on!(session, c => sqlx::query_as(*sql).bind(owner).bind(limit).fetch_all(c).await)?;
        if !rows.is_empty() {
            return Ok(rows.into_iter().map(|(id,)| FileId(id)).collect());
        }
    }
    Ok(Vec::new())
}

/// The kinds of jobs that have to do with a file's end.
#[derive(Debug, Clone, Copy)]
pub struct Kinds {
    /// Makes the object: no longer wanted.
    pub making: &'static str,
    /// Removes the object, and whatever else the upload left in the store.
    pub removing: &'static str,
}

/// Deletes these files, notes who did it, and inserts a job for each that removes what is in the store. The job bears the
/// file's identifier, and its subject is the upload. Those jobs; files that are gone already have none. The transaction
/// must not have read anything before, so that it sees what others have deleted.
///
/// # Errors
/// Those of the database.
pub async fn delete(
    tx: &mut Transaction,
    caller: &Caller,
    files: &[FileId],
    kinds: Kinds,
    trace_id: &str,
) -> Result<Vec<JobId>, RepositoryError> {
    let now = super::now();
    let wanted: Vec<Uuid> = files.iter().map(|file| file.0).collect();
    // First a write that takes the rows' locks: whoever deletes the same files at once waits here, and finds none.
    on_rows!(tx, &wanted, "UPDATE files SET updated_at = ? WHERE id IN ", now);
    let (ids, uploads, bytes) = existing(tx, &wanted).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    on_rows!(
        tx,
        &uploads,
        "UPDATE uploads SET state = 'aborted', \
         object_path = (SELECT path FROM files WHERE files.upload_id = uploads.id) WHERE id IN "
    );
    on_rows!(
        tx,
        &ids,
        "UPDATE jobs SET state = 'done' WHERE kind = ? AND state = 'queued' AND subject IN ",
        kinds.making
    );
    on_rows!(
        tx,
        &ids,
        "INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, published_at, trace_id, created_at, \
         updated_at) SELECT id, ?, upload_id, 'queued', 0, 0, ?, ?, ?, ?, ? FROM files WHERE id IN ",
        kinds.removing,
        now,
        now,
        trace_id,
        now,
        now
    );
    let address = caller.address.map(|address| address.to_string());
    on_rows!(
        tx,
        &ids,
        "INSERT INTO audit (at, tenant, actor, action, subject, address) \
         SELECT ?, tenant, ?, ?, id, ? FROM files WHERE id IN ",
        now,
        caller.actor.to_string(),
        Action::DeleteFile.as_str(),
        address.clone()
    );
    on_rows!(tx, &ids, "DELETE FROM files WHERE id IN ");
    tenants::count(tx, &caller.tenant, -bytes, -i64::try_from(ids.len()).unwrap_or(i64::MAX)).await?;
    Ok(ids.into_iter().map(JobId).collect())
}

/// Those of these files that are there, their uploads, and how many bytes they have together.
async fn existing(tx: &mut Transaction, wanted: &[Uuid]) -> Result<(Vec<Uuid>, Vec<Uuid>, i64), RepositoryError> {
    let sql = format!("SELECT id, upload_id, size FROM files WHERE id IN ({})", places(wanted.len()));
    let rows: Vec<(Uuid, Uuid, i64)> = on!(tx, c => {
        let query = sqlx::query_as(AssertSqlSafe(sql)).persistent(wanted.len() == 1);
        wanted.iter().fold(query, |query, id| query.bind(*id)).fetch_all(c).await
    })?;
    let bytes = rows.iter().map(|(_, _, size)| size).sum();
    let (ids, uploads) = rows.into_iter().map(|(id, upload, _)| (id, upload)).unzip();
    Ok((ids, uploads, bytes))
}
