//! Rows of `tenants`: what those with limits may have and have. What is counted here is exact, because it is counted in the
//! transactions that change it; tenants without limits have no row, and nobody waits for one.

use super::error::corrupt;
use super::{RepositoryError, Session, Transaction, execute, on};
use crate::domain::TenantId;
use crate::domain::limits::{Limits, Tenant, Usage};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    bytes: i64,
    files: i64,
    max_bytes: Option<i64>,
    max_files: Option<i64>,
    max_uploads: Option<i64>,
    max_file_size: Option<i64>,
}

impl TryFrom<Row> for Tenant {
    type Error = RepositoryError;

    fn try_from(row: Row) -> Result<Self, RepositoryError> {
        let limits = Limits {
            bytes: row.max_bytes,
            files: row.max_files,
            uploads: row.max_uploads,
            file_size: row.max_file_size,
        };
        Ok(Self { name: row.name.parse().map_err(corrupt)?, limits, bytes: row.bytes, files: row.files })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT name, bytes, files, max_bytes, max_files, max_uploads, max_file_size FROM tenants ", $rest)
    };
}

/// A tenant that has limits.
///
/// # Errors
/// Those of the database.
pub async fn find(session: &mut impl Session, name: &TenantId) -> Result<Option<Tenant>, RepositoryError> {
    let sql = select!("WHERE name = ?");
    let row: Option<Row> = on!(session, c => sqlx::query_as(sql).bind(name.as_str()).fetch_optional(c).await)?;
    row.map(Tenant::try_from).transpose()
}

/// All tenants that have limits.
///
/// # Errors
/// Those of the database.
pub async fn list(session: &mut impl Session) -> Result<Vec<Tenant>, RepositoryError> {
    let rows: Vec<Row> = on!(session, c => sqlx::query_as(select!("ORDER BY name")).fetch_all(c).await)?;
    rows.into_iter().map(Tenant::try_from).collect()
}

/// Counts so many bytes and files more, or fewer, and keeps others from counting until the transaction ends; what the tenant
/// then has, if it has limits.
///
/// # Errors
/// Those of the database.
pub async fn count(
    tx: &mut Transaction,
    name: &TenantId,
    bytes: i64,
    files: i64,
) -> Result<Option<Tenant>, RepositoryError> {
    let sql = "UPDATE tenants SET bytes = bytes + ?, files = files + ? WHERE name = ?";
    if execute!(tx, sql, bytes, files, name.as_str())? == 0 {
        return Ok(None);
    }
    find(tx, name).await
}

/// Sets a tenant's limits, and counts what it has.
///
/// # Errors
/// Those of the database.
pub async fn set_limits(tx: &mut Transaction, name: &TenantId, limits: &Limits) -> Result<(), RepositoryError> {
    let Limits { bytes, files, uploads, file_size } = limits;
    // Others who count wait from here on, so that nothing is missed.
    execute!(tx, "DELETE FROM tenants WHERE name = ?", name.as_str())?;
    let sql = "INSERT INTO tenants (name, bytes, files, max_bytes, max_files, max_uploads, max_file_size) \
               VALUES (?, 0, 0, ?, ?, ?, ?)";
    execute!(tx, sql, name.as_str(), bytes, files, uploads, file_size)?;
    let usage = usage(tx, name).await?;
    count(tx, name, usage.bytes, usage.files).await.map(drop)
}

/// What a tenant has, looked up row by row.
///
/// # Errors
/// Those of the database.
pub async fn usage(session: &mut impl Session, name: &TenantId) -> Result<Usage, RepositoryError> {
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS SIGNED), COUNT(*) FROM files WHERE tenant = ?";
    let (bytes, files): (i64, i64) = on!(session, c => sqlx::query_as(sql).bind(name.as_str()).fetch_one(c).await)?;
    Ok(Usage { bytes, files, uploads: uploads(session, name).await? })
}

/// How many uploads of a tenant are open.
///
/// # Errors
/// Those of the database.
pub async fn uploads(session: &mut impl Session, name: &TenantId) -> Result<i64, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM uploads WHERE tenant = ? AND state = 'open' AND expires_at > ?";
    let (count,): (i64,) =
        on!(session, c => sqlx::query_as(sql).bind(name.as_str()).bind(super::now()).fetch_one(c).await)?;
    Ok(count)
}
