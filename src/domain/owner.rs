//! Whose files are: users, and their appointments.

use chrono::{DateTime, Utc};

use super::file::ListedFile;
use super::{AppointmentId, Name, UserId};

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// Their identifier.
    pub id: UserId,
    /// Their name.
    pub name: Name,
    /// When the user was made.
    pub created_at: DateTime<Utc>,
    /// When the user was changed last.
    pub updated_at: DateTime<Utc>,
}

/// An appointment of a user.
#[derive(Debug, Clone)]
pub struct Appointment {
    /// Its identifier.
    pub id: AppointmentId,
    /// Its name.
    pub name: Name,
    /// When it was made.
    pub date: DateTime<Utc>,
    /// Its user.
    pub user_id: UserId,
}

/// An appointment in a list, with its newest files.
#[derive(Debug, Clone)]
pub struct ListedAppointment {
    /// The appointment.
    pub appointment: Appointment,
    /// Its newest files, as many as a list shows.
    pub files: Vec<ListedFile>,
}
