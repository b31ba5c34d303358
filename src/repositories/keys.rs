//! Rows of `api_keys`.

use chrono::{DateTime, Utc};

use super::error::corrupt;
use super::listings::start;
use super::{RepositoryError, Session, execute, on};
use crate::domain::access::TenantId;
use crate::domain::api_key::{ApiKey, KeyId};
use crate::domain::{Cursor, Page, Rows};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    hash: Vec<u8>,
    scopes: String,
    tenant: String,
    created_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    last_used_at: Option<DateTime<Utc>>,
}

impl TryFrom<Row> for ApiKey {
    type Error = RepositoryError;

    fn try_from(row: Row) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: row.id.parse().map_err(corrupt)?,
            name: row.name.into(),
            hash: row.hash.try_into().map_err(corrupt)?,
            scopes: row.scopes.parse().map_err(corrupt)?,
            tenant: row.tenant.parse().map_err(corrupt)?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
        })
    }
}

macro_rules! select {
    ($condition:literal) => {
        concat!(
            "SELECT id, name, hash, scopes, tenant, created_at, expires_at, revoked_at, last_used_at FROM api_keys ",
            $condition
        )
    };
}

macro_rules! insert {
    ($rows:literal) => {
        concat!("INSERT INTO api_keys (id, name, hash, scopes, tenant, created_at, expires_at) ", $rows)
    };
}

/// Inserts a key.
///
/// # Errors
/// Those of the database.
pub async fn insert(session: &mut impl Session, key: &ApiKey) -> Result<(), RepositoryError> {
    insert_by(session, insert!("VALUES (?, ?, ?, ?, ?, ?, ?)"), key).await.map(drop)
}

/// Inserts a key if there is none yet, not even a revoked one; whether there was none.
///
/// # Errors
/// Those of the database.
pub async fn insert_first(session: &mut impl Session, key: &ApiKey) -> Result<bool, RepositoryError> {
    let sql = insert!("SELECT ?, ?, ?, ?, ?, ?, ? FROM (SELECT 1) AS one WHERE NOT EXISTS (SELECT * FROM api_keys)");
    Ok(insert_by(session, sql, key).await? == 1)
}

async fn insert_by(session: &mut impl Session, sql: &'static str, key: &ApiKey) -> Result<u64, RepositoryError> {
    let ApiKey { id, name, hash, scopes, tenant, created_at, expires_at, .. } = key;
    let (id, name, scopes, tenant) = (id.to_string(), name.as_ref(), scopes.to_string(), tenant.as_str());
    execute!(session, sql, id, name, hash.as_bytes(), scopes, tenant, created_at, expires_at)
}

/// The key with this identifier.
///
/// # Errors
/// Those of the database.
pub async fn find(session: &mut impl Session, id: KeyId) -> Result<Option<ApiKey>, RepositoryError> {
    let sql = select!("WHERE id = ?");
    let row: Option<Row> = on!(session, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(ApiKey::try_from).transpose()
}

/// The keys of a tenant, or of all, newest first, revoked ones among them.
///
/// # Errors
/// Those of the database.
pub async fn list(
    session: &mut impl Session,
    tenant: Option<&TenantId>,
    page: Page,
) -> Result<Rows<ApiKey>, RepositoryError> {
    let after = start(page);
    let of_tenant = select!(
        "WHERE tenant = ? AND created_at <= ? AND (created_at < ? OR id < ?) ORDER BY created_at DESC, id DESC LIMIT ?"
    );
    let of_all =
        select!("WHERE created_at <= ? AND (created_at < ? OR id < ?) ORDER BY created_at DESC, id DESC LIMIT ?");
    let rows: Vec<Row> = on!(session, c => {
        let query = match tenant {
            Some(tenant) => sqlx::query_as(of_tenant).bind(tenant.as_str()),
            None => sqlx::query_as(of_all),
        };
        let query = query.bind(after.time).bind(after.time).bind(KeyId::from_uuid(after.id).to_string());
        query.bind(page.limit + 1).fetch_all(c).await
    })?;
    let keys = rows.into_iter().map(ApiKey::try_from).collect::<Result<_, _>>()?;
    Ok(Rows::of_page(keys, page.limit, |key: &ApiKey| Cursor { time: key.created_at, id: key.id.to_uuid() }))
}

/// Takes a key of a tenant back; whether there was a valid one.
///
/// # Errors
/// Those of the database.
pub async fn revoke(session: &mut impl Session, id: KeyId, tenant: &TenantId) -> Result<bool, RepositoryError> {
    let sql = "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND tenant = ? AND revoked_at IS NULL";
    Ok(execute!(session, sql, super::now(), id.to_string(), tenant.as_str())? == 1)
}

/// Notes that a key was used.
///
/// # Errors
/// Those of the database.
pub async fn note_use(session: &mut impl Session, id: KeyId) -> Result<(), RepositoryError> {
    execute!(session, "UPDATE api_keys SET last_used_at = ? WHERE id = ?", super::now(), id.to_string()).map(drop)
}
