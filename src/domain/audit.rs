//! The record: who did what to what, when, from where.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::api_key::KeyId;
use super::{AppointmentId, Caller, FileId, Invalid, TenantId, UploadId, UserId};

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// A user was made.
    CreateUser,
    /// A user was deleted; the files that went along have entries of their own.
    DeleteUser,
    /// An appointment was made.
    CreateAppointment,
    /// An appointment was deleted, likewise.
    DeleteAppointment,
    /// An upload was given up.
    AbortUpload,
    /// An upload was completed.
    CreateFile,
    /// A file that had failed was tried again.
    RetryFile,
    /// A file was deleted.
    DeleteFile,
    /// A link to the bytes of a private file was given out.
    LinkFile,
    /// Bytes of a private file were given out.
    DownloadFile,
    /// A key was made.
    CreateKey,
    /// A key was taken back.
    RevokeKey,
    /// An upload token was given out.
    CreateUploadToken,
}

impl Action {
    const ALL: [(Self, &'static str); 13] = [
        (Self::CreateUser, "user.create"),
        (Self::DeleteUser, "user.delete"),
        (Self::CreateAppointment, "appointment.create"),
        (Self::DeleteAppointment, "appointment.delete"),
        (Self::AbortUpload, "upload.abort"),
        (Self::CreateFile, "file.create"),
        (Self::RetryFile, "file.retry"),
        (Self::DeleteFile, "file.delete"),
        (Self::LinkFile, "file.link"),
        (Self::DownloadFile, "file.download"),
        (Self::CreateKey, "key.create"),
        (Self::RevokeKey, "key.revoke"),
        (Self::CreateUploadToken, "upload_token.create"),
    ];

    /// The word in the record.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(action, _)| *action == self).map_or("", |(_, word)| word)
    }
}

impl FromStr for Action {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let known = Self::ALL.into_iter().find(|(_, word)| *word == text);
        known.map(|(action, _)| action).ok_or_else(|| Invalid(format!("no action: {text}")))
    }
}

/// To what it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A user, an appointment, an upload, a file, or an upload token.
    Thing(Uuid),
    /// A key.
    Key(KeyId),
}

impl Subject {
    /// As the database keeps it.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Thing(id) => id.as_bytes().to_vec(),
            Self::Key(id) => id.to_bytes().to_vec(),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Thing(id) => id.fmt(f),
            Self::Key(id) => id.fmt(f),
        }
    }
}

impl TryFrom<Vec<u8>> for Subject {
    type Error = Invalid;

    fn try_from(bytes: Vec<u8>) -> Result<Self, Invalid> {
        let thing = Uuid::from_slice(&bytes).ok().map(Self::Thing);
        let key = || bytes.as_slice().try_into().ok().map(|bytes| Self::Key(KeyId::from_bytes(bytes)));
        thing.or_else(key).ok_or_else(|| Invalid::new("a subject has 16 bytes or 8"))
    }
}

macro_rules! from_ids {
    ($($id:ident),*) => {
        $(impl From<$id> for Subject {
            fn from(id: $id) -> Self {
                Self::Thing(id.0)
            }
        })*
    };
}
from_ids!(UserId, AppointmentId, UploadId, FileId);

/// A line of the record. No secret is in it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// When.
    pub at: DateTime<Utc>,
    /// In whose things.
    pub tenant: TenantId,
    /// Who.
    pub actor: String,
    /// What.
    pub action: Action,
    /// To what.
    pub subject: Subject,
    /// From where, if that is known.
    pub address: Option<IpAddr>,
}

impl Entry {
    /// What this caller does at `at`.
    #[must_use]
    pub fn of(caller: &Caller, action: Action, subject: impl Into<Subject>, at: DateTime<Utc>) -> Self {
        let (tenant, actor) = (caller.tenant.clone(), caller.actor.to_string());
        Self { at, tenant, actor, action, subject: subject.into(), address: caller.address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_and_actions_are_read_as_they_were_written() {
        for subject in [Subject::from(FileId::random()), Subject::Key("0123456789abcdef".parse().unwrap())] {
            assert_eq!(Subject::try_from(subject.to_bytes()), Ok(subject));
        }
        assert!(Subject::try_from(vec![0; 9]).is_err());
        for (action, word) in Action::ALL {
            assert_eq!((word.parse(), action.as_str()), (Ok(action), word));
        }
    }
}
