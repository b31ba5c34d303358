//! Tenants' limits, and what they have.

use std::time::Duration;

use moka::sync::Cache;

use super::Failure;
use crate::domain::TenantId;
use crate::domain::limits::{Limits, Tenant, Usage};
use crate::repositories::{Database, Durability, RepositoryError, in_transaction, tenants};

/// How long limits are known without asking. What is counted is counted in the database all the same.
const KNOWN_FOR: Duration = Duration::from_secs(3);
const MOST_KNOWN: u64 = 10_000;

/// Tenants' limits, and what they have.
#[derive(Clone)]
pub struct TenantService {
    database: Database,
    known: Cache<TenantId, Limits>,
}

impl TenantService {
    /// A service on this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database, known: Cache::builder().max_capacity(MOST_KNOWN).time_to_live(KNOWN_FOR).build() }
    }

    /// What a tenant may have, as it was a moment ago.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn limits(&self, name: &TenantId) -> Result<Limits, Failure> {
        if let Some(limits) = self.known.get(name) {
            return Ok(limits);
        }
        let found = tenants::find(&mut self.database.reader().await?, name).await?;
        let limits = found.map_or_else(Limits::default, |tenant| tenant.limits);
        self.known.insert(name.clone(), limits);
        Ok(limits)
    }

    /// What a tenant has, and what it may have. Where it has limits that is counted; else it is looked up.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn usage(&self, name: &TenantId) -> Result<(Usage, Limits), Failure> {
        let mut database = self.database.reader().await?;
        let Some(Tenant { limits, bytes, files, .. }) = tenants::find(&mut database, name).await? else {
            return Ok((tenants::usage(&mut database, name).await?, Limits::default()));
        };
        Ok((Usage { bytes, files, uploads: tenants::uploads(&mut database, name).await? }, limits))
    }

    /// All tenants that have limits.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn list(&self) -> Result<Vec<Tenant>, Failure> {
        Ok(tenants::list(&mut self.database.reader().await?).await?)
    }

    /// Sets a tenant's limits in the place of those that it has.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn set_limits(&self, name: &TenantId, limits: &Limits) -> Result<(), Failure> {
        let set: Result<(), RepositoryError> =
            in_transaction!(self.database, Durability::Full, tx => tenants::set_limits(tx, name, limits));
        Ok(set?)
    }
}
