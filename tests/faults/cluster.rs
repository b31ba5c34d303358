//! One deployment of its own on the shared servers, with a door that can be broken between any two parts.

use std::collections::HashMap;
use std::sync::Arc;

use rustix::process::Signal;
use sqlx::{AssertSqlSafe, MySqlConnection};
use uuid::Uuid;

use crate::servers::{Servers, USER, free_port};
use crate::support::proxy::Proxy;
use crate::support::{Deployment, Queue, Service, s3};

pub struct Cluster {
    pub servers: Arc<Servers>,
    pub deployment: Deployment,
    pub database: Proxy,
    pub broker: Proxy,
    /// Between the service and the store.
    pub store: Proxy,
    /// Between callers and the store.
    pub links: Proxy,
    /// Between callers and the service.
    pub api: Proxy,
    pub apis: Vec<Service>,
    pub workers: Vec<Service>,
    name: String,
}

impl Cluster {
    /// A deployment that is not started yet. `safeguard_off` is what its processes do without.
    pub async fn new(servers: &Arc<Servers>, safeguard_off: Option<&str>) -> Self {
        let name = format!("faults{}", Uuid::new_v4().simple());
        let mut connection = servers.mysql(None).await;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await.unwrap();
        let local = |port: u16| format!("127.0.0.1:{port}");
        let database = Proxy::to(local(servers.database.port)).await;
        let broker = Proxy::to(local(servers.broker.port)).await;
        let store = Proxy::to(local(servers.store_port)).await;
        let links = Proxy::to(local(servers.store_port)).await;
        let api_port = free_port();
        let api = Proxy::to(local(api_port)).await;
        let (access_key, secret_key) = servers.store_keys();
        let settings = [
            ("APP_PORT", api_port.to_string()),
            ("APP_MAX_CHUNK_SIZE", (6 * 1024 * 1024).to_string()),
            ("JOB_LEASE", "3".to_owned()),
            ("JOB_SWEEP_INTERVAL", "1".to_owned()),
            ("MYSQL_HOST", "127.0.0.1".to_owned()),
            ("MYSQL_PORT", database.port.to_string()),
            ("MYSQL_USER", USER.to_owned()),
            ("MYSQL_PASSWORD", USER.to_owned()),
            ("MYSQL_DATABASE", name.clone()),
            ("MINIO_ENDPOINT", local(store.port)),
            ("MINIO_URL", format!("http://{}", local(links.port))),
            ("MINIO_ACCESS_KEY", access_key.to_owned()),
            ("MINIO_SECRET_KEY", secret_key.to_owned()),
            ("MINIO_PUBLIC_BUCKET", format!("public-{name}")),
            ("MINIO_PRIVATE_BUCKET", format!("private-{name}")),
            ("RABBITMQ_HOST", "127.0.0.1".to_owned()),
            ("RABBITMQ_PORT", broker.port.to_string()),
            ("RABBITMQ_QUEUE", name.clone()),
        ];
        let mut settings: HashMap<String, String> = settings.map(|(key, value)| (key.to_owned(), value)).into();
        settings.extend(safeguard_off.map(|safeguard| ("SAFEGUARD_OFF".to_owned(), safeguard.to_owned())));
        let deployment = Deployment::on(settings, Queue::RabbitMq);
        let (apis, workers) = (Vec::new(), Vec::new());
        Self { servers: Arc::clone(servers), deployment, database, broker, store, links, api, apis, workers, name }
    }

    /// The same with an API and a worker that run.
    pub async fn started(servers: &Arc<Servers>, safeguard_off: Option<&str>) -> Self {
        let mut cluster = Self::new(servers, safeguard_off).await;
        cluster.start_api(None).await;
        cluster.start_worker(None).await;
        cluster
    }

    /// Sets a variable for the processes that are started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.deployment.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Starts an API, which may have a failpoint.
    pub async fn start_api(&mut self, failpoint: Option<&str>) {
        let mut command = self.deployment.command(env!("CARGO_BIN_EXE_filemanager"));
        command.envs(failpoint.map(|failpoint| ("FAILPOINT", failpoint)));
        self.apis.push(Service::start(command, "ready").await);
    }

    /// Starts a worker, which may have a failpoint.
    pub async fn start_worker(&mut self, failpoint: Option<&str>) {
        let mut command = self.deployment.command(env!("CARGO_BIN_EXE_filemanager-worker"));
        command.envs(failpoint.map(|failpoint| ("FAILPOINT", failpoint)));
        self.workers.push(match failpoint {
            None => Service::start(command, "waiting for jobs").await,
            // It may be dead before it could be seen waiting.
            Some(_) => Service::spawn(command),
        });
    }

    /// Ends all APIs by SIGKILL and starts one.
    pub async fn restart_api(&mut self) {
        for mut api in self.apis.drain(..) {
            api.signal(Signal::KILL);
            api.ended().await;
        }
        self.start_api(None).await;
    }

    /// Where callers reach the API.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.api.port)
    }

    /// Where the API is, past all faults.
    pub fn url_past_faults(&self) -> String {
        format!("http://127.0.0.1:{}", self.deployment.settings["APP_PORT"])
    }

    /// The database, past all faults.
    pub async fn rows(&self) -> MySqlConnection {
        self.servers.mysql(Some(&self.name)).await
    }

    /// The store, past all faults.
    pub fn objects(&self) -> aws_sdk_s3::Client {
        let (access_key, secret_key) = self.servers.store_keys();
        let endpoint = format!("http://127.0.0.1:{}", self.servers.store_port);
        s3::client_of(endpoint, access_key.to_owned(), secret_key.to_owned())
    }

    /// Buckets of public and of private files.
    pub fn buckets(&self) -> [&str; 2] {
        ["MINIO_PUBLIC_BUCKET", "MINIO_PRIVATE_BUCKET"].map(|name| self.deployment.settings[name].as_str())
    }

    /// The broker's queue of jobs.
    pub fn queue(&self) -> &str {
        &self.name
    }

    /// The store goes, and all that is under way with it.
    pub fn kill_store(&self) {
        self.servers.kill_store();
        for door in [&self.store, &self.links] {
            door.shut();
        }
    }

    pub async fn restart_store(&self) {
        self.servers.restart_store().await;
        for door in [&self.store, &self.links] {
            door.open();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.servers.log_tails());
        }
    }
}
