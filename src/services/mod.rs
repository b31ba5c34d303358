//! The rules of the service. A service owns its transactions and knows no HTTP.

pub mod access;
pub mod assembly;
pub mod audit;
pub mod cause;
pub mod check;
pub mod completion;
mod error;
pub mod events;
pub mod files;
pub mod gc;
pub mod health;
pub mod jwt;
pub mod keys;
pub mod ledger;
pub mod levels;
pub mod links;
pub mod maintenance;
pub mod owners;
mod proof;
mod removal;
pub mod retries;
pub mod tenants;
pub mod upload_tokens;
pub mod uploads;

pub use error::{Failure, FieldError, invalid_field};

use crate::queue::SharedQueue;
use crate::repositories::Database;
use crate::storage::SharedStorage;

/// The three ports on which everything stands. Cheap to clone.
#[derive(Clone)]
pub struct Ports {
    /// The database.
    pub database: Database,
    /// The object store.
    pub storage: SharedStorage,
    /// The job queue.
    pub queue: SharedQueue,
}
