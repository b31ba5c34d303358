//! Bodies of the users' and appointments' routes.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::fields::{FieldReader, Fields};
use super::file::{ListedFileAnswer, timestamp};
use crate::domain::owner::{Appointment, User};
use crate::domain::{Name, UserId};
use crate::services::FieldError;

/// A user to be made.
#[derive(Debug, ToSchema)]
pub struct UserForm {
    /// The user's name, 1 to 255 characters.
    pub name: String,
}

/// Reads a user's name.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_user(fields: &Fields) -> Result<Name, Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let name = reader.parse_required("name", str::parse);
    reader.finish(name)?.ok_or_else(Vec::new)
}

/// An appointment to be made.
#[derive(Debug, ToSchema)]
pub struct AppointmentForm {
    /// The appointment's name, 1 to 255 characters.
    pub name: String,
    /// The appointment's user.
    pub user_id: Uuid,
}

/// Reads an appointment's name and user.
///
/// # Errors
/// All fields that are wrong.
pub fn parse_appointment(fields: &Fields) -> Result<(Name, UserId), Vec<FieldError>> {
    let mut reader = FieldReader::new(fields);
    let name = reader.parse_required("name", str::parse);
    let user_id = reader.id_required("user_id");
    reader.finish(name.zip(user_id))?.ok_or_else(Vec::new)
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserAnswer {
    /// The user's identifier.
    pub id: Uuid,
    /// The user's name.
    pub name: String,
    /// When the user was made (RFC 3339).
    pub created_at: String,
    /// When the user was changed last (RFC 3339).
    pub updated_at: String,
}

impl From<User> for UserAnswer {
    fn from(user: User) -> Self {
        Self {
            id: user.id.0,
            name: user.name.as_str().to_owned(),
            created_at: timestamp(user.created_at),
            updated_at: timestamp(user.updated_at),
        }
    }
}

/// An appointment.
#[derive(Debug, Serialize, ToSchema)]
pub struct AppointmentAnswer {
    /// The appointment's identifier.
    pub id: Uuid,
    /// The appointment's name.
    pub name: String,
    /// When it was made (RFC 3339).
    pub date: String,
    /// The appointment's user.
    pub user_id: Uuid,
    /// Its newest files, up to 1,000.
    pub files: Vec<ListedFileAnswer>,
}

impl AppointmentAnswer {
    /// An appointment with its newest files.
    #[must_use]
    pub fn new(appointment: &Appointment, files: Vec<ListedFileAnswer>) -> Self {
        Self {
            id: appointment.id.0,
            name: appointment.name.as_str().to_owned(),
            date: timestamp(appointment.date),
            user_id: appointment.user_id.0,
            files,
        }
    }
}
