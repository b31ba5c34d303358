//! Connections and transactions of whichever database was configured.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Executor;
use sqlx::migrate::MigrateError;
use sqlx::mysql::{MySql, MySqlConnectOptions, MySqlConnection, MySqlPool, MySqlPoolOptions};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::RepositoryError;
use super::pools::{Lent, acquire, statement, turn};
use crate::failpoint;

/// How long a request waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long without a word the server drops a connection to MySQL, and what is locked by it. A process that is frozen
/// in a transaction, or whose machine is gone, would hold up all others for the server's own time: eight hours.
/// And of MariaDB from 11.6.2 on, to the others it is a comment, that a statement which waited for a row takes it as it is
/// then, as MySQL's do, and does not fail because of what it waited for.
const SESSION: &str = "SET SESSION wait_timeout = 30 /*M!110602 , SESSION innodb_snapshot_isolation = OFF */";
/// When a connection that nobody needs is closed: in time before the server does.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long SQLite waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const SQLITE_READERS: u32 = 4;
/// How many statements a connection to MySQL keeps prepared: more than there are, because to drop one costs 40 ms
/// (see `removal`).
const STATEMENTS: usize = 256;
/// How long one process waits for another that migrates.
const MIGRATION_LOCK_SECONDS: i64 = 30;
const LOCK: &str = "SELECT CAST(GET_LOCK(CONCAT('filemanager.', DATABASE()), ?) AS SIGNED)";
const UNLOCK: &str = "DO RELEASE_LOCK(CONCAT('filemanager.', DATABASE()))";
/// How often a transaction that lost a deadlock is tried.
pub const DEADLOCK_ATTEMPTS: u32 = 10;

/// Whether a commit must survive a power cut. On MySQL every commit does; on SQLite a `Relaxed` one
/// survives the process but waits for the next `Full` one to reach the disk, which saves an fsync. What
/// is relaxed must be repeatable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk when the commit returns.
    Full,
    /// On the disk with the next full commit.
    Relaxed,
}

/// The configured database. Cheap to clone.
#[derive(Debug, Clone)]
pub enum Database {
    /// MySQL or MariaDB.
    MySql(MySqlPool),
    /// SQLite: many readers, one writer at a time.
    Sqlite {
        /// Connections for reading.
        readers: SqlitePool,
        /// The connection whose commits are [`Durability::Full`].
        full: SqlitePool,
        /// The connection whose commits are [`Durability::Relaxed`].
        relaxed: SqlitePool,
        /// Whose turn it is to write: a queue here is fair and quick, SQLite's own lock is neither.
        turn: Arc<Mutex<()>>,
    },
}

impl Database {
    /// A pool for a MySQL or MariaDB server. Connects when first used, so that a server which is away at
    /// start is no reason to stop.
    #[must_use]
    pub fn mysql(options: MySqlConnectOptions, connections: u32) -> Self {
        let pool = MySqlPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(IDLE_TIMEOUT)
            .after_connect(|connection, _| {
                // The locking of `chunks::acknowledge` against `uploads::begin_completing` rests on it.
                Box::pin(async move {
                    sqlx::query("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                        .execute(&mut *connection)
                        .await?;
                    sqlx::query(SESSION).execute(connection).await.map(drop)
                })
            })
            .connect_lazy_with(options.statement_cache_capacity(STATEMENTS));
        Self::MySql(pool)
    }

    /// A database file, made when it is missing. That is told, because a command that was begun in another folder makes one
    /// beside the one that is meant.
    #[must_use]
    pub fn sqlite(file: &Path) -> Self {
        if !file.exists() {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            tracing::info!(file = %file.display(), "there is no database yet; a new one is made");
        }
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let full = if failpoint::is_off("fsync") { SqliteSynchronous::Off } else { SqliteSynchronous::Full };
        let pool = |connections, synchronous| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .connect_lazy_with(options.clone().synchronous(synchronous))
        };
        Self::Sqlite {
            readers: pool(SQLITE_READERS, SqliteSynchronous::Normal),
            full: pool(1, full),
            relaxed: pool(1, SqliteSynchronous::Normal),
            turn: Arc::default(),
        }
    }

    /// The name of the kind, for a person.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MySql(_) => "MySQL",
            Self::Sqlite { .. } => "SQLite",
        }
    }

    /// Brings the schema up to date. Any number of processes may do so at once: MySQL has a lock for it,
    /// for SQLite the caller holds one.
    ///
    /// # Errors
    /// When the database is away or a migration fails.
    pub async fn migrate(&self) -> Result<(), MigrateError> {
        match self {
            Self::MySql(pool) => {
                // sqlx takes a lock too, but without an end to the waiting, which MariaDB takes for no waiting at all.
                let mut lock = pool.acquire().await?;
                // Where it is broken off, nobody else shall wait for its answer.
                lock.close_on_drop();
                let (locked,): (Option<i64>,) =
                    sqlx::query_as(LOCK).bind(MIGRATION_LOCK_SECONDS).fetch_one(&mut *lock).await?;
                if locked != Some(1) {
                    return Err(sqlx::Error::PoolTimedOut.into());
                }
                let migrated = sqlx::migrate!("migrations/mysql").run(&mut *lock).await;
                sqlx::query(UNLOCK).execute(&mut *lock).await?;
                migrated
            }
            Self::Sqlite { full, .. } => sqlx::migrate!("migrations/sqlite").run(full).await,
        }
    }

    /// A connection for reading.
    ///
    /// # Errors
    /// When none is free in time or the database is away.
    pub async fn reader(&self) -> Result<Connection, RepositoryError> {
        Ok(match self {
            Self::MySql(pool) => Connection::MySql(Lent::new(acquire(pool).await?)),
            Self::Sqlite { readers, .. } => Connection::Sqlite { connection: acquire(readers).await?, _turn: None },
        })
    }

    /// A connection for one statement that commits by itself.
    ///
    /// # Errors
    /// When none is free in time or the database is away.
    pub async fn writer(&self, durability: Durability) -> Result<Connection, RepositoryError> {
        Ok(match self {
            Self::MySql(pool) => Connection::MySql(Lent::new(acquire(pool).await?)),
            Self::Sqlite { full, relaxed, turn: whose, .. } => {
                let turn = turn(whose).await?;
                let pool = if durability == Durability::Full { full } else { relaxed };
                Connection::Sqlite { connection: acquire(pool).await?, _turn: Some(turn) }
            }
        })
    }

    /// Begins a transaction; [`in_transaction`] is the way to use it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn begin(&self, durability: Durability) -> Result<Transaction, RepositoryError> {
        Ok(match self {
            Self::MySql(pool) => Transaction::MySql(Begun::begin(acquire(pool).await?, None, "BEGIN").await?),
            Self::Sqlite { full, relaxed, turn: whose, .. } => {
                let turn = turn(whose).await?;
                let pool = if durability == Durability::Full { full } else { relaxed };
                Transaction::Sqlite(Begun::begin(acquire(pool).await?, Some(turn), "BEGIN IMMEDIATE").await?)
            }
        })
    }
}

/// An error that may be the loss of a deadlock.
pub trait Deadlocked {
    /// Whether the transaction lost a deadlock and may be tried again at once.
    fn is_deadlock(&self) -> bool;
}

impl Deadlocked for RepositoryError {
    fn is_deadlock(&self) -> bool {
        matches!(self, Self::Deadlock(_))
    }
}

/// A connection out of a pool.
pub enum Connection {
    /// To MySQL or MariaDB.
    MySql(Lent),
    /// To SQLite.
    Sqlite {
        /// The connection.
        connection: PoolConnection<Sqlite>,
        /// Held while the connection may write.
        _turn: Option<OwnedMutexGuard<()>>,
    },
}

/// A transaction that was begun.
pub enum Transaction {
    /// On MySQL or MariaDB.
    MySql(Begun<MySql>),
    /// On SQLite.
    Sqlite(Begun<Sqlite>),
}

/// A transaction and its connection. Of our own, because sqlx's leaves connections in the pool that are in a transaction
/// nobody knows of: one whose `BEGIN` is on its way when its caller goes (every later statement would run in it, and
/// never be committed), and one whose commit failed for want of space.
pub struct Begun<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    /// Until this is set, the connection is not fit for anybody else.
    ended: bool,
    /// Held until the transaction's end, where writers take turns.
    _turn: Option<OwnedMutexGuard<()>>,
}

impl<DB: sqlx::Database> Begun<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    async fn begin(
        connection: PoolConnection<DB>,
        turn: Option<OwnedMutexGuard<()>>,
        sql: &'static str,
    ) -> Result<Self, sqlx::Error> {
        let mut begun = Self { connection, ended: false, _turn: turn };
        statement("begin", sqlx::raw_sql(sql).execute(&mut *begun.connection)).await?;
        Ok(begun)
    }

    async fn end(mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        statement("end", sqlx::raw_sql(sql).execute(&mut *self.connection)).await?;
        self.ended = true;
        Ok(())
    }
}

impl<DB: sqlx::Database> Drop for Begun<DB> {
    fn drop(&mut self) {
        if !self.ended {
            // The database rolls back what its client leaves behind.
            self.connection.close_on_drop();
        }
    }
}

impl Transaction {
    /// Commits if the work went well, else rolls back.
    ///
    /// # Errors
    /// Those of the work, and that of the commit.
    pub async fn finish<T, E: From<RepositoryError>>(self, outcome: Result<T, E>) -> Result<T, E> {
        let ended = match (self, &outcome) {
            (Self::MySql(transaction), Ok(_)) => transaction.end("COMMIT").await,
            (Self::Sqlite(transaction), Ok(_)) => transaction.end("COMMIT").await,
            (Self::MySql(transaction), Err(_)) => transaction.end("ROLLBACK").await,
            (Self::Sqlite(transaction), Err(_)) => transaction.end("ROLLBACK").await,
        };
        match (ended, &outcome) {
            (Err(error), Ok(_)) => return Err(RepositoryError::from(error).into()),
            (Err(error), Err(_)) => {
                tracing::debug!(%error, "a transaction could not be rolled back; its connection is dropped");
            }
            (Ok(()), _) => {}
        }
        outcome
    }
}

/// What statements run on: a [`Connection`] or a [`Transaction`].
pub trait Session: Send {
    /// The connection inside.
    fn handle(&mut self) -> Handle<'_>;

    /// A statement waits for its answer from now on, or has it.
    fn set_waiting(&mut self, waiting: bool);
}

/// The connection inside a [`Session`].
pub enum Handle<'s> {
    /// To MySQL or MariaDB.
    MySql(&'s mut MySqlConnection),
    /// To SQLite.
    Sqlite(&'s mut SqliteConnection),
}

impl Session for Connection {
    fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::MySql(lent) => Handle::MySql(&mut lent.connection),
            Self::Sqlite { connection, .. } => Handle::Sqlite(connection),
        }
    }

    fn set_waiting(&mut self, waiting: bool) {
        if let Self::MySql(lent) = self {
            lent.waiting = waiting;
        }
    }
}

impl Session for Transaction {
    fn handle(&mut self) -> Handle<'_> {
        match self {
            Self::MySql(transaction) => Handle::MySql(&mut transaction.connection),
            Self::Sqlite(transaction) => Handle::Sqlite(&mut transaction.connection),
        }
    }

    // One that has not ended is not fit for anybody else anyway.
    fn set_waiting(&mut self, _: bool) {}
}

/// Runs the same statement on whichever database the session is of.
macro_rules! on {
    ($session:expr, $connection:ident => $statement:expr) => {{
        $crate::repositories::database::Session::set_waiting($session, true);
        let answer = $crate::repositories::pools::statement(module_path!(), async {
            match $crate::repositories::database::Session::handle($session) {
                $crate::repositories::database::Handle::MySql($connection) => $statement,
                $crate::repositories::database::Handle::Sqlite($connection) => $statement,
            }
        })
        .await;
        $crate::repositories::database::Session::set_waiting($session, $crate::repositories::pools::is_late(&answer));
        answer
    }};
}
pub(super) use on;

/// Runs the same statement on whichever database the session is of, and tells how many rows it matched.
macro_rules! execute {
    ($session:expr, $statement:expr $(, $value:expr)* $(,)?) => {
        $crate::repositories::database::on!($session, connection => {
            sqlx::query($statement)$(.bind($value))*.execute(connection).await.map(|done| done.rows_affected())
        })
        .map_err($crate::repositories::RepositoryError::from)
    };
}
pub(super) use execute;

/// Runs a function of a `&mut Transaction` in a transaction that is committed when it answers `Ok`. A lost
/// deadlock is tried again, so the function may run more than once. (A macro, because a future that borrows
/// both the transaction and its surroundings cannot yet be shown to be `Send` through a function.)
macro_rules! in_transaction {
    ($database:expr, $durability:expr, $transaction:ident => $work:expr) => {{
        let mut attempt = 1;
        loop {
            let mut begun = match $database.begin($durability).await {
                Ok(begun) => begun,
                Err(error) => break Err(error.into()),
            };
            let $transaction = &mut begun;
            let outcome = $work.await;
            match begun.finish(outcome).await {
                Err(error)
                    if $crate::repositories::Deadlocked::is_deadlock(&error)
                        && attempt < $crate::repositories::DEADLOCK_ATTEMPTS =>
                {
                    attempt += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use in_transaction;
