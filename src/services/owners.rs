//! Users, their appointments, and the lists of both and of their files.

use super::ledger::Announcer;
use super::removal::delete_files;
use super::{Failure, Ports};
use crate::domain::file::ListedFile;
use crate::domain::owner::{Appointment, ListedAppointment, User};
use crate::domain::{AppointmentId, Name, Page, Rows, UserId};
use crate::repositories::removal::Doomed;
use crate::repositories::{Constraint, Durability, RepositoryError, listings, now, owners};

/// Why a caller did not get what it asked of a user or an appointment.
#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// There is no such user or appointment.
    #[error("there is no such user or appointment")]
    NotFound,
    /// A dependency failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<RepositoryError> for OwnerError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

/// Users, appointments, and lists.
#[derive(Clone)]
pub struct OwnerService {
    ports: Ports,
    announcer: Announcer,
}

impl OwnerService {
    /// A service on these ports.
    #[must_use]
    pub fn new(ports: Ports, announcer: Announcer) -> Self {
        Self { ports, announcer }
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn create_user(&self, name: Name) -> Result<User, Failure> {
        let now = now();
        let user = User { id: UserId::random(), name, created_at: now, updated_at: now };
        owners::insert_user(&mut self.ports.database.writer(Durability::Full).await?, &user).await?;
        Ok(user)
    }

    /// All users.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn users(&self, page: Page) -> Result<Rows<User>, Failure> {
        Ok(listings::users(&mut self.ports.database.reader().await?, page).await?)
    }

    /// Makes an appointment of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn create_appointment(&self, name: Name, user_id: UserId) -> Result<Appointment, OwnerError> {
        let appointment = Appointment { id: AppointmentId::random(), name, date: now(), user_id };
        let mut database = self.ports.database.writer(Durability::Full).await?;
        match owners::insert_appointment(&mut database, &appointment).await {
            Err(RepositoryError::Violation(Constraint::ForeignKey)) => Err(OwnerError::NotFound),
            inserted => Ok(inserted.map(|()| appointment)?),
        }
    }

    /// The appointments of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn appointments(&self, user: UserId, page: Page) -> Result<Rows<ListedAppointment>, OwnerError> {
        let mut database = self.ports.database.reader().await?;
        let rows = listings::appointments_of_user(&mut database, user, page).await?;
        if rows.items.is_empty() && !owners::user_exists(&mut database, user).await? {
            return Err(OwnerError::NotFound);
        }
        Ok(rows)
    }

    /// The files of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn files_of_user(&self, user: UserId, page: Page) -> Result<Rows<ListedFile>, OwnerError> {
        let mut database = self.ports.database.reader().await?;
        let rows = listings::files_of_user(&mut database, user, page).await?;
        if rows.items.is_empty() && !owners::user_exists(&mut database, user).await? {
            return Err(OwnerError::NotFound);
        }
        Ok(rows)
    }

    /// The files of an appointment.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such appointment.
    pub async fn files_of_appointment(&self, id: AppointmentId, page: Page) -> Result<Rows<ListedFile>, OwnerError> {
        let mut database = self.ports.database.reader().await?;
        let rows = listings::files_of_appointment(&mut database, id, page).await?;
        if rows.items.is_empty() && !owners::appointment_exists(&mut database, id).await? {
            return Err(OwnerError::NotFound);
        }
        Ok(rows)
    }

    /// Deletes a user with their appointments and files. What is in the store goes by jobs. Cut off in the middle, it has
    /// deleted some files, and is to be asked for again.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn delete_user(&self, id: UserId, trace_id: &str) -> Result<(), OwnerError> {
        self.delete(Doomed::OfUser(id), trace_id).await
    }

    /// Deletes an appointment with its files, likewise.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such appointment.
    pub async fn delete_appointment(&self, id: AppointmentId, trace_id: &str) -> Result<(), OwnerError> {
        self.delete(Doomed::OfAppointment(id), trace_id).await
    }

    async fn delete(&self, doomed: Doomed, trace_id: &str) -> Result<(), OwnerError> {
        loop {
            delete_files(&self.ports, &self.announcer, doomed, trace_id).await?;
            let mut database = self.ports.database.writer(Durability::Full).await?;
            let deleted = match doomed {
                Doomed::OfUser(id) => owners::delete_user(&mut database, id).await,
                Doomed::OfAppointment(id) => owners::delete_appointment(&mut database, id).await,
                Doomed::File(_) => Ok(true),
            };
            match deleted {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(OwnerError::NotFound),
                // Meanwhile a file was completed, or another transaction was in the way.
                Err(RepositoryError::Violation(Constraint::ForeignKey) | RepositoryError::Deadlock(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
