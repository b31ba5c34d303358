//! Rows of `leases`: work that one process does at a time, for all of them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{RepositoryError, Session, execute, horizon};

/// Takes the work until `until`, unless somebody has it or it was done after `done_before`; whether it was free to take.
/// Times of a clock that was far ahead do not count.
///
/// # Errors
/// Those of the database.
pub async fn take(
    session: &mut impl Session,
    name: &str,
    owner: Uuid,
    until: DateTime<Utc>,
    done_before: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE leases SET owner = ?, lease_until = ? \
               WHERE name = ? AND (done_at <= ? OR done_at > ?) \
               AND (lease_until IS NULL OR lease_until < ? OR lease_until > ?)";
    let now = super::now();
    Ok(execute!(session, sql, owner, until, name, done_before, horizon(now), now, horizon(until))? == 1)
}

/// Prolongs a lease; whether the owner still had it.
///
/// # Errors
/// Those of the database.
pub async fn prolong(
    session: &mut impl Session,
    name: &str,
    owner: Uuid,
    until: DateTime<Utc>,
) -> Result<bool, RepositoryError> {
    let sql = "UPDATE leases SET lease_until = ? WHERE name = ? AND owner = ?";
    Ok(execute!(session, sql, until, name, owner)? == 1)
}

/// Gives a lease back, and notes when the work was done if it was.
///
/// # Errors
/// Those of the database.
pub async fn release(
    session: &mut impl Session,
    name: &str,
    owner: Uuid,
    done_at: Option<DateTime<Utc>>,
) -> Result<(), RepositoryError> {
    let sql = "UPDATE leases SET owner = NULL, lease_until = NULL, done_at = COALESCE(?, done_at) \
               WHERE name = ? AND owner = ?";
    execute!(session, sql, done_at, name, owner).map(drop)
}
