//! Rows of `users` and `appointments`. Their lists are in [`super::listings`].

use super::{RepositoryError, Session, execute, on};
use crate::domain::owner::{Appointment, User};
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

/// Inserts a user.
///
/// # Errors
/// Those of the database.
pub async fn insert_user(session: &mut impl Session, user: &User) -> Result<(), RepositoryError> {
    let sql = "INSERT INTO users (id, name, created_at, updated_at) VALUES (?, ?, ?, ?)";
    execute!(session, sql, user.id.0, user.name.as_str(), user.created_at, user.updated_at).map(drop)
}

/// Inserts an appointment.
///
/// # Errors
/// Those of the database; [`super::Constraint::ForeignKey`] when there is no such user.
pub async fn insert_appointment(session: &mut impl Session, appointment: &Appointment) -> Result<(), RepositoryError> {
    let Appointment { id, name, date, user_id } = appointment;
    let sql = "INSERT INTO appointments (id, name, date, user_id) VALUES (?, ?, ?, ?)";
    execute!(session, sql, id.0, name.as_str(), date, user_id.0).map(drop)
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
