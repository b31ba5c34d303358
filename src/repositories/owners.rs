//! Rows of `users` and `appointments`. Their lists are in [`super::listings`].

use uuid::Uuid;

use super::{RepositoryError, Session, execute, on};
use crate::domain::owner::{Appointment, User};
use crate::domain::{AppointmentId, TenantId, UserId};

/// Whether the tenant has such a user.
///
/// # Errors
/// Those of the database.
pub async fn user_exists(session: &mut impl Session, tenant: &TenantId, id: UserId) -> Result<bool, RepositoryError> {
    let sql = "SELECT COUNT(*) FROM users WHERE id = ? AND tenant = ?";
    let (count,): (i64,) = on!(session, c => sqlx::query_as(sql).bind(id.0).bind(tenant.as_str()).fetch_one(c).await)?;
    Ok(count == 1)
}

/// Whether the tenant has such an appointment, of this user if one is given.
///
/// # Errors
/// Those of the database.
pub async fn appointment_exists(
    session: &mut impl Session,
    tenant: &TenantId,
    id: AppointmentId,
    of: Option<UserId>,
) -> Result<bool, RepositoryError> {
    let sql = "SELECT u.id FROM appointments a JOIN users u ON u.id = a.user_id WHERE a.id = ? AND u.tenant = ?";
    let owner: Option<(Uuid,)> =
        on!(session, c => sqlx::query_as(sql).bind(id.0).bind(tenant.as_str()).fetch_optional(c).await)?;
    Ok(owner.is_some_and(|(owner,)| of.is_none_or(|of| of.0 == owner)))
}

/// Inserts a user of a tenant.
///
/// # Errors
/// Those of the database.
pub async fn insert_user(session: &mut impl Session, tenant: &TenantId, user: &User) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO users (id, tenant, name, created_at, updated_at) VALUES (?, ?, ?, ?, ?)";
    let User { id, name, created_at, updated_at } = user;
    execute!(session, sql, id.0, tenant.as_str(), name.as_str(), created_at, updated_at).map(drop)
}

/// Inserts an appointment, if its user is one of the tenant's; whether that is so.
///
/// # Errors
/// Those of the database.
pub async fn insert_appointment(
    session: &mut impl Session,
    tenant: &TenantId,
    appointment: &Appointment,
) -> Result<bool, RepositoryError> {
    let Appointment { id, name, date, user_id } = appointment;
    let sql = "INSERT INTO appointments (id, name, date, user_id) \
               SELECT ?, ?, ?, id FROM users WHERE id = ? AND tenant = ?";
    Ok(execute!(session, sql, id.0, name.as_str(), date, user_id.0, tenant.as_str())? == 1)
}

/// Deletes a user and their appointments; whether there was one.
///
/// # Errors
/// Those of the database; [`super::Constraint::ForeignKey`] while files belong to them.
pub async fn delete_user(session: &mut impl Session, id: UserId) -> Result<bool, RepositoryError> {
    Ok(execute!(session, "DELETE FROM users WHERE id = ?", id.0)? == 1)
}

/// Deletes an appointment; whether there was one.
///
/// # Errors
/// Those of the database; [`super::Constraint::ForeignKey`] while files belong to it.
pub async fn delete_appointment(session: &mut impl Session, id: AppointmentId) -> Result<bool, RepositoryError> {
    Ok(execute!(session, "DELETE FROM appointments WHERE id = ?", id.0)? == 1)
}
