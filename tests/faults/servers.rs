//! The servers of a full deployment, which the harness kills and starts again on the same ports with the same data.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use sqlx::Connection;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{eventually, s3};

/// How long a server that answers at all may take.
const ANSWER: Duration = Duration::from_secs(2);
pub const USER: &str = "filemanager";
const S3_KEY: &str = "GK0123456789abcdef01234567";
const S3_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// One server: how it is started, and the process if it runs.
pub struct Server {
    pub port: u16,
    name: &'static str,
    program: String,
    arguments: Vec<String>,
    variables: HashMap<&'static str, String>,
    log: PathBuf,
    child: Mutex<Option<Child>>,
}

impl Server {
    fn start(&self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(&self.variables).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{} ({}) cannot be started: {error}; scripts/install-test-deps installs it", self.name, self.program)
        });
        *self.child.lock().unwrap() = Some(child);
    }

    /// Signals the process and all that it started.
    pub fn signal(&self, signal: Signal) {
        if let Some(child) = self.child.lock().unwrap().as_ref() {
            let _ = kill_process_group(Pid::from_child(child), signal);
        }
    }

    /// Ends the process as a power cut would.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.lock().unwrap().take() {
            let _ = child.wait();
        }
    }

    /// What its log ends with.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().rev().take(15).collect();
        format!("--- {}:\n{}", self.name, lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// All of them.
pub struct Servers {
    pub database: Server,
    pub broker: Server,
    /// Garage, or nothing where there is none: then the store is s3s-fs in this process.
    pub store: Option<Server>,
    pub store_port: u16,
    epmd_port: u16,
}

impl Servers {
    /// Starts all servers with data in this folder.
    pub async fn start(folder: &Path) -> Self {
        let epmd_port = free_port();
        let garage = std::env::var("GARAGE_BIN").ok().or_else(|| in_path("garage"));
        let store = garage.map(|program| garage_server(folder, &program));
        let store_port = store.as_ref().map_or_else(
            || s3::in_this_process().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port"),
            |store| store.port,
        );
        let (database, broker) = (mariadb_server(folder), rabbitmq_server(folder, epmd_port));
        let servers = Self { database, broker, store, store_port, epmd_port };
        servers.database.start();
        servers.broker.start();
        servers.start_store();
        servers.prepare().await;
        servers
    }

    async fn prepare(&self) {
        self.mysql(None).await;
        if let Some(store) = &self.store {
            configure_garage(store).await;
        }
        self.store_answers().await;
        self.broker_answers().await;
    }

    fn start_store(&self) {
        if let Some(store) = &self.store {
            store.start();
        }
    }

    pub fn kill_store(&self) {
        if let Some(store) = &self.store {
            store.kill();
        }
    }

    pub async fn restart_store(&self) {
        self.start_store();
        self.store_answers().await;
    }

    pub async fn restart_database(&self) {
        self.database.start();
        self.mysql(None).await;
    }

    pub async fn restart_broker(&self) {
        self.broker.start();
        self.broker_answers().await;
    }

    /// Access key and secret key of the store.
    pub fn store_keys(&self) -> (&'static str, &'static str) {
        if self.store.is_some() { (S3_KEY, S3_SECRET) } else { (s3::ACCESS_KEY, s3::SECRET_KEY) }
    }

    /// A connection to the database server that no fault is on, once it answers: on a machine that does much else it is
    /// slow at times.
    pub async fn mysql(&self, database: Option<&str>) -> MySqlConnection {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.database.port).username(USER);
        let options = options.password(USER);
        let options = if let Some(name) = database { options.database(name) } else { options };
        eventually("MariaDB answers", async || {
            timeout(ANSWER, MySqlConnection::connect_with(&options)).await.ok()?.ok()
        })
        .await
    }

    async fn store_answers(&self) {
        let port = self.store_port;
        eventually("the store answers", async || {
            let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            exchange(port, request).await.filter(|answer| answer.starts_with(b"HTTP/1.1"))
        })
        .await;
    }

    async fn broker_answers(&self) {
        let port = self.broker.port;
        eventually("RabbitMQ answers", async || exchange(port, b"AMQP\0\0\x09\x01").await).await;
    }

    /// The broker's address, past all faults.
    pub fn amqp(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.broker.port)
    }

    pub fn log_tails(&self) -> String {
        let servers = [Some(&self.database), Some(&self.broker), self.store.as_ref()];
        servers.into_iter().flatten().map(Server::log_tail).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.broker.kill();
        let _ = Command::new("epmd").args(["-port", &self.epmd_port.to_string(), "-kill"]).output();
    }
}

/// Sends a request to a port of this machine; the first bytes of the answer.
async fn exchange(port: u16, request: &[u8]) -> Option<Vec<u8>> {
    let answered = timeout(ANSWER, async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        stream.write_all(request).await.ok()?;
        let mut answer = vec![0; 8];
        stream.read_exact(&mut answer).await.ok()?;
        Some(answer)
    });
    answered.await.ok()?
}

/// A port that nobody listens on and that no other call gives. It lies below those that the system takes for connections
/// that go out, so that a server which is killed finds it free when it comes back.
pub fn free_port() -> u16 {
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(10_000..15_000)));
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn in_path(program: &str) -> Option<String> {
    let found =
        std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(program)).find(|p| p.exists());
    found.map(|path| path.display().to_string())
}

fn server(folder: &Path, name: &'static str, program: &str, port: u16, arguments: Vec<String>) -> Server {
    let log = folder.join(format!("{name}.log"));
    let (program, variables, child) = (program.to_owned(), HashMap::new(), Mutex::new(None));
    Server { port, name, program, arguments, variables, log, child }
}

fn mariadb_server(folder: &Path) -> Server {
    let (data, port) = (folder.join("mysql"), free_port());
    let as_root = if rustix::process::geteuid().is_root() { vec!["--user=root".to_owned()] } else { Vec::new() };
    let mut install = Command::new("mariadb-install-db");
    install.arg("--no-defaults").args(&as_root).arg(format!("--datadir={}", data.display()));
    install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    let installed = install.output().expect("mariadb-install-db is missing; scripts/install-test-deps installs it");
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    let grant = folder.join("grant.sql");
    let statement =
        format!("CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{USER}'; GRANT ALL ON *.* TO '{USER}'@'%';");
    fs::write(&grant, statement.replace("; ", ";\n")).unwrap();
    let mut arguments = vec!["--no-defaults".to_owned()];
    arguments.extend(as_root);
    arguments.extend([
        format!("--datadir={}", data.display()),
        format!("--port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--socket={}", folder.join("mysql.sock").display()),
        format!("--pid-file={}", folder.join("mysql.pid").display()),
        format!("--init-file={}", grant.display()),
        "--skip-name-resolve".to_owned(),
        "--max-connections=1000".to_owned(),
    ]);
    server(folder, "MariaDB", "mariadbd", port, arguments)
}

fn rabbitmq_server(folder: &Path, epmd_port: u16) -> Server {
    let (data, port) = (folder.join("rabbit"), free_port());
    fs::create_dir_all(&data).unwrap();
    let config = data.join("rabbitmq.conf");
    fs::write(&config, format!("listeners.tcp.1 = 127.0.0.1:{port}\n")).unwrap();
    let program = "/usr/lib/rabbitmq/bin/rabbitmq-server";
    let program = if Path::new(program).exists() { program } else { "rabbitmq-server" };
    let mut server = server(folder, "RabbitMQ", program, port, Vec::new());
    let path = |path: &Path| path.display().to_string();
    server.variables = HashMap::from([
        ("HOME", path(&data)),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("RABBITMQ_NODENAME", "filemanager@localhost".to_owned()),
        ("RABBITMQ_MNESIA_BASE", path(&data)),
        ("RABBITMQ_LOG_BASE", path(&data)),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("RABBITMQ_CONFIG_FILE", path(&config)),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path(&data.join("plugins"))),
        ("RABBITMQ_PID_FILE", path(&data.join("pid"))),
        ("RABBITMQ_CONF_ENV_FILE", path(&data.join("none"))),
    ]);
    server
}

fn garage_server(folder: &Path, program: &str) -> Server {
    let (port, config) = (free_port(), folder.join("garage.toml"));
    let data = folder.join("garage").display().to_string();
    let text = format!(
        "metadata_dir = \"{data}/meta\"\ndata_dir = \"{data}/data\"\ndb_engine = \"lmdb\"\nmetadata_fsync = true\n\
         data_fsync = true\nreplication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{}\"\nrpc_secret = \"{S3_SECRET}\"\n\
         [s3_api]\ns3_region = \"us-east-1\"\napi_bind_addr = \"127.0.0.1:{port}\"\nroot_domain = \".s3.localhost\"\n",
        free_port()
    );
    fs::write(&config, text).unwrap();
    let mut server = server(folder, "Garage", program, port, vec!["server".to_owned()]);
    server.variables = HashMap::from([("GARAGE_CONFIG_FILE", config.display().to_string())]);
    server
}

async fn configure_garage(store: &Server) {
    let ask = |arguments: &[&str]| {
        let output = Command::new(&store.program).args(arguments).envs(&store.variables).output().expect("garage runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    eventually("Garage answers", async || ask(&["status"])).await;
    let node = ask(&["node", "id", "-q"]).expect("the node's name");
    let node = node.split('@').next().unwrap_or_default().trim();
    let steps: [&[&str]; 4] = [
        &["layout", "assign", "-z", "dc1", "-c", "50G", node],
        &["layout", "apply", "--version", "1"],
        &["key", "import", "--yes", S3_KEY, S3_SECRET, "-n", "test"],
        &["key", "allow", "--create-bucket", S3_KEY],
    ];
    for step in steps {
        ask(step).unwrap_or_else(|| panic!("garage {} failed", step.join(" ")));
    }
}
