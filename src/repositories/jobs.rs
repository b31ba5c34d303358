//! Rows of `jobs`. The row is the job; the broker only says when to look at it.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{RepositoryError, Session, execute, horizon, on};
use crate::domain::JobId;
use crate::domain::job::{ClaimedJob, NewJob};
use crate::failpoint;

/// Takes a job. One that was never tried is due, whatever the clock of the machine says that it was inserted on.
pub const CLAIM: &str = "UPDATE jobs SET state = 'running', lease_owner = ?, lease_until = ?, epoch = epoch + 1, \
     attempts = attempts + 1, published_at = NULL, updated_at = ? \
     WHERE id = ? AND ((state = 'queued' AND (attempts = 0 OR run_at <= ? OR run_at > ?)) \
     OR (state = 'running' AND (lease_until < ? OR lease_until > ?)))";
/// Jobs that are due and that nobody was told of.
pub const QUEUED: &str = "SELECT id, trace_id FROM jobs WHERE state = 'queued' AND (run_at <= ? OR run_at > ?) \
     AND (published_at IS NULL OR published_at <= ? OR published_at > ?) ORDER BY run_at LIMIT ?";
/// Jobs whose lease ran out and that nobody was told of since.
pub const ABANDONED: &str = "SELECT id, trace_id FROM jobs WHERE state = 'running' AND (lease_until < ? OR lease_until > ?) \
     AND (published_at IS NULL OR published_at <= ? OR published_at > ?) ORDER BY lease_until LIMIT ?";

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    kind: String,
    subject: Uuid,
    attempts: i64,
    epoch: i64,
    trace_id: String,
}

/// Inserts a job that waits for its turn. It counts as announced: whoever inserts it announces it after the
/// commit, and the sweeper does when that fails.
///
/// # Errors
/// Those of the database; [`super::Constraint::JobOfSubject`] when there is one of this kind and subject.
pub async fn insert(session: &mut impl Session, job: &NewJob) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, published_at, trace_id, \
               created_at, updated_at) VALUES (?, ?, ?, 'queued', 0, 0, ?, ?, ?, ?, ?)";
    let now = super::now();
    execute!(session, sql, job.id.0, job.kind, job.subject, now, now, &job.trace_id, now, now)?;
    Ok(())
}

/// Inserts a job that the inserting worker holds from the beginning, until `until`.
///
/// # Errors
/// Those of the database; [`super::Constraint::JobOfSubject`] when there is one of this kind and subject.
pub async fn insert_claimed(
    session: &mut impl Session,
    job: &NewJob,
    until: DateTime<Utc>,
) -> Result<ClaimedJob, RepositoryError> {
    let sql = "INSERT INTO jobs (id, kind, subject, state, attempts, epoch, run_at, lease_until, trace_id, \
               created_at, updated_at) VALUES (?, ?, ?, 'running', 1, 1, ?, ?, ?, ?, ?)";
    let now = super::now();
    execute!(session, sql, job.id.0, job.kind, job.subject, now, until, &job.trace_id, now, now)?;
    Ok(ClaimedJob {
        id: job.id,
        kind: job.kind.to_owned(),
        subject: job.subject,
        attempts: 1,
        epoch: 1,
        trace_id: job.trace_id.clone(),
    })
}

/// Takes a job that is due, or whose lease ran out, until `until`; `None` when somebody else has it or
/// there is nothing to do. What was announced of it is used up: if this lease runs out, it is announced at once.
///
/// # Errors
/// Those of the database.
pub async fn claim(
    session: &mut impl Session,
    id: JobId,
    owner: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Option<ClaimedJob>, RepositoryError> {
    if execute!(session, CLAIM, owner, until, now, id.0, now, horizon(now), now, horizon(until))? == 0 {
        return Ok(None);
    }
    let sql = "SELECT id, kind, subject, attempts, epoch, trace_id FROM jobs WHERE id = ? AND lease_owner = ?";
    let row: Option<Row> = on!(session, c => sqlx::query_as(sql).bind(id.0).bind(owner).fetch_optional(c).await)?;
    Ok(row.map(|row| ClaimedJob {
        id: JobId(row.id),
        kind: row.kind,
        subject: row.subject,
        attempts: row.attempts,
        epoch: row.epoch,
        trace_id: row.trace_id,
    }))
}

/// Prolongs a lease; whether the worker still had it.
///
/// # Errors
/// Those of the database.
pub async fn prolong(
    session: &mut impl Session,
    job: &ClaimedJob,
    until: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = if failpoint::is_off("epoch") {
        "UPDATE jobs SET lease_until = ? WHERE id = ? AND epoch >= ? AND state = 'running'"
    } else {
        "UPDATE jobs SET lease_until = ? WHERE id = ? AND epoch = ? AND state = 'running'"
    };
    Ok(execute!(session, sql, until, job.id.0, job.epoch)? == 1)
}

/// Whether somebody is at work on this job, as far as leases tell.
///
/// # Errors
/// Those of the database.
pub async fn is_held(session: &mut impl Session, kind: &str, subject: Uuid) -> Result<bool, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM jobs WHERE kind = ? AND subject = ? AND state = 'running' AND lease_until >= ?";
    let now = super::now();
    let (count,): (i64,) =
        on!(session, c => sqlx::query_as(sql).bind(kind).bind(subject).bind(now).fetch_one(c).await)?;
    Ok(count > 0)
}

/// How a claimed job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending<'e> {
    /// It did what it was for.
    Done,
    /// It cannot be done.
    Failed {
        /// What the log and the operator should know.
        cause: &'e str,
    },
    /// It may work later.
    Again {
        /// Not before this time.
        run_at: DateTime<Utc>,
        /// What the log and the operator should know.
        cause: &'e str,
    },
}

/// Writes down how a claimed job ended; whether the worker still had it.
///
/// # Errors
/// Those of the database.
pub async fn end(session: &mut impl Session, job: &ClaimedJob, ending: Ending<'_>) -> Result<bool, RepositoryError> {
    let now = super::now();
    let (state, run_at, cause) = match ending {
        Ending::Done => ("done", now, None),
        Ending::Failed { cause } => ("failed", now, Some(cause)),
        Ending::Again { run_at, cause } => ("queued", run_at, Some(cause)),
    };
    let sql = if failpoint::is_off("epoch") {
        "UPDATE jobs SET state = ?, run_at = ?, last_error = ?, lease_owner = NULL, lease_until = NULL, \
         published_at = NULL, updated_at = ? WHERE id = ? AND epoch >= ? AND state = 'running'"
    } else {
        "UPDATE jobs SET state = ?, run_at = ?, last_error = ?, lease_owner = NULL, lease_until = NULL, \
         published_at = NULL, updated_at = ? WHERE id = ? AND epoch = ? AND state = 'running'"
    };
    Ok(execute!(session, sql, state, run_at, cause, now, job.id.0, job.epoch)? == 1)
}

/// Queues a claimed job again as if it had not been claimed; whether the worker still had it.
///
/// # Errors
/// Those of the database.
pub async fn hand_back(session: &mut impl Session, job: &ClaimedJob) -> Result<bool, RepositoryError> {
    let sql = "UPDATE jobs SET state = 'queued', attempts = attempts - 1, run_at = ?, lease_owner = NULL, \
               lease_until = NULL, published_at = NULL, updated_at = ? WHERE id = ? AND epoch = ? AND state = 'running'";
    let now = super::now();
    Ok(execute!(session, sql, now, now, job.id.0, job.epoch)? == 1)
}

/// Queues an ended job again with its attempts counted anew; its id, or `None` when there is no ended job
/// of this kind and subject.
///
/// # Errors
/// Those of the database.
pub async fn requeue(
    session: &mut impl Session,
    kind: &str,
    subject: Uuid,
    trace_id: &str,
) -> Result<Option<JobId>, RepositoryError> {
    let now = super::now();
    let sql = "UPDATE jobs SET state = 'queued', attempts = 0, run_at = ?, last_error = NULL, published_at = ?, \
               trace_id = ?, updated_at = ? WHERE kind = ? AND subject = ? AND state IN ('failed', 'done')";
    if execute!(session, sql, now, now, trace_id, now, kind, subject)? == 0 {
        return Ok(None);
    }
    let sql = "SELECT id FROM jobs WHERE kind = ? AND subject = ?";
    let row: Option<(Uuid,)> = on!(session, c => sqlx::query_as(sql).bind(kind).bind(subject).fetch_optional(c).await)?;
    Ok(row.map(|(id,)| JobId(id)))
}

/// Takes the turn to announce a job that nobody has announced since `before`; whether it was free to take.
///
/// # Errors
/// Those of the database.
pub async fn mark_published(
    session: &mut impl Session,
    id: JobId,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE jobs SET published_at = ? \
               WHERE id = ? AND (published_at IS NULL OR published_at <= ? OR published_at > ?)";
    Ok(execute!(session, sql, now, id.0, before, horizon(now))? == 1)
}

/// Gives the turn to announce a job back, because the broker did not take it.
///
/// # Errors
/// Those of the database.
pub async fn unmark_published(session: &mut impl Session, id: JobId) -> Result<(), RepositoryError> {
    execute!(session, "UPDATE jobs SET published_at = NULL WHERE id = ?", id.0).map(drop)
}

/// Jobs that are due and that nobody was told of since `published_before`, and those whose lease ran out
/// before `now`; at most `limit` of each, the longest-waiting first.
///
/// # Errors
/// Those of the database.
pub async fn due(
    session: &mut impl Session,
    now: DateTime<Utc>,
    published_before: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<(JobId, String)>, RepositoryError> {
    let beyond = horizon(now);
    let mut rows: Vec<(Uuid, String)> = Vec::new();
    for sql in [QUEUED, ABANDONED] {
        let found: Vec<(Uuid, String)> = on!(session, c => {
            sqlx::query_as(sql).bind(now).bind(beyond).bind(published_before).bind(beyond).bind(limit).fetch_all(c).await
        })?;
        rows.extend(found);
    }
    Ok(rows.into_iter().map(|(id, trace_id)| (JobId(id), trace_id)).collect())
}
