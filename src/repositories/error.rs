//! What can go wrong in a database, in the service's own words.

use sqlx::error::ErrorKind;
use sqlx::mysql::MySqlDatabaseError;

/// A rule of the schema that a statement broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    /// There is a file of this upload already.
    FileOfUpload,
    /// There is a row of this chunk already.
    Chunk,
    /// There is a job of this kind for this subject already.
    JobOfSubject,
    /// A row that is referred to does not exist.
    ForeignKey,
    /// Another rule, which no caller can break.
    Other,
}

/// Names by which the databases tell the key of a unique constraint: MySQL and MariaDB give the key's
/// name, SQLite the columns, and sqlx passes on neither but in the message.
const KEYS: [(Constraint, [&str; 2]); 3] = [
    (Constraint::FileOfUpload, ["files_upload_id", "files.upload_id"]),
    (Constraint::Chunk, ["PRIMARY", "upload_chunks.upload_id"]),
    (Constraint::JobOfSubject, ["jobs_kind_subject", "jobs.kind"]),
];

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The database is away, or too busy; the same may work later.
    #[error("the database cannot be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database's disk is full.
    #[error("the database's disk is full: {0}")]
    Full(#[source] sqlx::Error),
    /// A rule of the schema was broken.
    #[error("the database refused {0:?}")]
    Violation(Constraint),
    /// A deadlock or a lock that took too long: the transaction may be tried again at once.
    #[error("the transaction lost a deadlock: {0}")]
    Deadlock(#[source] sqlx::Error),
    /// Rows that make no sense, or a statement that is wrong: ours to mend.
    #[error("the database answered: {0}")]
    Unexpected(#[source] sqlx::Error),
}

impl From<sqlx::Error> for RepositoryError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
                _ => Self::Unexpected(error),
            };
        };
        let code = database.code().unwrap_or_default().into_owned();
        let number = database.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
        match (database.kind(), number) {
            (ErrorKind::UniqueViolation, _) => Self::Violation(unique_key(database.message())),
            (ErrorKind::ForeignKeyViolation, _) => Self::Violation(Constraint::ForeignKey),
            // ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK, MariaDB's ER_CHECKREAD
            (_, Some(1205 | 1213 | 1020)) => Self::Deadlock(error),
            // ER_DISK_FULL, ER_RECORD_FILE_FULL
            (_, Some(1021 | 1114)) => Self::Full(error),
            // ER_SERVER_SHUTDOWN, ER_CON_COUNT_ERROR, access denied (a password that is being changed), unknown database,
            // ER_CLIENT_INTERACTION_TIMEOUT
            (_, Some(1053 | 1040 | 1203 | 1044 | 1045 | 1049 | 1129 | 1130 | 1290 | 1836 | 1927 | 4031)) => {
                Self::Unavailable(error)
            }
            // SQLITE_FULL
            (_, None) if code == "13" => Self::Full(error),
            // SQLITE_BUSY, SQLITE_IOERR, SQLITE_CANTOPEN and their extended codes: the low byte
            (_, None) if matches!(code.parse::<i64>().map(|code| code & 0xff), Ok(5 | 10 | 14)) => {
                Self::Unavailable(error)
            }
            _ => Self::Unexpected(error),
        }
    }
}

fn unique_key(message: &str) -> Constraint {
    let found = KEYS.iter().find(|(_, names)| names.iter().any(|name| message.contains(name)));
    found.map_or(Constraint::Other, |(constraint, _)| *constraint)
}

/// A stored value that does not parse: the row was written by something else than this service.
pub(super) fn corrupt(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> RepositoryError {
    RepositoryError::Unexpected(sqlx::Error::Decode(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_in_every_databases_message() {
        for message in [
            "Duplicate entry 'x' for key 'files.files_upload_id'",
            "Duplicate entry 'x' for key 'files_upload_id'",
            "UNIQUE constraint failed: files.upload_id",
        ] {
            assert_eq!(unique_key(message), Constraint::FileOfUpload, "{message}");
        }
        assert_eq!(unique_key("UNIQUE constraint failed: files.path"), Constraint::Other);
    }
}
