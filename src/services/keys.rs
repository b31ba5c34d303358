//! API keys: made, listed, taken back, and recognised.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;
use secrecy::SecretString;
use tokio_util::task::TaskTracker;

use super::Failure;
use crate::domain::access::{Actor, Caller, Scope, Scopes, TenantId};
use crate::domain::api_key::{ApiKey, FullKey, KeyId};
use crate::domain::audit::{Action, Entry, Subject};
use crate::domain::{Invalid, Name, Page, Rows};
use crate::repositories::{Database, Durability, RepositoryError, Transaction, audit, in_transaction, keys, now};

/// How long what is known of a key counts; a key that is taken back works nowhere after this and the time of a request.
const KNOWN_FOR: Duration = Duration::from_secs(3);
/// How long a key is good without the database, for reading metrics, which are needed most then.
const SEEN_FOR: Duration = Duration::from_hours(1);
/// How many keys are known at a time, unknown ones among them.
const MOST_KNOWN: u64 = 100_000;
/// How often a use is written down at the most.
const USE_NOTED_EVERY: Duration = Duration::from_mins(1);
const FIRST: &str = "first";

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What its owner calls it.
    pub name: Name,
    /// What its owner may do.
    pub scopes: Scopes,
    /// Whose things its owner sees.
    pub tenant: TenantId,
    /// How long it is valid, if not for ever.
    pub valid_for: Option<TimeDelta>,
}

/// API keys.
#[derive(Clone)]
pub struct KeyService {
    database: Database,
    known: Cache<KeyId, Option<ApiKey>>,
    /// What was known last, for when the database is away.
    seen: Cache<KeyId, ApiKey>,
    used: Cache<KeyId, ()>,
    tasks: TaskTracker,
}

impl KeyService {
    /// A service on this database.
    #[must_use]
    pub fn new(database: Database, tasks: TaskTracker) -> Self {
        Self { database, known: cache(KNOWN_FOR), seen: cache(SEEN_FOR), used: cache(USE_NOTED_EVERY), tasks }
    }

    /// Makes a key; its text is in no other place.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn create(&self, caller: &Caller, new: NewKey) -> Result<(ApiKey, SecretString), Failure> {
        let (key, text) = made(new);
        let inserted: Result<(), RepositoryError> =
            in_transaction!(self.database, Durability::Full, tx => insert(tx, caller, &key));
        inserted?;
        Ok((key, text))
    }

    /// Makes the first key, which may do everything, where there has never been one. Of several nodes one does so.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn create_first(&self) -> Result<Option<SecretString>, Failure> {
        let name = FIRST.parse().map_err(|Invalid(error)| Failure::Broken(error))?;
        let (tenant, scopes) = (TenantId::default(), Scopes::all());
        let (key, text) = made(NewKey { name, scopes, tenant, valid_for: None });
        let inserted: Result<bool, RepositoryError> =
            in_transaction!(self.database, Durability::Full, tx => insert_first(tx, &key));
        Ok(inserted?.then_some(text))
    }

    /// A key, revoked or not.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn find(&self, id: KeyId) -> Result<Option<ApiKey>, Failure> {
        Ok(keys::find(&mut self.database.reader().await?, id).await?)
    }

    /// The keys of a tenant, or of all, newest first.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn list(&self, tenant: Option<&TenantId>, page: Page) -> Result<Rows<ApiKey>, Failure> {
        Ok(keys::list(&mut self.database.reader().await?, tenant, page).await?)
    }

    /// Takes a key of the caller's tenant back; whether there was a valid one.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn revoke(&self, caller: &Caller, id: KeyId) -> Result<bool, Failure> {
        let revoked: Result<bool, RepositoryError> =
            in_transaction!(self.database, Durability::Full, tx => revoke(tx, caller, id));
        self.known.invalidate(&id);
        self.seen.invalidate(&id);
        Ok(revoked?)
    }

    /// Who shows this text, if it is a valid key, to do what takes the scope `wanted`.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn caller(&self, text: &str, wanted: Option<Scope>) -> Result<Option<Caller>, Failure> {
        let Ok(shown) = text.parse::<FullKey>() else { return Ok(None) };
        let key = match self.known(shown.id).await {
            Err(away @ Failure::Database(RepositoryError::Unavailable(_))) if wanted == Some(Scope::Metrics) => {
                Some(self.seen.get(&shown.id).ok_or(away)?)
            }
            known => known?,
        };
        let Some(key) = key.filter(|key| key.admits(&shown, now())) else { return Ok(None) };
        self.note_use(&key);
        let actor = Actor::Key { id: key.id, name: key.name };
        Ok(Some(Caller { tenant: key.tenant, scopes: key.scopes, actor, user: None, address: None, grant: None }))
    }

    /// Whether a key is valid, as it was a moment ago.
    ///
    /// # Errors
    /// [`Failure`] when the database is away.
    pub async fn is_valid(&self, id: KeyId) -> Result<bool, Failure> {
        Ok(self.known(id).await?.is_some_and(|key| key.is_valid(now())))
    }

    async fn known(&self, id: KeyId) -> Result<Option<ApiKey>, Failure> {
        if let Some(known) = self.known.get(&id) {
            return Ok(known);
        }
        let found = self.find(id).await?;
        if let Some(key) = found.clone().filter(|key| key.scopes.contain(Scope::Metrics)) {
            self.seen.insert(id, key);
        }
        self.known.insert(id, found.clone());
        Ok(found)
    }

    /// Writes down in the background that a key was used, unless that was done a moment ago.
    fn note_use(&self, key: &ApiKey) {
        if self.used.contains_key(&key.id) {
            return;
        }
        self.used.insert(key.id, ());
        let (database, id) = (self.database.clone(), key.id);
        self.tasks.spawn(async move {
            let noted = async { keys::note_use(&mut database.writer(Durability::Relaxed).await?, id).await };
            if let Err(error) = noted.await {
                tracing::debug!(%error, "the use of a key could not be noted");
            }
        });
    }
}

fn cache<T: Clone + Send + Sync + 'static>(lifetime: Duration) -> Cache<KeyId, T> {
    Cache::builder().max_capacity(MOST_KNOWN).time_to_live(lifetime).build()
}

async fn insert(tx: &mut Transaction, caller: &Caller, key: &ApiKey) -> Result<(), RepositoryError> {
    keys::insert(tx, key).await?;
    audit::insert(tx, &Entry::of(caller, Action::CreateKey, Subject::Key(key.id), key.created_at)).await
}

async fn insert_first(tx: &mut Transaction, key: &ApiKey) -> Result<bool, RepositoryError> {
    let inserted = keys::insert_first(tx, key).await?;
    if inserted {
        let operator = Caller::operator(key.tenant.clone());
        audit::insert(tx, &Entry::of(&operator, Action::CreateKey, Subject::Key(key.id), key.created_at)).await?;
    }
    Ok(inserted)
}

async fn revoke(tx: &mut Transaction, caller: &Caller, id: KeyId) -> Result<bool, RepositoryError> {
    let revoked = keys::revoke(tx, id, &caller.tenant).await?;
    if revoked {
        audit::insert(tx, &Entry::of(caller, Action::RevokeKey, Subject::Key(id), now())).await?;
    }
    Ok(revoked)
}

fn made(new: NewKey) -> (ApiKey, SecretString) {
    let (full, now) = (FullKey::random(), now());
    let expires_at = new.valid_for.and_then(|valid_for| now.checked_add_signed(valid_for));
    let key = ApiKey {
        id: full.id,
        name: new.name.as_str().into(),
        hash: full.hash(),
        scopes: new.scopes,
        tenant: new.tenant,
        created_at: now,
        expires_at,
        revoked_at: None,
        last_used_at: None,
    };
    (key, full.text())
}

/// Whether a key is valid at `now`, in a word for a person.
#[must_use]
pub fn state_of(key: &ApiKey, now: DateTime<Utc>) -> &'static str {
    match (key.revoked_at, key.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        _ => "valid",
    }
}
