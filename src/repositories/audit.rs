//! Rows of `audit`, which are inserted and, when they are old, deleted; never changed.

use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;

use super::error::corrupt;
use super::{RepositoryError, Session, execute, on, places};
use crate::domain::audit::Entry;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    at: DateTime<Utc>,
    tenant: String,
    actor: String,
    action: String,
    subject: Vec<u8>,
    address: Option<String>,
}

impl TryFrom<Row> for (i64, Entry) {
    type Error = RepositoryError;

    fn try_from(row: Row) -> Result<Self, RepositoryError> {
        let entry = Entry {
            at: row.at,
            tenant: row.tenant.parse().map_err(corrupt)?,
            actor: row.actor,
            action: row.action.parse().map_err(corrupt)?,
            subject: row.subject.try_into().map_err(corrupt)?,
            address: row.address.map(|address| address.parse()).transpose().map_err(corrupt)?,
        };
        Ok((row.id, entry))
    }
}

/// Adds a line.
///
/// # Errors
/// Those of the database.
pub async fn insert(session: &mut impl Session, entry: &Entry) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO audit (at, tenant, actor, action, subject, address) VALUES (?, ?, ?, ?, ?, ?)";
    let Entry { at, tenant, actor, action, subject, address } = entry;
    let address = address.map(|address| address.to_string());
    execute!(session, sql, at, tenant.as_str(), actor, action.as_str(), subject.to_bytes(), address).map(drop)
}

/// Lines since a time, in the order in which they were added, behind the one with this number; with their numbers.
///
/// # Errors
/// Those of the database.
pub async fn page(
    session: &mut impl Session,
    since: DateTime<Utc>,
    after: i64,
    limit: i64,
) -> Result<Vec<(i64, Entry)>, RepositoryError> {
    let sql = "SELECT id, at, tenant, actor, action, subject, address FROM audit \
               WHERE id > ? AND at >= ? ORDER BY id LIMIT ?";
    let rows: Vec<Row> = on!(session, c => sqlx::query_as(sql).bind(after).bind(since).bind(limit).fetch_all(c).await)?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Deletes lines from before a time, at most `limit`; how many.
///
/// # Errors
/// Those of the database.
pub async fn delete_old(session: &mut impl Session, before: DateTime<Utc>, limit: i64) -> Result<u64, RepositoryError> {
    let sql = "SELECT id FROM audit WHERE at < ? ORDER BY at LIMIT ?";
    let ids: Vec<(i64,)> = on!(session, c => sqlx::query_as(sql).bind(before).bind(limit).fetch_all(c).await)?;
    if ids.is_empty() {
        return Ok(0);
    }
    // By their numbers, so that nothing but these lines is locked.
    let sql = format!("DELETE FROM audit WHERE id IN ({})", places(ids.len()));
    let deleted = on!(session, c => {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        ids.iter().fold(query, |query, (id,)| query.bind(*id)).execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(deleted)
}
