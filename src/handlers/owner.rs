//! The endpoints of users, appointments and lists.

use crate::app::ApiState;
use crate::domain::file::ListedFile;
use crate::domain::{AppointmentId, Name, Page, Rows, UserId};
use crate::dto::file::ListedFileAnswer;
use crate::dto::owner::{AppointmentAnswer, UserAnswer};
use crate::services::Failure;
use crate::services::owners::OwnerError;

/// Makes a user.
///
/// # Errors
/// Those of the service.
pub async fn create_user(state: &ApiState, name: Name) -> Result<UserAnswer, Failure> {
    Ok(state.owners.create_user(name).await?.into())
}

/// All users.
///
/// # Errors
/// Those of the service.
pub async fn users(state: &ApiState, page: Page) -> Result<Rows<UserAnswer>, Failure> {
    let rows = state.owners.users(page).await?;
    Ok(Rows { items: rows.items.into_iter().map(UserAnswer::from).collect(), next: rows.next })
}

/// Deletes a user with all that is theirs.
///
/// # Errors
/// Those of the service.
pub async fn delete_user(state: &ApiState, id: UserId, trace_id: &str) -> Result<(), OwnerError> {
    state.owners.delete_user(id, trace_id).await
}

/// Makes an appointment.
///
/// # Errors
/// Those of the service.
pub async fn create_appointment(state: &ApiState, name: Name, user: UserId) -> Result<AppointmentAnswer, OwnerError> {
    let appointment = state.owners.create_appointment(name, user).await?;
    Ok(AppointmentAnswer::new(&appointment, Vec::new()))
}

/// The appointments of a user.
///
/// # Errors
/// Those of the service.
pub async fn appointments(state: &ApiState, user: UserId, page: Page) -> Result<Rows<AppointmentAnswer>, OwnerError> {
    let rows = state.owners.appointments(user, page).await?;
    let mut items = Vec::with_capacity(rows.items.len());
    for row in rows.items {
        items.push(AppointmentAnswer::new(&row.appointment, answers(state, row.files).await?));
    }
    Ok(Rows { items, next: rows.next })
}

/// Deletes an appointment with its files.
///
/// # Errors
/// Those of the service.
pub async fn delete_appointment(state: &ApiState, id: AppointmentId, trace_id: &str) -> Result<(), OwnerError> {
    state.owners.delete_appointment(id, trace_id).await
}

/// The files of a user.
///
/// # Errors
/// Those of the service.
pub async fn files_of_user(state: &ApiState, user: UserId, page: Page) -> Result<Rows<ListedFileAnswer>, OwnerError> {
    let rows = state.owners.files_of_user(user, page).await?;
    Ok(Rows { items: answers(state, rows.items).await?, next: rows.next })
}

/// The files of an appointment.
///
/// # Errors
/// Those of the service.
pub async fn files_of_appointment(
    state: &ApiState,
    id: AppointmentId,
    page: Page,
) -> Result<Rows<ListedFileAnswer>, OwnerError> {
    let rows = state.owners.files_of_appointment(id, page).await?;
    Ok(Rows { items: answers(state, rows.items).await?, next: rows.next })
}

async fn answers(state: &ApiState, files: Vec<ListedFile>) -> Result<Vec<ListedFileAnswer>, Failure> {
    let mut answers = Vec::with_capacity(files.len());
    for file in files {
        let download_url = state.files.listed_url(&file).await?;
        answers.push(ListedFileAnswer::new(file, download_url));
    }
    Ok(answers)
}
