//! Rows of `users` and `appointments`, as far as files refer to them.

use super::{RepositoryError, Session, on};
use crate::domain::{AppointmentId, UserId};

/// Whether there is such a user.
///
/// # Errors
/// Those of the database.
pub async fn user_exists(session: &mut impl Session, id: UserId) -> Result<bool, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM users WHERE id = ?";
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(id.0).fetch_one(c).await)?;
    Ok(count == 1)
}

/// Whether there is such an appointment.
///
/// # Errors
/// Those of the database.
pub async fn appointment_exists(session: &mut impl Session, id: AppointmentId) -> Result<bool, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM appointments WHERE id = ?";
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(id.0).fetch_one(c).await)?;
    Ok(count == 1)
}
