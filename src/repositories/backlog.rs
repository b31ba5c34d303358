//! How much work waits. Every statement is answered by an index and stops counting at [`MOST`], so that it is cheap however
//! many rows of ended jobs there are, and however long the queue is.

use chrono::{DateTime, Utc};

use super::{RepositoryError, Session, on};

/// What is more than this is not counted.
pub const MOST: i64 = 100_000;

/// Jobs that could run now.
pub const DUE: &str =
    "SELECT COUNT(*) FROM (SELECT 1 AS n FROM jobs WHERE state = 'queued' AND run_at <= ? LIMIT ?) AS counted";
/// Jobs that wait for their next attempt.
pub const DELAYED: &str =
    "SELECT COUNT(*) FROM (SELECT 1 AS n FROM jobs WHERE state = 'queued' AND run_at > ? LIMIT ?) AS counted";
/// Jobs that a worker holds.
pub const RUNNING: &str =
    "SELECT COUNT(*) FROM (SELECT 1 AS n FROM jobs WHERE state = 'running' AND run_at <= ? LIMIT ?) AS counted";
/// Jobs that were given up.
pub const FAILED: &str =
    "SELECT COUNT(*) FROM (SELECT 1 AS n FROM jobs WHERE state = 'failed' AND run_at <= ? LIMIT ?) AS counted";
/// Uploads that are neither completed nor given up.
pub const OPEN_UPLOADS: &str =
    "SELECT COUNT(*) FROM (SELECT 1 AS n FROM uploads WHERE state = 'open' AND expires_at > ? LIMIT ?) AS counted";
/// When the job that has waited longest was due.
pub const OLDEST: &str = "SELECT run_at FROM jobs WHERE state = 'queued' AND run_at <= ? ORDER BY run_at LIMIT ?";
/// When the job was left that has been without its worker longest.
pub const ABANDONED: &str =
    "SELECT lease_until FROM jobs WHERE state = 'running' AND lease_until <= ? ORDER BY lease_until LIMIT ?";

/// How much work waits, of all processes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Jobs that could run now.
    pub due: i64,
    /// Jobs that wait for their next attempt.
    pub delayed: i64,
    /// Jobs that a worker holds.
    pub running: i64,
    /// Jobs that were given up.
    pub failed: i64,
    /// Uploads that are neither completed nor given up.
    pub open_uploads: i64,
    /// When the job that has waited longest was due, or was left by its worker, if one waits.
    pub oldest_due: Option<DateTime<Utc>>,
}

/// How much work waits at this time.
///
/// # Errors
/// Those of the database.
pub async fn read(session: &mut impl Session, now: DateTime<Utc>) -> Result<Backlog, RepositoryError> {
    let (queued, abandoned) = (earliest(session, OLDEST, now).await?, earliest(session, ABANDONED, now).await?);
    Ok(Backlog {
        due: count(session, DUE, now).await?,
        delayed: count(session, DELAYED, now).await?,
        running: count(session, RUNNING, now).await?,
        failed: count(session, FAILED, now).await?,
        open_uploads: count(session, OPEN_UPLOADS, now).await?,
        oldest_due: queued.into_iter().chain(abandoned).min(),
    })
}

async fn earliest(
    session: &mut impl Session,
    sql: &'static str,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, RepositoryError> {
    let earliest: Option<(DateTime<Utc>,)> =
        on!(session, c => sqlx::query_as(sql).bind(now).bind(1).fetch_optional(c).await)?;
    Ok(earliest.map(|(at,)| at))
}

async fn count(session: &mut impl Session, sql: &'static str, now: DateTime<Utc>) -> Result<i64, RepositoryError> {
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(now).bind(MOST).fetch_one(c).await)?;
    Ok(count)
}
