//! The configuration: read from the environment once, checked as a whole, never changed.

mod access;
mod jwt;
mod limits;
mod reader;
mod settings;
mod traces;

use std::collections::HashMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use secrecy::SecretString;
use url::Url;

use crate::domain::FileExtension;

pub use access::AccessConfig;
pub use jwt::{JwtConfig, JwtKeys};
pub use limits::{LimitConfig, MAX_FIELD};
pub use reader::ConfigErrors;
use reader::Reader;
pub use settings::{SETTINGS, Setting};
pub use traces::{TraceConfig, TraceSampler};

/// The page that runs on the same machine during development.
const DEVELOPMENT_ORIGIN: &str = "http://localhost:3000";
const DAY: u64 = 24 * 3600;
const WEEK: u64 = 7 * DAY;
/// For how long the chunks of an upload may come in.
const LONGEST_UPLOAD: Duration = Duration::from_secs(29 * DAY);

/// What the process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It serves the API.
    Api,
    /// It is a worker, or does something for an operator: nobody calls it.
    Other,
}

/// Everything that an operator can set.
#[derive(Debug, Clone)]
pub struct Config {
    /// The HTTP side.
    pub server: ServerConfig,
    /// How callers are known.
    pub access: AccessConfig,
    /// How much callers may take at a time.
    pub limits: LimitConfig,
    /// Uploads and downloads.
    pub uploads: UploadConfig,
    /// Where the embedded parts keep their data, and temporary files lie.
    pub data_dir: PathBuf,
    /// Which database.
    pub database: DatabaseConfig,
    /// Which object store.
    pub storage: StorageConfig,
    /// Which queue.
    pub queue: QueueConfig,
    /// Background work.
    pub jobs: JobConfig,
    /// Keeping database and store tidy.
    pub gc: GcConfig,
    /// Where a worker listens for those who ask for its metrics, if it does; 0 lets the system choose.
    pub worker_metrics_port: Option<u16>,
    /// Where traces go, if anywhere.
    pub traces: Option<TraceConfig>,
    /// What the log looks like.
    pub log: LogConfig,
    /// How long a stop may take before what still runs is dropped.
    pub shutdown_timeout: Duration,
    /// How long requests are still taken after the signal to stop.
    pub drain_delay: Duration,
}

/// The HTTP side.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 lets the system choose.
    pub port: u16,
    /// How callers reach the service, when it is not the address that it listens on.
    pub public_url: Option<Url>,
    /// Web pages that may call the service.
    pub cors_origins: Vec<String>,
    /// Proxies in front, whose word counts of who calls.
    pub trusted_proxies: Vec<IpNet>,
}

impl ServerConfig {
    /// The origins of the web pages that may call the service and its store: its own, those of the configuration, and
    /// that of a page that is being developed on the same machine.
    #[must_use]
    pub fn page_origins(&self) -> Vec<String> {
        let own = match &self.public_url {
            Some(url) => vec![url.origin().ascii_serialization()],
            None => ["localhost", "127.0.0.1"].map(|host| format!("http://{host}:{}", self.port)).to_vec(),
        };
        let mut origins = [own, self.cors_origins.clone(), vec![DEVELOPMENT_ORIGIN.to_owned()]].concat();
        origins.sort_unstable();
        origins.dedup();
        origins
    }
}

/// What is done about the first bytes of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentCheck {
    /// Nobody looks.
    Off,
    /// What is found is noted and shown.
    Record,
    /// A file that is not what its name says is refused, too.
    Reject,
}

/// Uploads and downloads.
#[derive(Debug, Clone)]
pub struct UploadConfig {
    /// The most bytes of one chunk.
    pub max_chunk_size: i64,
    /// What is done about the first bytes of files.
    pub content_check: ContentCheck,
    /// The extensions that files may have.
    pub accepted_extensions: Vec<FileExtension>,
    /// How long an upload stays open after its last chunk.
    pub upload_ttl: Duration,
    /// How long it may stay open at all: the store removes what lies in it for longer.
    pub longest_upload: Duration,
    /// How long a signed link is valid.
    pub download_url_ttl: Duration,
}

/// Which database.
#[derive(Debug, Clone)]
pub enum DatabaseConfig {
    /// A file in the data folder.
    Sqlite,
    /// A MySQL or MariaDB server.
    MySql {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// User.
        user: String,
        /// Password.
        password: SecretString,
        /// Name of the database.
        database: String,
        /// The most connections at a time.
        connections: u32,
    },
}

/// Which object store.
#[derive(Debug, Clone)]
pub enum StorageConfig {
    /// A folder in the data folder.
    Directory,
    /// An S3 store.
    S3(Box<S3Config>),
}

/// How to reach an S3 store.
#[derive(Debug, Clone)]
pub struct S3Config {
    /// Where the service reaches the store.
    pub endpoint: Url,
    /// Where callers reach the store.
    pub public_url: Url,
    /// Region to sign for.
    pub region: String,
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: SecretString,
    /// Bucket of public files.
    pub public_bucket: String,
    /// Bucket of private files and of what is not finished.
    pub private_bucket: String,
    /// Web pages that may send chunks to the buckets.
    pub page_origins: Vec<String>,
    /// After how many days the store itself may remove what was begun and never finished.
    pub unfinished_days: u64,
}

/// Which queue.
#[derive(Debug, Clone)]
pub enum QueueConfig {
    /// In this process, which runs the jobs too.
    InProcess,
    /// A `RabbitMQ` server; `filemanager-worker` runs the jobs.
    RabbitMq {
        /// Host name or address.
        host: String,
        /// Port.
        port: u16,
        /// User.
        user: String,
        /// Password.
        password: SecretString,
        /// Name of the queue.
        queue: String,
    },
}

/// Background work.
#[derive(Debug, Clone)]
pub struct JobConfig {
    /// How often a job is tried before it is given up.
    pub max_attempts: i64,
    /// How long a worker holds a job without a sign of life.
    pub lease: Duration,
    /// How many jobs one worker does at a time.
    pub concurrency: usize,
    /// The pause between two looks for jobs that are due and were not announced.
    pub sweep_interval: Duration,
}

/// Keeping database and store tidy.
#[derive(Debug, Clone)]
pub struct GcConfig {
    /// The pause between two passes; `None` when only an operator begins one.
    pub interval: Option<Duration>,
    /// How old a stored thing must be before it can be litter.
    pub grace: Duration,
    /// How long the rows of jobs that ended are kept.
    pub keep_jobs: Duration,
    /// How long the record of who did what is kept.
    pub keep_audit: Duration,
}

/// What the log looks like.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// JSON, one object a line; otherwise for people.
    pub json: bool,
    /// What to log, in the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

impl Config {
    /// Reads the process's environment, and `.env` in the working directory for what is not set there.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn from_env(role: Role) -> Result<Self, ConfigErrors> {
        let from_file = match dotenvy::from_path_iter(".env") {
            Ok(lines) => lines.collect::<Result<Vec<_>, _>>().map_err(|error| ConfigErrors::unreadable(&error))?,
            Err(error) if error.not_found() => Vec::new(),
            Err(error) => return Err(ConfigErrors::unreadable(&error)),
        };
        // Others' variables may be anything; one of ours is refused when it is read.
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let from_env = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        Self::parse(role, from_file.into_iter().chain(from_env).collect())
    }

    /// Reads these variables; a later one of the same name wins.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn parse(role: Role, variables: HashMap<String, String>) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(variables);
        let (server, uploads) = (server(&mut reader), uploads(&mut reader));
        let config = Self {
            storage: storage(&mut reader, &server, &uploads),
            access: access::access(&mut reader, role, server.host),
            server,
            limits: limits::limits(&mut reader),
            uploads,
            data_dir: reader.required("APP_DATA_DIR", "the service starts").into(),
            database: database(&mut reader),
            queue: queue(&mut reader),
            jobs: jobs(&mut reader),
            gc: gc(&mut reader),
            worker_metrics_port: reader.optional_number("WORKER_METRICS_PORT", 0..=u16::MAX),
            traces: traces::traces(&mut reader),
            log: log(&mut reader),
            shutdown_timeout: reader.longer_than("APP_SHUTDOWN_TIMEOUT", "APP_DRAIN_DELAY", 3600),
            drain_delay: reader.seconds("APP_DRAIN_DELAY", 0, 3600),
        };
        reader.finish(config)
    }

    /// Whether a file that the S3 store gives out is of the same origin as the service's own page.
    #[must_use]
    pub fn store_shares_the_page(&self) -> bool {
        let StorageConfig::S3(store) = &self.storage else { return false };
        self.server.public_url.as_ref().is_some_and(|own| own.origin() == store.public_url.origin())
    }

    /// Whether the API runs the jobs itself.
    #[must_use]
    pub fn runs_jobs_in_process(&self) -> bool {
        matches!(self.queue, QueueConfig::InProcess)
    }
}

fn server(reader: &mut Reader) -> ServerConfig {
    ServerConfig {
        host: reader.address("APP_HOST"),
        port: reader.number("APP_PORT", 0..=u16::MAX),
        public_url: reader.optional_url("APP_PUBLIC_URL"),
        cors_origins: reader.origins("APP_CORS_ORIGINS"),
        trusted_proxies: reader.networks("APP_TRUSTED_PROXIES"),
    }
}

fn uploads(reader: &mut Reader) -> UploadConfig {
    let upload_ttl = reader.seconds("APP_UPLOAD_TTL", 60, 365 * DAY);
    UploadConfig {
        max_chunk_size: reader.number("APP_MAX_CHUNK_SIZE", 1..=5 * 1024 * 1024 * 1024),
        content_check: match reader.one_of("APP_CONTENT_CHECK", ["off", "record", "reject"]) {
            "off" => ContentCheck::Off,
            "reject" => ContentCheck::Reject,
            _ => ContentCheck::Record,
        },
        accepted_extensions: reader.extensions("APP_ACCEPTED_EXTENSIONS"),
        upload_ttl,
        longest_upload: LONGEST_UPLOAD + upload_ttl,
        download_url_ttl: reader.seconds("APP_DOWNLOAD_URL_TTL", 1, WEEK),
    }
}

fn database(reader: &mut Reader) -> DatabaseConfig {
    let Some(host) = reader.optional("MYSQL_HOST") else { return DatabaseConfig::Sqlite };
    DatabaseConfig::MySql {
        host,
        port: reader.number("MYSQL_PORT", 1..=u16::MAX),
        user: reader.required("MYSQL_USER", "MYSQL_HOST"),
        password: reader.secret("MYSQL_PASSWORD", "MYSQL_HOST"),
        database: reader.required("MYSQL_DATABASE", "MYSQL_HOST"),
        connections: reader.number("MYSQL_CONNECTIONS", 1..=1000),
    }
}

fn storage(reader: &mut Reader, server: &ServerConfig, uploads: &UploadConfig) -> StorageConfig {
    let Some(endpoint) = reader.optional_endpoint("MINIO_ENDPOINT") else { return StorageConfig::Directory };
    StorageConfig::S3(Box::new(S3Config {
        public_url: reader.optional_url("MINIO_URL").unwrap_or_else(|| endpoint.clone()),
        endpoint,
        region: reader.required("MINIO_REGION", "MINIO_ENDPOINT"),
        access_key: reader.required("MINIO_ACCESS_KEY", "MINIO_ENDPOINT"),
        secret_key: reader.secret("MINIO_SECRET_KEY", "MINIO_ENDPOINT"),
        public_bucket: reader.required("MINIO_PUBLIC_BUCKET", "MINIO_ENDPOINT"),
        private_bucket: reader.private_bucket("MINIO_PRIVATE_BUCKET", "MINIO_PUBLIC_BUCKET"),
        page_origins: server.page_origins(),
        unfinished_days: uploads.longest_upload.as_secs().div_ceil(DAY) + 1,
    }))
}

fn queue(reader: &mut Reader) -> QueueConfig {
    let Some(host) = reader.optional("RABBITMQ_HOST") else { return QueueConfig::InProcess };
    QueueConfig::RabbitMq {
        host,
        port: reader.number("RABBITMQ_PORT", 1..=u16::MAX),
        user: reader.required("RABBITMQ_DEFAULT_USER", "RABBITMQ_HOST"),
        password: reader.secret("RABBITMQ_DEFAULT_PASS", "RABBITMQ_HOST"),
        queue: reader.required("RABBITMQ_QUEUE", "RABBITMQ_HOST"),
    }
}

fn jobs(reader: &mut Reader) -> JobConfig {
    JobConfig {
        max_attempts: reader.number("JOB_MAX_ATTEMPTS", 1..=100),
        lease: reader.seconds("JOB_LEASE", 3, 3600),
        concurrency: reader.number("WORKER_CONCURRENCY", 1..=256),
        sweep_interval: reader.seconds("JOB_SWEEP_INTERVAL", 1, 3600),
    }
}

fn gc(reader: &mut Reader) -> GcConfig {
    let interval = reader.seconds("GC_INTERVAL", 0, 30 * DAY);
    GcConfig {
        interval: (!interval.is_zero()).then_some(interval),
        grace: reader.longer_than("GC_GRACE", "JOB_LEASE", 30 * DAY),
        keep_jobs: Duration::from_secs(reader.number::<u64>("JOB_KEEP_DAYS", 1..=3650) * DAY),
        keep_audit: Duration::from_secs(reader.number::<u64>("APP_AUDIT_DAYS", 1..=36_500) * DAY),
    }
}

fn log(reader: &mut Reader) -> LogConfig {
    LogConfig { json: reader.one_of("LOG_FORMAT", ["text", "json"]) == "json", filter: reader.filter("LOG_LEVEL") }
}

#[cfg(test)]
mod tests;
