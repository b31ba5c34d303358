//! Upload tokens: given to browsers and strangers, so that they may do one thing for a short time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{SubsecRound, TimeDelta};
use uuid::Uuid;

use super::links::Signer;
use super::{Failure, FieldError, invalid_field};
use crate::domain::access::Actor;
use crate::domain::audit::{Action, Entry, Subject};
use crate::domain::upload_grant::{Beyond, Intended, UploadGrant};
use crate::domain::{AppointmentId, Caller, FileExtension, UserId, Visibility};
use crate::repositories::{Database, Durability, RepositoryError, audit, now, owners};

/// How every upload token begins.
pub const PREFIX: &str = "fmu_";

/// What a token is to allow.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The largest file, in bytes.
    pub max_size: i64,
    /// The extensions that it may have; any when there are none.
    pub extensions: Vec<FileExtension>,
    /// Its user.
    pub user_id: Option<UserId>,
    /// Its appointment.
    pub appointment_id: Option<AppointmentId>,
    /// Who may read it, if that is laid down.
    pub visibility: Option<Visibility>,
    /// How long the token is valid.
    pub valid_for: TimeDelta,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It would allow more than the caller may do.
    #[error("{0}")]
    NotAllowed(Beyond),
    /// What it should allow cannot be.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// A dependency failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<RepositoryError> for TokenError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error.into())
    }
}

/// Upload tokens: what they allow as JSON, signed; nothing is kept of them.
#[derive(Clone)]
pub struct UploadTokenService {
    database: Database,
    signer: Signer,
}

impl UploadTokenService {
    /// A service that signs with `signer`.
    #[must_use]
    pub fn new(database: Database, signer: Signer) -> Self {
        Self { database, signer }
    }

    /// A token for uploads in the caller's name, and what it allows.
    ///
    /// # Errors
    /// [`TokenError::NotAllowed`] when the caller uploads for another user alone, [`TokenError::Invalid`] when the caller's
    /// tenant does not have the user or the appointment.
    pub async fn issue(&self, caller: &Caller, new: NewGrant) -> Result<(String, UploadGrant), TokenError> {
        let user_id = new.user_id.or(caller.user);
        caller.check(&Intended { user_id, ..Intended::default() }).map_err(TokenError::NotAllowed)?;
        self.check_owners(caller, user_id, new.appointment_id).await?;
        let grant = UploadGrant {
            id: Uuid::new_v4(),
            tenant: caller.tenant.clone(),
            max_size: new.max_size,
            extensions: new.extensions,
            user_id,
            appointment_id: new.appointment_id,
            visibility: new.visibility,
            made_by: match caller.actor {
                Actor::Key { id, .. } => Some(id),
                _ => None,
            },
            by_anyone: caller.actor == Actor::Anyone,
            expires_at: (now() + new.valid_for).trunc_subsecs(0),
        };
        let entry = Entry::of(caller, Action::CreateUploadToken, Subject::Thing(grant.id), now());
        audit::insert(&mut self.database.writer(Durability::Relaxed).await?, &entry).await?;
        let json = serde_json::to_vec(&grant).map_err(|error| Failure::Broken(error.to_string()))?;
        let (expires, payload) = (grant.expires_at.timestamp(), URL_SAFE_NO_PAD.encode(json));
        let signature = self.signer.sign(&purpose(&payload), expires)?;
        Ok((format!("{PREFIX}{expires}.{payload}.{signature}"), grant))
    }

    async fn check_owners(
        &self,
        caller: &Caller,
        user: Option<UserId>,
        appointment: Option<AppointmentId>,
    ) -> Result<(), TokenError> {
        let mut database = self.database.reader().await?;
        if let Some(id) = user
            && !owners::user_exists(&mut database, &caller.tenant, id).await?
        {
            return Err(TokenError::Invalid(invalid_field("user_id", "there is no such user")));
        }
        if let Some(id) = appointment
            && !owners::appointment_exists(&mut database, &caller.tenant, id, caller.user).await?
        {
            return Err(TokenError::Invalid(invalid_field("appointment_id", "there is no such appointment")));
        }
        Ok(())
    }

    /// What a token allows, if it is ours and its time is not over.
    #[must_use]
    pub fn verify(&self, token: &str) -> Option<UploadGrant> {
        let mut parts = token.strip_prefix(PREFIX)?.splitn(3, '.');
        let (expires, payload, signature) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
        // Nothing is read of what nobody vouches for.
        if !self.signer.verify(&purpose(payload), expires, signature) {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

fn purpose(payload: &str) -> String {
    format!("upload token {payload}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn service() -> UploadTokenService {
        let nowhere = Database::sqlite(std::path::Path::new("nowhere"));
        UploadTokenService::new(nowhere, Signer::with_key(7))
    }

    async fn token(valid_for: TimeDelta) -> (UploadTokenService, String, UploadGrant) {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::sqlite(&folder.path().join("db"));
        database.migrate().await.unwrap();
        let service = UploadTokenService { database, ..service() };
        let new = NewGrant {
            max_size: 5,
            extensions: vec!["png".parse().unwrap()],
            user_id: None,
            appointment_id: None,
            visibility: None,
            valid_for,
        };
        let (token, grant) = service.issue(&Caller::anyone(), new).await.unwrap();
        (service, token, grant)
    }

    #[tokio::test]
    async fn a_token_is_good_until_its_end_and_as_it_was_written() {
        let (service, text, grant) = token(TimeDelta::minutes(1)).await;
        assert_eq!(service.verify(&text), Some(grant));
        for place in (0..text.len()).step_by(7) {
            let other = if &text[place..=place] == "0" { "1" } else { "0" };
            let mut changed = text.clone();
            changed.replace_range(place..=place, other);
            assert_eq!(service.verify(&changed), None, "{changed}");
        }
        let (service, text, _) = token(TimeDelta::seconds(-1)).await;
        assert_eq!(service.verify(&text), None);
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "(fmu_)?[0-9]{0,20}\\.?[-_A-Za-z0-9]{0,80}\\.?[0-9a-f]{0,64}") {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _inside = runtime.enter();
            prop_assert_eq!(service().verify(&text), None);
        }
    }
}
