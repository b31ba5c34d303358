//! The endpoint of usage.

use crate::app::ApiState;
use crate::domain::Caller;
use crate::dto::usage::UsageAnswer;
use crate::services::Failure;

/// What the caller may do, and what its tenant has and may have.
///
/// # Errors
/// Those of the service.
pub async fn usage(state: &ApiState, caller: &Caller) -> Result<UsageAnswer, Failure> {
    let (usage, limits) = state.tenants.usage(&caller.tenant).await?;
    Ok(UsageAnswer::new(caller, &usage, &limits))
}
