//! Users, their appointments, and the lists of both and of their files.

use super::ledger::Announcer;
use super::removal::delete_files;
use super::{Failure, Ports};
use crate::domain::audit::{Action, Entry};
use crate::domain::file::ListedFile;
use crate::domain::owner::{Appointment, ListedAppointment, User};
use crate::domain::{AppointmentId, Caller, Name, Page, Rows, TenantId, UserId};
use crate::repositories::removal::Doomed;
use crate::repositories::{
    Connection, Constraint, Durability, RepositoryError, Transaction, audit, in_transaction, listings, now, owners,
};

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
    pub async fn create_user(&self, caller: &Caller, name: Name) -> Result<User, Failure> {
        let now = now();
        let user = User { id: UserId::random(), name, created_at: now, updated_at: now };
        let made: Result<(), RepositoryError> =
            in_transaction!(self.ports.database, Durability::Full, tx => insert_user(tx, caller, &user));
        made?;
        Ok(user)
    }

    /// All users that the caller sees.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn users(&self, caller: &Caller, page: Page) -> Result<Rows<User>, Failure> {
        Ok(listings::users(&mut self.ports.database.reader().await?, &caller.tenant, page).await?)
    }

    /// Makes an appointment of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn create_appointment(
        &self,
        caller: &Caller,
        name: Name,
        user_id: UserId,
    ) -> Result<Appointment, OwnerError> {
        let appointment = Appointment { id: AppointmentId::random(), name, date: now(), user_id };
        let inserted: Result<bool, RepositoryError> =
            in_transaction!(self.ports.database, Durability::Full, tx => insert_appointment(tx, caller, &appointment));
        if inserted? { Ok(appointment) } else { Err(OwnerError::NotFound) }
    }

    /// The appointments of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn appointments(
        &self,
        caller: &Caller,
        user: UserId,
        page: Page,
    ) -> Result<Rows<ListedAppointment>, OwnerError> {
        let mut database = self.database_with_user(&caller.tenant, user).await?;
        Ok(listings::appointments_of_user(&mut database, user, page).await?)
    }

    /// The files of a user.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn files_of_user(
        &self,
        caller: &Caller,
        user: UserId,
        page: Page,
    ) -> Result<Rows<ListedFile>, OwnerError> {
        let mut database = self.database_with_user(&caller.tenant, user).await?;
        Ok(listings::files_of_user(&mut database, user, page).await?)
    }

    /// The files of an appointment.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such appointment.
    pub async fn files_of_appointment(
        &self,
        caller: &Caller,
        id: AppointmentId,
        page: Page,
    ) -> Result<Rows<ListedFile>, OwnerError> {
        let mut database = self.database_with_appointment(&caller.tenant, id).await?;
        Ok(listings::files_of_appointment(&mut database, id, page).await?)
    }

    /// Deletes a user with their appointments and files. What is in the store goes by jobs. Cut off in the middle, it has
    /// deleted some files, and is to be asked for again.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such user.
    pub async fn delete_user(&self, caller: &Caller, id: UserId, trace_id: &str) -> Result<(), OwnerError> {
        self.database_with_user(&caller.tenant, id).await?;
        self.delete(caller, Doomed::OfUser(id), trace_id).await
    }

    /// Deletes an appointment with its files, likewise.
    ///
    /// # Errors
    /// [`OwnerError::NotFound`] when there is no such appointment.
    pub async fn delete_appointment(
        &self,
        caller: &Caller,
        id: AppointmentId,
        trace_id: &str,
    ) -> Result<(), OwnerError> {
        self.database_with_appointment(&caller.tenant, id).await?;
        self.delete(caller, Doomed::OfAppointment(id), trace_id).await
    }

    /// A connection for reading, once it has found that the tenant has this user.
    async fn database_with_user(&self, tenant: &TenantId, id: UserId) -> Result<Connection, OwnerError> {
        let mut database = self.ports.database.reader().await?;
        if owners::user_exists(&mut database, tenant, id).await? { Ok(database) } else { Err(OwnerError::NotFound) }
    }

    /// A connection for reading, once it has found that the tenant has this appointment.
    async fn database_with_appointment(&self, tenant: &TenantId, id: AppointmentId) -> Result<Connection, OwnerError> {
        let mut database = self.ports.database.reader().await?;
        let exists = owners::appointment_exists(&mut database, tenant, id, None).await?;
        if exists { Ok(database) } else { Err(OwnerError::NotFound) }
    }

    async fn delete(&self, caller: &Caller, doomed: Doomed, trace_id: &str) -> Result<(), OwnerError> {
        loop {
            delete_files(&self.ports, &self.announcer, caller, doomed, trace_id).await?;
            let deleted: Result<bool, RepositoryError> =
                in_transaction!(self.ports.database, Durability::Full, tx => delete_owner(tx, caller, doomed));
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

async fn insert_user(tx: &mut Transaction, caller: &Caller, user: &User) -> Result<(), RepositoryError> {
    owners::insert_user(tx, &caller.tenant, user).await?;
    audit::insert(tx, &Entry::of(caller, Action::CreateUser, user.id, user.created_at)).await
}

async fn insert_appointment(
    tx: &mut Transaction,
    caller: &Caller,
    appointment: &Appointment,
) -> Result<bool, RepositoryError> {
    let inserted = owners::insert_appointment(tx, &caller.tenant, appointment).await?;
    if inserted {
        audit::insert(tx, &Entry::of(caller, Action::CreateAppointment, appointment.id, appointment.date)).await?;
    }
    Ok(inserted)
}

/// Deletes the row of an owner whose files are gone; whether there was one.
async fn delete_owner(tx: &mut Transaction, caller: &Caller, doomed: Doomed) -> Result<bool, RepositoryError> {
    let (deleted, entry) = match doomed {
        Doomed::OfUser(id) => (owners::delete_user(tx, id).await?, Entry::of(caller, Action::DeleteUser, id, now())),
        Doomed::OfAppointment(id) => {
            (owners::delete_appointment(tx, id).await?, Entry::of(caller, Action::DeleteAppointment, id, now()))
        }
        Doomed::File(_) => return Ok(true),
    };
    if deleted {
        audit::insert(tx, &entry).await?;
    }
    Ok(deleted)
}
