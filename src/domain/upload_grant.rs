//! What an upload token allows: uploads of one kind, for a short time.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::TenantId;
use super::api_key::KeyId;
use super::{AppointmentId, FileExtension, UserId, Visibility};

/// What an upload token allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadGrant {
    /// Which token.
    pub id: Uuid,
    /// Whose the files will be.
    pub tenant: TenantId,
    /// The largest file, in bytes.
    pub max_size: i64,
    /// The extensions that it may have; any that the service accepts when there are none.
    pub extensions: Vec<FileExtension>,
    /// Its user, if it must have one.
    pub user_id: Option<UserId>,
    /// Its appointment, if it must have one.
    pub appointment_id: Option<AppointmentId>,
    /// Who may read it, if that is laid down.
    pub visibility: Option<Visibility>,
    /// The key with which it was made, and with which it ends.
    pub made_by: Option<KeyId>,
    /// Whether anyone could make it, because access control was off.
    #[serde(default)]
    pub by_anyone: bool,
    /// Until when the token is valid.
    pub expires_at: DateTime<Utc>,
}

/// What is known of a file before it is stored, as far as it is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct Intended {
    /// Its size in bytes.
    pub size: Option<i64>,
    /// Its extension.
    pub extension: Option<FileExtension>,
    /// Its user.
    pub user_id: Option<UserId>,
    /// Its appointment.
    pub appointment_id: Option<AppointmentId>,
    /// Who may read it.
    pub visibility: Option<Visibility>,
}

/// What of a file the token does not allow that its caller shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beyond {
    /// More bytes than these.
    Size(i64),
    /// Its extension.
    Extension,
    /// Its user.
    User,
    /// Its appointment.
    Appointment,
    /// Who may read it.
    Visibility,
}

impl fmt::Display for Beyond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self {
            Self::Size(most) => return write!(f, "The token allows at most {most} bytes."),
            Self::Extension => "file_extension",
            Self::User => "user_id",
            Self::Appointment => "appointment_id",
            Self::Visibility => "visibility or credential",
        };
        write!(f, "The token does not allow this {what}.")
    }
}

impl UploadGrant {
    /// Whether a file may be uploaded with it, as far as is known.
    ///
    /// # Errors
    /// The first thing that it does not allow.
    pub fn check(&self, file: &Intended) -> Result<(), Beyond> {
        if file.size.is_some_and(|size| size > self.max_size) {
            return Err(Beyond::Size(self.max_size));
        }
        if file.extension.is_some_and(|extension| !self.allows_extension(extension)) {
            return Err(Beyond::Extension);
        }
        if differ(self.user_id, file.user_id) {
            return Err(Beyond::User);
        }
        if differ(self.appointment_id, file.appointment_id) {
            return Err(Beyond::Appointment);
        }
        match self.visibility {
            Some(wanted) if differ(Some(wanted), file.visibility) => Err(Beyond::Visibility),
            _ => Ok(()),
        }
    }

    fn allows_extension(&self, extension: FileExtension) -> bool {
        self.extensions.is_empty() || self.extensions.contains(&extension)
    }
}

/// Whether something is told that is not what was laid down; a file of nobody may not become somebody's.
fn differ<T: PartialEq + Copy>(laid_down: Option<T>, told: Option<T>) -> bool {
    told.is_some() && told != laid_down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_allows_what_it_says_and_nothing_else() {
        let user = UserId::random();
        let grant = UploadGrant {
            id: Uuid::new_v4(),
            tenant: TenantId::default(),
            max_size: 10,
            extensions: vec!["png".parse().unwrap()],
            user_id: Some(user),
            appointment_id: None,
            visibility: Some(Visibility::Private),
            made_by: None,
            by_anyone: false,
            expires_at: Utc::now(),
        };
        let fine = Intended {
            size: Some(10),
            extension: "png".parse().ok(),
            user_id: Some(user),
            appointment_id: None,
            visibility: Some(Visibility::Private),
        };
        assert_eq!(grant.check(&Intended::default()), Ok(()));
        assert_eq!(grant.check(&fine), Ok(()));
        for (file, beyond) in [
            (Intended { size: Some(11), ..fine }, Beyond::Size(10)),
            (Intended { extension: "txt".parse().ok(), ..fine }, Beyond::Extension),
            (Intended { user_id: Some(UserId::random()), ..fine }, Beyond::User),
            (Intended { appointment_id: Some(AppointmentId::random()), ..fine }, Beyond::Appointment),
            (Intended { visibility: Some(Visibility::Public), ..fine }, Beyond::Visibility),
        ] {
            assert_eq!(grant.check(&file), Err(beyond));
        }
        let any = UploadGrant { extensions: Vec::new(), visibility: None, ..grant };
        let text = Intended { extension: "txt".parse().ok(), visibility: Some(Visibility::Public), ..fine };
        assert_eq!(any.check(&text), Ok(()));
    }
}
