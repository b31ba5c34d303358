//! The endpoints of users, appointments and lists.

use crate::app::ApiState;
use crate::domain::file::ListedFile;
use crate::domain::{AppointmentId, Caller, Name, Page, Rows, UserId};
use crate::dto::file::ListedFileAnswer;
use crate::dto::owner::{AppointmentAnswer, UserAnswer};
use crate::services::Failure;
use crate::services::owners::OwnerError;

/// Makes a user.
///
/// # Errors
/// Those of the service.
pub async fn create_user(state: &ApiState, caller: &Caller, name: Name) -> Result<UserAnswer, Failure> {
    Ok(state.owners.create_user(caller, name).await?.into())
}

/// All users.
///
/// # Errors
/// Those of the service.
pub async fn users(state: &ApiState, caller: &Caller, page: Page) -> Result<Rows<UserAnswer>, Failure> {
    let rows = state.owners.users(caller, page).await?;
    Ok(Rows { items: rows.items.into_iter().map(UserAnswer::from).collect(), next: rows.next })
}

/// Deletes a user with all that is theirs.
///
/// # Errors
/// Those of the service.
pub async fn delete_user(state: &ApiState, caller: &Caller, id: UserId, trace_id: &str) -> Result<(), OwnerError> {
    state.owners.delete_user(caller, id, trace_id).await
}

/// Makes an appointment.
///
/// # Errors
/// Those of the service.
pub async fn create_appointment(
    state: &ApiState,
    caller: &Caller,
    name: Name,
    user: UserId,
) -> Result<AppointmentAnswer, OwnerError> {
    let appointment = state.owners.create_appointment(caller, name, user).await?;
    Ok(AppointmentAnswer::new(&appointment, Vec::new()))
}

/// The appointments of a user.
///
/// # Errors
/// Those of the service.
pub async fn appointments(
    state: &ApiState,
    caller: &Caller,
    user: UserId,
    page: Page,
) -> Result<Rows<AppointmentAnswer>, OwnerError> {
    let rows = state.owners.appointments(caller, user, page).await?;
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
pub async fn delete_appointment(
    state: &ApiState,
    caller: &Caller,
    id: AppointmentId,
    trace_id: &str,
) -> Result<(), OwnerError> {
    state.owners.delete_appointment(caller, id, trace_id).await
}

/// The files of a user.
///
/// # Errors
/// Those of the service.
pub async fn files_of_user(
    state: &ApiState,
    caller: &Caller,
    user: UserId,
    page: Page,
) -> Result<Rows<ListedFileAnswer>, OwnerError> {
    let rows = state.owners.files_of_user(caller, user, page).await?;
    Ok(Rows { items: answers(state, rows.items).await?, next: rows.next })
}

/// The files of an appointment.
///
/// # Errors
/// Those of the service.
pub async fn files_of_appointment(
    state: &ApiState,
    caller: &Caller,
    id: AppointmentId,
    page: Page,
) -> Result<Rows<ListedFileAnswer>, OwnerError> {
    let rows = state.owners.files_of_appointment(caller, id, page).await?;
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
