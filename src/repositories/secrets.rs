//! Rows of `secrets`: what all nodes must know and nobody else.

use super::error::corrupt;
use super::{Constraint, RepositoryError, Session, execute, on};

/// The secret of this name, which is `fresh` if there was none. Of several nodes that come at once all get the same.
///
/// # Errors
/// Those of the database.
pub async fn find_or_insert(session: &mut impl Session, name: &str, fresh: &[u8]) -> Result<Vec<u8>, RepositoryError> {
    if let Some(known) = find(session, name).await? {
        return Ok(known);
    }
    let inserted = execute!(session, "INSERT INTO secrets (name, value) VALUES (?, ?)", name, fresh);
    match inserted {
        // MySQL calls the primary keys of all tables alike.
        Ok(_) | Err(RepositoryError::Violation(Constraint::Chunk | Constraint::Other)) => {}
        Err(error) => return Err(error),
    }
    find(session, name).await?.ok_or_else(|| corrupt("a secret is gone as soon as it was made"))
}

async fn find(session: &mut impl Session, name: &str) -> Result<Option<Vec<u8>>, RepositoryError> {
    let sql = "SELECT value FROM secrets WHERE name = ?";
    let row: Option<(Vec<u8>,)> = on!(session, c => sqlx::query_as(sql).bind(name).fetch_optional(c).await)?;
    Ok(row.map(|(value,)| value))
}
