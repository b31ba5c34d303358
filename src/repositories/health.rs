//! Whether the database answers and has the schema.

use super::{Database, RepositoryError, on};

/// Asks for something that only a migrated database has.
///
/// # Errors
/// Those of the database.
pub async fn probe(database: &Database) -> Result<(), RepositoryError> {
    let mut connection = database.reader().await?;
    let sql = "SELECT COUNT(*) FROM uploads WHERE id IS NULL";
    let (_,): (i64,) = on!(&mut connection, c => sqlx::query_as(sql).fetch_one(c).await)?;
    Ok(())
}
