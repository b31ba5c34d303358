//! Taking connections, and what operators see of statements and of the connections in the pools.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use sqlx::error::ErrorKind;
use sqlx::mysql::MySql;
use sqlx::pool::{Pool, PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::{Database, RepositoryError};
use crate::telemetry::calls::{Dependency, Fault, observed};
use crate::telemetry::metrics::{CONNECTIONS_WAITING, Held};

/// How long a statement may take. A request runs two or three of them on a server that is silent before it gives up.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(8);

impl Fault for sqlx::Error {
    fn is_fault(&self) -> bool {
        // A broken rule of the schema is an answer that the services reckon with.
        let kind = self.as_database_error().map(sqlx::error::DatabaseError::kind);
        !matches!(kind, Some(ErrorKind::UniqueViolation | ErrorKind::ForeignKeyViolation))
    }
}

/// Records a statement of the repository that `module` names, and waits for it, but not for ever: a server that says
/// nothing any more counts as away.
pub(super) async fn statement<T>(
    module: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let repository = module.rsplit("::").next().unwrap_or(module);
    let answered = timeout(STATEMENT_TIMEOUT, statement);
    let in_time =
        answered.map(|answer| answer.unwrap_or_else(|_| Err(sqlx::Error::Io(io::ErrorKind::TimedOut.into()))));
    observed(Dependency::Database, repository, in_time).await
}

/// Whether the answer was not waited for any longer, and may still come.
pub(super) fn is_late<T>(answer: &Result<T, sqlx::Error>) -> bool {
    matches!(answer, Err(sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::TimedOut)
}

/// A connection, once one is free.
pub(super) async fn acquire<DB: sqlx::Database>(pool: &Pool<DB>) -> Result<PoolConnection<DB>, RepositoryError> {
    let _waiting = Held::on(CONNECTIONS_WAITING);
    Ok(observed(Dependency::Database, "connect", pool.acquire()).await?)
}

/// The turn to write, where writers take turns.
pub(super) async fn turn(turn: &Arc<Mutex<()>>) -> Result<OwnedMutexGuard<()>, RepositoryError> {
    let _waiting = Held::on(CONNECTIONS_WAITING);
    Ok(observed(Dependency::Database, "turn", async { Ok::<_, sqlx::Error>(Arc::clone(turn).lock_owned().await) })
        .await?)
}

/// A connection to a server, which may say nothing any more.
pub struct Lent {
    pub(super) connection: PoolConnection<MySql>,
    /// Whether a statement waits for its answer, or has waited too long.
    pub(super) waiting: bool,
}

impl Lent {
    pub(super) fn new(connection: PoolConnection<MySql>) -> Self {
        Self { connection, waiting: false }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.waiting {
            // The pool would wait for the answer before it lets others have the connection's place, without an end.
            self.connection.close_on_drop();
        }
    }
}

/// What is in a pool.
#[derive(Debug, Clone, Copy)]
pub struct PoolLevel {
    /// What its connections are for.
    pub name: &'static str,
    /// Connections that somebody has.
    pub in_use: u32,
    /// Connections that nobody has.
    pub idle: u32,
    /// The most connections.
    pub most: u32,
}

impl Database {
    /// What is in each pool.
    #[must_use]
    pub fn levels(&self) -> Vec<PoolLevel> {
        match self {
            Self::MySql(pool) => vec![level("main", pool)],
            Self::Sqlite { readers, full, relaxed, .. } => {
                vec![level("read", readers), level("write", full), level("write_relaxed", relaxed)]
            }
        }
    }
}

fn level<DB: sqlx::Database>(name: &'static str, pool: &Pool<DB>) -> PoolLevel {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    PoolLevel { name, in_use: pool.size().saturating_sub(idle), idle, most: pool.options().get_max_connections() }
}
