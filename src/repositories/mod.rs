//! All SQL of the service, and nothing else. Every statement is written once and runs on MySQL, MariaDB and SQLite.

pub mod audit;
pub mod backlog;
pub mod chunks;
mod database;
mod error;
pub mod files;
pub mod health;
pub mod jobs;
pub mod keys;
pub mod leases;
pub mod listings;
pub mod owners;
mod pools;
pub mod removal;
pub mod secrets;
pub mod tenants;
pub mod tidying;
pub mod uploads;

pub(crate) use database::in_transaction;
pub use database::{Connection, DEADLOCK_ATTEMPTS, Database, Deadlocked, Durability, Session, Transaction};
pub use error::{Constraint, RepositoryError};
pub use pools::PoolLevel;

use database::{execute, on};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

use crate::failpoint;

/// No time of ours is written further ahead than this, beside the end of an upload's life and long leases: one that lies
/// there was written while the clock was wrong, and counts as past.
fn horizon(now: DateTime<Utc>) -> DateTime<Utc> {
    now + TimeDelta::minutes(10)
}

/// So many places for values in a statement.
fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}

/// The present in microseconds, the finest that every database keeps.
#[must_use]
pub fn now() -> DateTime<Utc> {
    (Utc::now() + failpoint::clock_offset()).trunc_subsecs(6)
}
