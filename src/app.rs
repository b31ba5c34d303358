//! The wiring: from the configuration to live objects.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;
use sqlx::mysql::MySqlConnectOptions;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::config::{Config, DatabaseConfig, LimitConfig, QueueConfig, StorageConfig};
use crate::jobs::worker::WorkerContext;
use crate::lifecycle::Stages;
use crate::queue::SharedQueue;
use crate::queue::in_process::InProcessQueue;
use crate::queue::observed::ObservedQueue;
use crate::queue::rabbitmq::{RabbitMqOptions, RabbitMqQueue};
use crate::repositories::Database;
use crate::services::Ports;
use crate::services::assembly::AssemblyService;
use crate::services::completion::CompletionService;
use crate::services::events::EventService;
use crate::services::files::FileService;
use crate::services::gc::GcService;
use crate::services::health::HealthService;
use crate::services::ledger::{Announcer, Ledger};
use crate::services::levels::LevelService;
use crate::services::links::{LinkService, Signer};
use crate::services::maintenance::MaintenanceService;
use crate::services::owners::OwnerService;
use crate::services::uploads::UploadService;
use crate::spool::{Spool, blocking};
use crate::storage::SharedStorage;
use crate::storage::directory::DirectoryStorage;
use crate::storage::observed::ObservedStorage;
use crate::storage::s3::S3Storage;

const FIRST_RETRY: Duration = Duration::from_millis(500);
const SLOWEST_RETRY: Duration = Duration::from_secs(10);
const SIGNING_KEY_BYTES: usize = 32;

/// What the routes work with. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
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
    prepared: CancellationToken,
}

impl App {
    /// Builds everything; nothing is connected yet. `name` is what servers show for our connections.
    ///
    /// # Errors
    /// When the data folder cannot be made, naming it.
    pub fn build(config: Config, name: &'static str) -> anyhow::Result<Self> {
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
    /// When the key for signed links can be neither read nor made.
    pub fn api_state(&self, address: SocketAddr) -> anyhow::Result<ApiState> {
        let announcer = Announcer::new(self.ports.clone(), self.tasks.clone());
        let links = LinkService::new(
            Arc::clone(&self.ports.storage),
            Signer::new(signing_key(&self.config)?),
            self.public_url(address)?,
            self.config.uploads.download_url_ttl,
        );
        let files = FileService::new(self.ports.clone(), announcer.clone(), links.clone());
        Ok(ApiState {
            uploads: UploadService::new(
                self.ports.clone(),
                self.config.uploads.clone(),
                links,
                announcer.clone(),
                self.tasks.clone(),
            ),
            completion: CompletionService::new(self.ports.clone(), announcer.clone()),
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
        })
    }

    /// What a worker works with.
    #[must_use]
    pub fn worker_context(&self) -> WorkerContext {
        WorkerContext {
            queue: Arc::clone(&self.ports.queue),
            ledger: Ledger::new(self.ports.clone(), self.config.jobs.lease, self.config.jobs.max_attempts),
            announcer: Announcer::new(self.ports.clone(), self.tasks.clone()),
            assembly: AssemblyService::new(self.ports.clone()),
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
        let mut pause = FIRST_RETRY;
        loop {
            match self.migrate().await {
                Ok(()) => {
                    tracing::info!("ready");
                    self.prepared.cancel();
                    return Ok(());
                }
                Err(error) if is_passing(&error) => {
                    tracing::warn!(error = format!("{error:#}"), "the database is not ready; trying again");
                }
                Err(error) => return Err(error),
            }
            if self.stages.draining.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return Ok(());
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

/// Whether a failed migration may work later.
fn is_passing(error: &anyhow::Error) -> bool {
    use sqlx::migrate::MigrateError;
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

/// The key for signed links. With an S3 store every API node derives the same from the store's secret; else it is a
/// file in the data folder, made at the first start.
fn signing_key(config: &Config) -> anyhow::Result<Vec<u8>> {
    match &config.storage {
        StorageConfig::S3(s3) => {
            let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(s3.secret_key.expose_secret().as_bytes());
            let mut mac = mac.context("the secret key cannot be used for signing")?;
            mac.update(b"filemanager download links");
            Ok(mac.finalize().into_bytes().to_vec())
        }
        StorageConfig::Directory => {
            let path = config.data_dir.join("signing.key");
            key_file(&path)
                .with_context(|| format!("the key for signed links, {}, can be neither read nor made", path.display()))
        }
    }
}

/// Reads the key, or makes one that only we can read. It appears whole or not at all: of two processes that make it
/// at once one wins, and both use that one.
fn key_file(path: &Path) -> io::Result<Vec<u8>> {
    if !path.exists() {
        let unfinished: PathBuf = path.with_extension(format!("key.{}", std::process::id()));
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(&rand::random::<[u8; SIGNING_KEY_BYTES]>())?;
        file.sync_all()?;
        match fs::hard_link(&unfinished, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => fs::remove_file(&unfinished)?,
        }
    }
    let mut key = Vec::new();
    File::open(path)?.read_to_end(&mut key)?;
    if key.len() < SIGNING_KEY_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too short"));
    }
    Ok(key)
}

/// The address to ask from this machine for a service that listens on `host`.
#[must_use]
pub fn local_address(host: IpAddr, port: u16) -> SocketAddr {
    let host = if host.is_unspecified() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host };
    SocketAddr::new(host, port)
}
