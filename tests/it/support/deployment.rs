//! Starts the real binaries with a configuration of their own.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use sqlx::mysql::MySqlRow;
use sqlx::{Connection, Row};
use tempfile::TempDir;
use uuid::Uuid;

use super::{Client, eventually, s3};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    MySql,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    Directory,
    S3,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    InProcess,
    RabbitMq,
}

/// A configuration with data of its own, on which any number of processes can be started.
pub struct Deployment {
    pub folder: TempDir,
    pub settings: HashMap<String, String>,
    queue: Queue,
    key: Option<String>,
}

/// A variable that `scripts/with-services` sets.
pub fn from_services(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run the tests by `make test` or `scripts/with-services cargo test`")
    })
}

impl Deployment {
    pub async fn new(database: Database, store: Store, queue: Queue) -> Self {
        let deployment = Self::open(database, store, queue).await;
        let is_closed = std::env::var("TEST_AUTH").is_ok_and(|mode| mode == "keys");
        if is_closed { deployment.closed().await } else { deployment }
    }

    /// Without access control, however the tests are run.
    pub async fn open(database: Database, store: Store, queue: Queue) -> Self {
        let mut deployment = Self::on(HashMap::new(), queue);
        let mut set = |name: &str, value: String| deployment.settings.insert(name.to_owned(), value);
        set("JOB_SWEEP_INTERVAL", "1".into());
        if database == Database::MySql {
            set("MYSQL_HOST", from_services("TEST_MYSQL_HOST"));
            set("MYSQL_PORT", from_services("TEST_MYSQL_PORT"));
            set("MYSQL_USER", from_services("TEST_MYSQL_USER"));
            set("MYSQL_PASSWORD", from_services("TEST_MYSQL_PASSWORD"));
            set("MYSQL_DATABASE", new_mysql_database().await);
        }
        if store == Store::S3 {
            let (endpoint, access_key, secret_key) = s3::endpoint().await;
            set("MINIO_ENDPOINT", endpoint);
            set("MINIO_ACCESS_KEY", access_key);
            set("MINIO_SECRET_KEY", secret_key);
        }
        if queue == Queue::RabbitMq {
            set("RABBITMQ_HOST", from_services("TEST_RABBITMQ_HOST"));
            set("RABBITMQ_PORT", from_services("TEST_RABBITMQ_PORT"));
            set("RABBITMQ_DEFAULT_USER", from_services("TEST_RABBITMQ_USER"));
            set("RABBITMQ_DEFAULT_PASS", from_services("TEST_RABBITMQ_PASSWORD"));
            set("RABBITMQ_QUEUE", format!("test.{}", Uuid::new_v4().simple()));
        }
        deployment
    }

    /// With access control on, and a key that may do everything for the clients of its services.
    pub async fn closed(self) -> Self {
        if self.key.is_some() {
            return self;
        }
        let mut closed = self.set("APP_AUTH", "keys");
        let all = "files:read,files:write,files:delete,users,admin,metrics";
        closed.key = Some(closed.new_key(&["test", "--scope", all]).await);
        closed
    }

    /// The key of its services' clients, where one is needed.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// A new key, made on the command line with these arguments.
    pub async fn new_key(&self, arguments: &[&str]) -> String {
        let mut command = self.command(env!("CARGO_BIN_EXE_filemanager"));
        command.args(["keys", "create"]).args(arguments);
        let (status, key, complaint) = run(command).await;
        assert!(status.success(), "{complaint}");
        key.trim().to_owned()
    }

    /// With these settings beside the usual ones.
    pub fn on(settings: HashMap<String, String>, queue: Queue) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data").display().to_string();
        let usual = [("APP_PORT", "0".to_owned()), ("APP_DATA_DIR", data), ("LOG_FORMAT", "json".to_owned())];
        let mut all: HashMap<String, String> = usual.map(|(name, value)| (name.to_owned(), value)).into();
        all.extend(settings);
        Self { folder, settings: all, queue, key: None }
    }

    /// What one gets with nothing configured.
    pub async fn embedded() -> Self {
        Self::new(Database::Sqlite, Store::Directory, Queue::InProcess).await
    }

    /// What `docker compose up` gives.
    pub async fn full() -> Self {
        Self::new(Database::MySql, Store::S3, Queue::RabbitMq).await
    }

    /// The name of its MySQL database, if it has one.
    pub fn mysql_database(&self) -> Option<&str> {
        self.settings.get("MYSQL_DATABASE").map(String::as_str)
    }

    pub fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// A command of the API's binary with this deployment's settings and nothing else.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.settings).current_dir(self.folder.path());
        command
    }

    /// Starts an API and waits until it takes requests.
    pub async fn api(&self) -> Service {
        let mut service = Service::start(self.command(env!("CARGO_BIN_EXE_filemanager")), "ready").await;
        service.key.clone_from(&self.key);
        service
    }

    /// Starts an API whose database may be away, and waits until it says where it is.
    pub async fn api_without_database(&self) -> Service {
        let mut service = Service::start(self.command(env!("CARGO_BIN_EXE_filemanager")), "serving").await;
        service.key.clone_from(&self.key);
        service
    }

    /// Starts a worker and waits until it takes jobs.
    pub async fn worker(&self) -> Service {
        Service::start(self.command(env!("CARGO_BIN_EXE_filemanager-worker")), "waiting for jobs").await
    }

    /// Starts an API, and a worker if there must be one.
    pub async fn start(&self) -> Vec<Service> {
        let api = self.api().await;
        match self.queue {
            Queue::InProcess => vec![api],
            Queue::RabbitMq => vec![api, self.worker().await],
        }
    }
}

async fn new_mysql_database() -> String {
    let name = format!("test_{}", Uuid::new_v4().simple());
    let mut connection = mysql(None).await;
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(sql).execute(&mut connection).await.expect("a new database");
    name
}

/// Where the MySQL server of the tests listens.
pub fn mysql_address() -> String {
    format!("{}:{}", from_services("TEST_MYSQL_HOST"), from_services("TEST_MYSQL_PORT"))
}

/// The way to the MySQL server of the tests.
pub fn mysql_options(database: Option<&str>) -> sqlx::mysql::MySqlConnectOptions {
    let options = sqlx::mysql::MySqlConnectOptions::new()
        .host(&from_services("TEST_MYSQL_HOST"))
        .port(from_services("TEST_MYSQL_PORT").parse().expect("a port"))
        .username(&from_services("TEST_MYSQL_USER"))
        .password(&from_services("TEST_MYSQL_PASSWORD"));
    if let Some(name) = database { options.database(name) } else { options }
}

/// A connection to the MySQL server of the tests.
pub async fn mysql(database: Option<&str>) -> sqlx::MySqlConnection {
    sqlx::MySqlConnection::connect_with(&mysql_options(database)).await.expect("the MySQL server of the tests answers")
}

/// How many connections to a database of the tests are in a state that begins like this.
pub async fn connections_in(state: &str, database: &str) -> usize {
    let mut watching = mysql(None).await;
    // The tables that tell the same cannot show every statement on every server.
    let connections = sqlx::raw_sql("SHOW PROCESSLIST").fetch_all(&mut watching).await.expect("connections");
    let is_in = |row: &MySqlRow| {
        let text = |column: &str| row.get::<Option<String>, _>(column).unwrap_or_default();
        text("db") == database && text("State").starts_with(state)
    };
    connections.iter().filter(|row| is_in(row)).count()
}

/// A process that runs until it is dropped.
pub struct Service {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    /// What its clients show.
    key: Option<String>,
}

impl Service {
    /// Starts a process.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        Self { child, log, key: None }
    }

    /// Starts a process and waits until its log says `message`.
    pub async fn start(command: Command, message: &str) -> Self {
        let mut service = Self::spawn(command);
        let wanted = format!("\"message\":\"{message}\"");
        eventually(&format!("a process says {message:?}"), async || {
            if let Some(status) = service.child.try_wait().expect("the process can be asked") {
                panic!("the process ended with {status}:\n{}", service.log().join("\n"));
            }
            service.log().iter().any(|line| line.contains(&wanted)).then_some(())
        })
        .await;
        service
    }

    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The log's lines as JSON.
    pub fn log_json(&self) -> Vec<serde_json::Value> {
        self.log().iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// Where the API listens.
    pub fn address(&self) -> String {
        let lines = self.log_json();
        let serving = lines.iter().find(|line| line["message"] == "serving").expect("the API said where it is");
        serving["address"].as_str().expect("an address").to_owned()
    }

    pub fn client(&self) -> Client {
        self.client_with(self.key.as_deref())
    }

    /// A client that shows this key, or another credential, or nothing.
    pub fn client_with(&self, key: Option<&str>) -> Client {
        Client::with_key(&format!("http://{}", self.address()), key)
    }

    pub fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the process can be signalled");
    }

    /// Waits for the process's end.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("a process ends", async || self.child.try_wait().expect("the process can be asked")).await
    }

    /// The most memory that the process ever used, in MiB.
    pub fn peak_memory_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of process {}:\n{}", self.child.id(), self.log().join("\n"));
        }
    }
}

/// Runs a command to its end: its status, what it printed, and what it complained of.
pub async fn run(mut command: Command) -> (ExitStatus, String, String) {
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status, text(output.stdout), text(output.stderr))
}

/// The key that a service prints where there is none yet.
pub async fn first_key(deployment: &Deployment) -> Option<String> {
    let mut command = deployment.command(env!("CARGO_BIN_EXE_filemanager"));
    command.stdout(Stdio::piped());
    let mut service = Service::start(command, "ready").await;
    let mut output = service.child.stdout.take().expect("a pipe");
    let mut client = service.client();
    client.base.push_str("/health/ready");
    eventually("the service is ready", async || {
        client.http.get(&client.base).send().await.ok().filter(|answer| answer.status() == 200).map(drop)
    })
    .await;
    service.signal(rustix::process::Signal::TERM);
    service.ended().await;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut output, &mut text).expect("a text");
    Some(text.lines().find(|line| line.contains("fmk_"))?.rsplit_once(' ')?.1.to_owned())
}
