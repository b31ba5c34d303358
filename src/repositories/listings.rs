//! Lists: a statement for each, along a key, newest first.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::error::corrupt;
use super::{RepositoryError, Session, on};
use crate::domain::file::ListedFile;
use crate::domain::owner::{Appointment, ListedAppointment, User};
use crate::domain::{
    AppointmentId, ContentType, Cursor, FileId, FileName, ObjectLocation, Page, Rows, TenantId, UserId,
};

/// How many files an appointment in a list shows, as a number and in the statement below.
const FILES_OF_APPOINTMENT: usize = 1000;
/// How many files a page of appointments shows, so that it fits into memory: those of ten such appointments.
const FILES_OF_PAGE: usize = 10_000;
/// How many appointments are read at a time: the database sorts all of their files before it gives the first.
const APPOINTMENTS_AT_ONCE: i64 = 50;

#[derive(sqlx::FromRow)]
struct FileRow {
    id: Uuid,
    filename: Option<String>,
    path: String,
    content_type: String,
    size: i64,
    status: String,
    appointment_name: Option<String>,
    created_at: DateTime<Utc>,
}

impl TryFrom<FileRow> for ListedFile {
    type Error = RepositoryError;

    fn try_from(row: FileRow) -> Result<Self, RepositoryError> {
        Ok(Self {
            id: FileId(row.id),
            filename: row.filename.as_deref().map(FileName::parse).transpose().map_err(corrupt)?,
            location: ObjectLocation::from_path(&row.path).map_err(corrupt)?,
            content_type: ContentType::parse(&row.content_type).map_err(corrupt)?,
            size: row.size,
            status: row.status.parse().map_err(corrupt)?,
            appointment_name: row.appointment_name,
            created_at: row.created_at,
        })
    }
}

macro_rules! select_files {
    ($owner:literal) => {
        concat!(
            "SELECT f.id, f.filename, f.path, f.content_type, f.size, f.status, a.name AS appointment_name, ",
            "f.created_at FROM files f LEFT JOIN appointments a ON a.id = f.appointment_id WHERE f.",
            $owner,
            " = ? AND f.created_at <= ? AND (f.created_at < ? OR f.id < ?) ",
            "ORDER BY f.created_at DESC, f.id DESC LIMIT ?"
        )
    };
}

/// The files of a user.
pub const FILES_OF_USER: &str = select_files!("user_id");
/// The files of an appointment.
pub const FILES_OF_AN_APPOINTMENT: &str = select_files!("appointment_id");
/// All users of a tenant.
pub const USERS: &str = "SELECT id, name, created_at, updated_at FROM users \
                         WHERE tenant = ? AND created_at <= ? AND (created_at < ? OR id < ?) \
                         ORDER BY created_at DESC, id DESC LIMIT ?";
/// The appointments of a user, each with its newest files. `since` is when the last of those was made that a list shows.
/// The last appointment may be cut off.
pub const APPOINTMENTS_OF_USER: &str = "SELECT a.id AS appointment_id, a.name, a.date, a.user_id, f.id, \
     f.filename, f.path, f.content_type, f.size, f.status, f.created_at \
     FROM (SELECT id, name, date, user_id, COALESCE((SELECT n.created_at FROM files n WHERE n.appointment_id = p.id \
                  ORDER BY n.created_at DESC LIMIT 1 OFFSET 999), '1970-01-01') AS since \
           FROM appointments p WHERE user_id = ? AND date <= ? AND (date < ? OR id < ?) \
           ORDER BY date DESC, id DESC LIMIT ?) a \
     LEFT JOIN files f ON f.appointment_id = a.id AND f.created_at >= a.since \
     ORDER BY a.date DESC, a.id DESC, f.created_at DESC, f.id DESC LIMIT ?";

/// Before every row of any list: no clock is a day ahead. (Not the end of time, which MariaDB does not know.)
pub(super) fn start(page: Page) -> Cursor {
    page.after.unwrap_or_else(|| Cursor { time: super::now() + TimeDelta::days(1), id: Uuid::max() })
}

/// The files of a user, newest first.
///
/// # Errors
/// Those of the database.
pub async fn files_of_user(
    session: &mut impl Session,
    user: UserId,
    page: Page,
) -> Result<Rows<ListedFile>, RepositoryError> {
    files(session, FILES_OF_USER, user.0, page).await
}

/// The files of an appointment, newest first.
///
/// # Errors
/// Those of the database.
pub async fn files_of_appointment(
    session: &mut impl Session,
    appointment: AppointmentId,
    page: Page,
) -> Result<Rows<ListedFile>, RepositoryError> {
    files(session, FILES_OF_AN_APPOINTMENT, appointment.0, page).await
}

async fn files(
    session: &mut impl Session,
    sql: &'static str,
    owner: Uuid,
    page: Page,
) -> Result<Rows<ListedFile>, RepositoryError> {
    let after = start(page);
    let rows: Vec<FileRow> = on!(session, c => {
        let query = sqlx::query_as(sql).bind(owner).bind(after.time).bind(after.time).bind(after.id);
        query.bind(page.limit + 1).fetch_all(c).await
    })?;
    let files = rows.into_iter().map(ListedFile::try_from).collect::<Result<_, _>>()?;
    Ok(Rows::of_page(files, page.limit, |file| Cursor { time: file.created_at, id: file.id.0 }))
}

/// All users of a tenant, newest first.
///
/// # Errors
/// Those of the database.
pub async fn users(session: &mut impl Session, tenant: &TenantId, page: Page) -> Result<Rows<User>, RepositoryError> {
    let after = start(page);
    let rows: Vec<(Uuid, String, DateTime<Utc>, DateTime<Utc>)> = on!(session, c => {
        let query = sqlx::query_as(USERS).bind(tenant.as_str()).bind(after.time).bind(after.time).bind(after.id);
        query.bind(page.limit + 1).fetch_all(c).await
    })?;
    let users = rows.into_iter().map(|(id, name, created_at, updated_at)| {
        Ok(User { id: UserId(id), name: name.parse().map_err(corrupt)?, created_at, updated_at })
    });
    let users = users.collect::<Result<_, RepositoryError>>()?;
    Ok(Rows::of_page(users, page.limit, |user: &User| Cursor { time: user.created_at, id: user.id.0 }))
}

#[derive(sqlx::FromRow)]
struct AppointmentRow {
    appointment_id: Uuid,
    name: String,
    date: DateTime<Utc>,
    user_id: Uuid,
    id: Option<Uuid>,
    filename: Option<String>,
    path: Option<String>,
    content_type: Option<String>,
    size: Option<i64>,
    status: Option<String>,
    created_at: Option<DateTime<Utc>>,
}

impl AppointmentRow {
    /// The appointment, and one of its files if it has any.
    fn split(self) -> Result<(Appointment, Option<ListedFile>), RepositoryError> {
        let file = match (self.id, self.path, self.content_type, self.size, self.status, self.created_at) {
            (Some(id), Some(path), Some(content_type), Some(size), Some(status), Some(created_at)) => {
                let appointment_name = Some(self.name.clone());
                let filename = self.filename;
                Some(
                    FileRow { id, filename, path, content_type, size, status, appointment_name, created_at }
                        .try_into()?,
                )
            }
            _ => None,
        };
        let appointment = Appointment {
            id: AppointmentId(self.appointment_id),
            name: self.name.parse().map_err(corrupt)?,
            date: self.date,
            user_id: UserId(self.user_id),
        };
        Ok((appointment, file))
    }
}

/// The appointments of a user, newest first, each with its newest files. Where they have many, a page has fewer of them.
///
/// # Errors
/// Those of the database.
pub async fn appointments_of_user(
    session: &mut impl Session,
    user: UserId,
    page: Page,
) -> Result<Rows<ListedAppointment>, RepositoryError> {
    let place = |row: &ListedAppointment| Cursor { time: row.appointment.date, id: row.appointment.id.0 };
    let (mut listed, mut step, mut left, mut room) = (Vec::new(), page, page.limit, FILES_OF_PAGE);
    loop {
        step.limit = left.min(APPOINTMENTS_AT_ONCE);
        let (mut some, is_cut) = some_appointments(session, user, step, room + 1).await?;
        if is_cut && listed.len() + some.len() > 1 {
            // The last one begins the next page, where it is whole.
            some.pop();
            listed.extend(some);
            return Ok(Rows { next: listed.last().map(place), items: listed });
        }
        let Rows { items, next } = Rows::of_page(some, step.limit, place);
        left -= step.limit;
        room = items.iter().fold(room, |room, row| room.saturating_sub(row.files.len().max(1)));
        listed.extend(items);
        if left == 0 || next.is_none() {
            return Ok(Rows { items: listed, next });
        }
        step.after = next;
    }
}

/// At most one appointment more than the page has, and at most so many rows of them and their files; whether there were
/// as many, so that the last appointment may not have all of its files.
async fn some_appointments(
    session: &mut impl Session,
    user: UserId,
    page: Page,
    most_rows: usize,
) -> Result<(Vec<ListedAppointment>, bool), RepositoryError> {
    let after = start(page);
    let limit = i64::try_from(most_rows).unwrap_or(i64::MAX);
    let rows: Vec<AppointmentRow> = on!(session, c => {
        let query = sqlx::query_as(APPOINTMENTS_OF_USER).bind(user.0).bind(after.time).bind(after.time).bind(after.id);
        query.bind(page.limit + 1).bind(limit).fetch_all(c).await
    })?;
    let is_cut = rows.len() == most_rows;
    let mut listed: Vec<ListedAppointment> = Vec::new();
    for row in rows {
        let (appointment, file) = row.split()?;
        if listed.last().is_none_or(|last| last.appointment.id != appointment.id) {
            listed.push(ListedAppointment { appointment, files: Vec::new() });
        }
        // More than the statement's limit only where some were made in the same microsecond.
        if let Some(last) = listed.last_mut().filter(|last| last.files.len() < FILES_OF_APPOINTMENT) {
            last.files.extend(file);
        }
    }
    Ok((listed, is_cut))
}
