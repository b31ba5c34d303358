//! The body of the usage route.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Caller;
use crate::domain::limits::{Limits, Usage};

/// What a caller may do, and what its tenant has and may have.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsageAnswer {
    /// The tenant.
    pub tenant: String,
    /// What the caller may do.
    pub scopes: Vec<&'static str>,
    /// The user that the caller is, if its token says so.
    #[schema(required = true)]
    pub user_id: Option<Uuid>,
    /// Bytes of all its files.
    pub bytes: i64,
    /// How many files.
    pub files: i64,
    /// How many uploads that are neither completed nor given up.
    pub uploads: i64,
    /// What it may have.
    pub limits: LimitsAnswer,
}

/// What a tenant may have; `null` is no limit.
#[derive(Debug, Serialize, ToSchema)]
pub struct LimitsAnswer {
    /// Bytes of all its files.
    #[schema(required = true)]
    pub bytes: Option<i64>,
    /// How many files.
    #[schema(required = true)]
    pub files: Option<i64>,
    /// How many uploads at a time.
    #[schema(required = true)]
    pub uploads: Option<i64>,
    /// Bytes of its largest file.
    #[schema(required = true)]
    pub file_size: Option<i64>,
}

impl UsageAnswer {
    /// What the caller may do, and what its tenant has and may have.
    #[must_use]
    pub fn new(caller: &Caller, usage: &Usage, limits: &Limits) -> Self {
        let Limits { bytes, files, uploads, file_size } = *limits;
        Self {
            tenant: caller.tenant.to_string(),
            scopes: caller.scopes.names(),
            user_id: caller.user.map(|user| user.0),
            bytes: usage.bytes,
            files: usage.files,
            uploads: usage.uploads,
            limits: LimitsAnswer { bytes, files, uploads, file_size },
        }
    }
}
