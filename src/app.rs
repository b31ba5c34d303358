//! The wiring: from the configuration to live objects.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use sqlx::mysql::MySqlConnectOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::{Config, DatabaseConfig, LimitConfig, QueueConfig, StorageConfig};
use crate::domain::file_extension;
use crate::jobs::worker::WorkerContext;
use crate::lifecycle::Stages;
use crate::queue::SharedQueue;
use crate::queue::in_process::InProcessQueue;
use crate::queue::observed::ObservedQueue;
use crate::queue::rabbitmq::{RabbitMqOptions, RabbitMqQueue};
use crate::repositories::{Database, RepositoryError};
use crate::services::access::AccessService;
use crate::services::assembly::AssemblyService;
use crate::services::audit::AuditService;
use crate::services::completion::CompletionService;
use crate::services::events::EventService;
use crate::services::files::FileService;
use crate::services::gc::GcService;
use crate::services::health::HealthService;
use crate::services::jwt::JwtService;
use crate::services::keys::KeyService;
use crate::services::ledger::{Announcer, Ledger};
use crate::services::levels::LevelService;
use crate::services::links::{LinkService, Signer};
use crate::services::maintenance::MaintenanceService;
use crate::services::owners::OwnerService;
use crate::services::tenants::TenantService;
use crate::services::upload_tokens::UploadTokenService;
use crate::services::uploads::UploadService;
use crate::services::{Failure, Ports};
use crate::spool::{Spool, blocking};
use crate::storage::SharedStorage;
use crate::storage::directory::DirectoryStorage;
use crate::storage::observed::ObservedStorage;
use crate::storage::s3::S3Storage;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const SLOWEST_RETRY: Duration = Duration::from_secs(10);

/// What the routes work with. A handle, because each layer and each route has one of its own for each request.
#[derive(Clone)]
pub struct ApiState(Arc<ApiParts>);

impl Deref for ApiState {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.0
    }
}

/// The services behind the routes, and what is set for them.
pub struct ApiParts {
    /// Who calls.
    pub access: AccessService,
    /// API keys.
    pub keys: KeyService,
    /// Tenants' limits, and what they have.
    pub tenants: TenantService,
    /// Upload tokens.
    pub upload_tokens: UploadTokenService,
    /// Init and chunks.
    pub uploads: UploadService,
    /// Complete.
    pub completion: CompletionService,
    /// Files.
    pub files: FileService,
    /// Users, appointments, and lists.
    pub owners: OwnerService,
    /// How far files are, as it happens.
    pub events: EventService,
    /// The dependencies.
    pub health: HealthService,
    /// What is looked up when somebody asks for metrics.
    pub levels: LevelService,
    /// Where bodies of unknown length wait.
    pub spool: Spool,
    /// The most bytes of one chunk.
    pub max_chunk_size: i64,
    /// How much callers may take at a time.
    pub limits: LimitConfig,
    /// Cancelled once the database has its schema.
    pub prepared: CancellationToken,
    /// How far a stop is.
    pub stages: Stages,
}

/// The parts that API and worker share.
pub struct App {
    config: Config,
    ports: Ports,
    spool: Spool,
    /// Work that a stop waits for.
    pub tasks: TaskTracker,
    /// How a stop goes on.
    pub stages: Stages,
    signer: Signer,
    prepared: CancellationToken,
}

impl App {
    /// Builds everything; nothing is connected yet. `name` is what servers show for our connections.
    ///
    /// # Errors
    /// When the data folder cannot be made, naming it.
    pub fn build(config: Config, name: &'static str) -> anyhow::Result<Self> {
        file_extension::accept(config.uploads.accepted_extensions.clone());
        let folder = &config.data_dir;
        let temporary = folder.join("tmp");
        fs::create_dir_all(&temporary).with_context(|| {
            format!("APP_DATA_DIR is {}, but no folder can be made or written there", folder.display())
        })?;
        let spool = Spool::new(temporary);
        let ports =
            Ports { database: database(&config), storage: storage(&config, &spool)?, queue: queue(&config, name) };
        Ok(Self {
            config,
            ports,
            spool,
            tasks: TaskTracker::new(),
            stages: Stages::default(),
            signer: Signer::default(),
            prepared: CancellationToken::new(),
        })
    }

    /// The ports.
    #[must_use]
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the routes work with, when the service listens on `address`.
    ///
    /// # Errors
    /// When the keys of tokens that somebody else gives out cannot be used.
    pub fn api_state(&self, address: SocketAddr) -> anyhow::Result<ApiState> {
        let announcer = Announcer::new(self.ports.clone(), self.tasks.clone());
        let keys = self.keys();
        let jwt = self.config.access.jwt.clone().map(JwtService::new).transpose()?;
        let upload_tokens = UploadTokenService::new(self.ports.database.clone(), self.signer.clone());
        let links = LinkService::new(
            Arc::clone(&self.ports.storage),
            self.signer.clone(),
            self.public_url(address)?,
            self.config.uploads.download_url_ttl,
        );
        let files = FileService::new(self.ports.clone(), announcer.clone(), links.clone(), self.audit());
        Ok(ApiState(Arc::new(ApiParts {
            access: AccessService::new(self.config.access.keys.then(|| keys.clone()), jwt, upload_tokens.clone()),
            keys,
            tenants: self.tenants(),
            upload_tokens,
            uploads: UploadService::new(
                self.ports.clone(),
                self.config.uploads.clone(),
                links,
                announcer.clone(),
                self.tenants(),
                self.tasks.clone(),
            ),
            completion: CompletionService::new(
                self.ports.clone(),
                announcer.clone(),
                self.config.uploads.content_check,
                self.tasks.clone(),
            ),
            owners: OwnerService::new(self.ports.clone(), announcer),
            events: EventService::new(self.ports.database.clone(), files.clone()),
            files,
            health: HealthService::new(self.ports.clone()),
            levels: LevelService::new(self.ports.clone()),
            spool: self.spool.clone(),
            max_chunk_size: self.config.uploads.max_chunk_size,
            limits: self.config.limits,
            prepared: self.prepared.clone(),
            stages: self.stages.clone(),
        })))
    }

    /// What a worker works with.
    #[must_use]
    pub fn worker_context(&self) -> WorkerContext {
        WorkerContext {
            queue: Arc::clone(&self.ports.queue),
            ledger: Ledger::new(self.ports.clone(), self.config.jobs.lease, self.config.jobs.max_attempts),
            announcer: Announcer::new(self.ports.clone(), self.tasks.clone()),
            assembly: AssemblyService::new(self.ports.clone(), self.config.uploads.content_check),
            maintenance: MaintenanceService::new(self.ports.clone()),
            gc: self.gc(),
            config: self.config.jobs.clone(),
            tasks: self.tasks.clone(),
            hurry: self.stages.hurry.clone(),
        }
    }

    /// What keeps database and store tidy.
    #[must_use]
    pub fn gc(&self) -> GcService {
        GcService::new(self.ports.clone(), self.config.gc.clone(), self.config.jobs.lease)
    }

    /// API keys.
    #[must_use]
    pub fn keys(&self) -> KeyService {
        KeyService::new(self.ports.database.clone(), self.tasks.clone())
    }

    /// The record.
    #[must_use]
    pub fn audit(&self) -> AuditService {
        AuditService::new(self.ports.database.clone(), self.tasks.clone())
    }

    /// Tenants' limits, and what they have.
    #[must_use]
    pub fn tenants(&self) -> TenantService {
        TenantService::new(self.ports.database.clone())
    }

    /// How callers reach the service; ends with a slash.
    ///
    /// # Errors
    /// Never, unless an address cannot be written as a URL.
    pub fn public_url(&self, address: SocketAddr) -> anyhow::Result<Url> {
        let mut url = match &self.config.server.public_url {
            Some(url) => url.clone(),
            None if address.ip().is_unspecified() => Url::parse(&format!("http://localhost:{}/", address.port()))?,
            None => Url::parse(&format!("http://{address}/"))?,
        };
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(url)
    }

    /// Brings the database into shape, trying until it answers or the service stops, and the store in the background:
    /// what does not need it goes on meanwhile.
    ///
    /// # Errors
    /// When a migration cannot work: another version's schema, or a broken one.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        self.tasks.spawn(prepare_store(Arc::clone(&self.ports.storage), self.stages.draining.clone()));
        self.prepare_database().await
    }

    async fn prepare_database(&self) -> anyhow::Result<()> {
        let prepared = self.until_it_works(async || {
            self.migrate().await?;
            Ok(self.signer.load(&self.ports.database).await?)
        });
        if prepared.await?.is_some() {
            tracing::info!("ready");
            self.prepared.cancel();
        }
        Ok(())
    }

    /// Makes the first API key where there has never been one; its text.
    ///
    /// # Errors
    /// When the database refuses for good.
    pub async fn first_key(&self) -> anyhow::Result<Option<SecretString>> {
        let keys = self.keys();
        Ok(self.until_it_works(async || Ok(keys.create_first().await?)).await?.flatten())
    }

    /// Does something with the database as often as it takes; `None` when the service stops before.
    async fn until_it_works<T>(&self, attempt: impl AsyncFn() -> anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        let mut pause = FIRST_RETRY;
        loop {
            match attempt().await {
                Ok(done) => return Ok(Some(done)),
                Err(error) if is_passing(&error) => {
                    tracing::warn!(error = format!("{error:#}"), "the database is not ready; trying again");
                }
                Err(error) => return Err(error),
            }
            if self.stages.draining.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Ok(None);
            }
            pause = (pause * 2).min(SLOWEST_RETRY);
        }
    }

    /// Brings the database's schema up to date, once, however many processes do so at the same time.
    ///
    /// # Errors
    /// When the database is away or a migration fails.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        // MySQL has a lock of its own for this.
        let _lock = match self.ports.database {
            Database::Sqlite { .. } => {
                let path = self.config.data_dir.join("migrate.lock");
                Some(blocking(move || File::create(path).and_then(|file| file.lock().map(|()| file))).await?)
            }
            Database::MySql(_) => None,
        };
        self.ports.database.migrate().await.context("the database could not be migrated")
    }
}

async fn prepare_store(store: SharedStorage, stop: CancellationToken) {
    let mut pause = FIRST_RETRY;
    while let Some(Err(error)) = stop.run_until_cancelled(store.prepare()).await {
        tracing::warn!(%error, "the object store is not ready; trying again");
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
        pause = (pause * 2).min(SLOWEST_RETRY);
    }
}

/// Whether what the database refused may work later.
fn is_passing(error: &anyhow::Error) -> bool {
    use sqlx::migrate::MigrateError;
    let refused = error.downcast_ref::<RepositoryError>().or_else(|| match error.downcast_ref::<Failure>() {
        Some(Failure::Database(error)) => Some(error),
        _ => None,
    });
    if let Some(RepositoryError::Unavailable(_) | RepositoryError::Deadlock(_) | RepositoryError::Full(_)) = refused {
        return true;
    }
    match error.downcast_ref::<MigrateError>() {
        Some(MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) => {
            matches!(cause, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_))
                || cause.as_database_error().is_some_and(|error| error.code().is_some_and(|code| code != "42000"))
        }
        _ => false,
    }
}

fn database(config: &Config) -> Database {
    match &config.database {
        DatabaseConfig::Sqlite => Database::sqlite(&config.data_dir.join("filemanager.db")),
        DatabaseConfig::MySql { host, port, user, password, database, connections } => {
            let options = MySqlConnectOptions::new()
                .host(host)
                .port(*port)
                .username(user)
                .password(password.expose_secret())
                .database(database);
            Database::mysql(options, *connections)
        }
    }
}

fn storage(config: &Config, spool: &Spool) -> anyhow::Result<SharedStorage> {
    let storage: SharedStorage = match &config.storage {
        StorageConfig::Directory => Arc::new(DirectoryStorage::new(config.data_dir.clone())),
        StorageConfig::S3(s3) => Arc::new(S3Storage::new(s3, spool.clone())?),
    };
    Ok(Arc::new(ObservedStorage::new(storage)))
}

fn queue(config: &Config, name: &'static str) -> SharedQueue {
    let queue: SharedQueue = match &config.queue {
        QueueConfig::InProcess => Arc::new(InProcessQueue::default()),
        QueueConfig::RabbitMq { host, port, user, password, queue } => Arc::new(RabbitMqQueue::new(RabbitMqOptions {
            host: host.clone(),
            port: *port,
            user: user.clone(),
            password: password.clone(),
            queue: queue.clone(),
            name,
        })),
    };
    Arc::new(ObservedQueue::new(queue))
}

/// The address to ask from this machine for a service that listens on `host`.
#[must_use]
pub fn local_address(host: IpAddr, port: u16) -> SocketAddr {
    let host = if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host };
    SocketAddr::new(host, port)
}
