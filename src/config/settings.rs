//! The list of all variables. The reader knows no other, and a test compares it with `.env.example`,
//! `docker-compose.yml` and the README.

/// One variable.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What counts when it is not set; `None` when that is a case of its own.
    pub default: Option<&'static str>,
    /// Whether its value may be shown.
    pub secret: bool,
}

const fn plain(name: &'static str, default: &'static str) -> Setting {
    Setting { name, default: Some(default), secret: false }
}

const fn unset(name: &'static str) -> Setting {
    Setting { name, default: None, secret: false }
}

const fn secret(name: &'static str) -> Setting {
    Setting { name, default: None, secret: true }
}

/// Every variable that the service reads.
pub const SETTINGS: &[Setting] = &[
    plain("APP_HOST", "127.0.0.1"),
    plain("APP_PORT", "8000"),
    unset("APP_PUBLIC_URL"),
    unset("APP_AUTH"),
    unset("APP_JWT_ISSUER"),
    unset("APP_JWT_AUDIENCE"),
    plain("APP_JWT_ALGORITHMS", "RS256,ES256,EdDSA"),
    secret("APP_JWT_SECRET"),
    unset("APP_JWT_KEYS_FILE"),
    unset("APP_JWT_JWKS_URL"),
    plain("APP_JWT_SCOPES_CLAIM", "scope"),
    unset("APP_JWT_TENANT_CLAIM"),
    unset("APP_JWT_USER_CLAIM"),
    plain("APP_AUDIT_DAYS", "365"),
    plain("APP_TRUSTED_PROXIES", ""),
    plain("APP_DATA_DIR", "./data"),
    plain("APP_CORS_ORIGINS", ""),
    plain("APP_MAX_CHUNK_SIZE", "10485760"),
    unset("APP_ACCEPTED_EXTENSIONS"),
    plain("APP_CONTENT_CHECK", "record"),
    plain("APP_UPLOAD_TTL", "86400"),
    plain("APP_DOWNLOAD_URL_TTL", "3600"),
    plain("APP_MAX_CONNECTIONS", "8192"),
    plain("APP_MAX_REQUESTS", "4096"),
    plain("APP_MAX_BYTES_IN_FLIGHT", "1073741824"),
    plain("APP_MAX_FORM_SIZE", "262144"),
    plain("APP_HEAD_TIMEOUT", "30"),
    plain("APP_BODY_TIMEOUT", "30"),
    plain("APP_BODY_MIN_RATE", "1024"),
    plain("APP_READ_TIMEOUT", "300"),
    plain("APP_RATE_PER_ADDRESS", "0"),
    plain("APP_RATE_PER_KEY", "0"),
    plain("APP_SHUTDOWN_TIMEOUT", "30"),
    plain("APP_DRAIN_DELAY", "0"),
    unset("MYSQL_HOST"),
    plain("MYSQL_PORT", "3306"),
    unset("MYSQL_USER"),
    secret("MYSQL_PASSWORD"),
    plain("MYSQL_DATABASE", "filemanager"),
    plain("MYSQL_CONNECTIONS", "16"),
    unset("MINIO_ENDPOINT"),
    unset("MINIO_URL"),
    plain("MINIO_REGION", "us-east-1"),
    unset("MINIO_ACCESS_KEY"),
    secret("MINIO_SECRET_KEY"),
    plain("MINIO_PUBLIC_BUCKET", "public"),
    plain("MINIO_PRIVATE_BUCKET", "private"),
    unset("RABBITMQ_HOST"),
    plain("RABBITMQ_PORT", "5672"),
    plain("RABBITMQ_DEFAULT_USER", "guest"),
    Setting { name: "RABBITMQ_DEFAULT_PASS", default: Some("guest"), secret: true },
    plain("RABBITMQ_QUEUE", "filemanager.jobs"),
    plain("JOB_MAX_ATTEMPTS", "8"),
    plain("JOB_LEASE", "30"),
    plain("JOB_SWEEP_INTERVAL", "5"),
    plain("WORKER_CONCURRENCY", "4"),
    plain("JOB_KEEP_DAYS", "7"),
    plain("GC_INTERVAL", "86400"),
    plain("GC_GRACE", "3600"),
    unset("WORKER_METRICS_PORT"),
    unset("OTEL_EXPORTER_OTLP_ENDPOINT"),
    secret("OTEL_EXPORTER_OTLP_HEADERS"),
    unset("OTEL_SERVICE_NAME"),
    plain("OTEL_TRACES_EXPORTER", "otlp"),
    plain("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
    plain("OTEL_TRACES_SAMPLER_ARG", "1.0"),
    plain("LOG_FORMAT", "text"),
    plain("LOG_LEVEL", "info"),
];
