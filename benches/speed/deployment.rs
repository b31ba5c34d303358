//! The service as it is deployed: embedded, or on `MariaDB`, `RabbitMQ` and Garage with a worker of its own.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{Connection, MySqlConnection};
use tempfile::TempDir;
use uuid::Uuid;

use crate::garage::Garage;
use crate::process::{Process, free_address};

/// A build of the service.
#[derive(Clone)]
pub struct Programs {
    api: PathBuf,
    worker: PathBuf,
}

impl Programs {
    /// The one that was built along with this benchmark.
    fn built() -> Self {
        Self { api: env!("CARGO_BIN_EXE_filemanager").into(), worker: env!("CARGO_BIN_EXE_filemanager-worker").into() }
    }

    /// The one in a folder.
    ///
    /// # Errors
    /// Names the program that is not there.
    pub fn in_folder(folder: &Path) -> Result<Self> {
        // Its processes are started in folders of their own.
        let find = |name| {
            let program = folder.join(name);
            program.canonicalize().with_context(|| format!("{} is not there", program.display()))
        };
        Ok(Self { api: find("filemanager")?, worker: find("filemanager-worker")? })
    }
}

/// A service that runs.
pub struct Deployment {
    /// The API's process.
    pub api: Process,
    /// The worker's, in the full deployment.
    pub worker: Option<Process>,
    /// Where the API listens.
    pub address: SocketAddr,
    programs: Programs,
    settings: HashMap<&'static str, String>,
    // The processes end before their folder goes.
    folder: TempDir,
}

impl Deployment {
    /// With nothing configured: `SQLite`, a directory, and the worker inside.
    pub async fn embedded(parent: &Path) -> Result<Self> {
        Self::embedded_of(&Programs::built(), parent).await
    }

    /// The same, of that build.
    pub async fn embedded_of(programs: &Programs, parent: &Path) -> Result<Self> {
        Self::start(programs, parent, HashMap::new()).await
    }

    /// The same, known by keys.
    pub async fn embedded_closed(parent: &Path) -> Result<Self> {
        Self::start(&Programs::built(), parent, HashMap::from(closed())).await
    }

    /// On `MariaDB`, `RabbitMQ` and this Garage.
    pub async fn full(parent: &Path, garage: &Garage) -> Result<Self> {
        Self::full_of(&Programs::built(), parent, garage).await
    }

    /// The same, of that build.
    pub async fn full_of(programs: &Programs, parent: &Path, garage: &Garage) -> Result<Self> {
        Self::full_with(programs, parent, garage, []).await
    }

    /// The same, known by keys.
    pub async fn full_closed(parent: &Path, garage: &Garage) -> Result<Self> {
        Self::full_with(&Programs::built(), parent, garage, closed()).await
    }

    async fn full_with(
        programs: &Programs,
        parent: &Path,
        garage: &Garage,
        more: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self> {
        let mut settings = new_mysql_database().await?;
        settings.extend(more);
        settings.extend(garage.settings());
        settings.extend([
            ("RABBITMQ_HOST", named("TEST_RABBITMQ_HOST")?),
            ("RABBITMQ_PORT", named("TEST_RABBITMQ_PORT")?),
            ("RABBITMQ_DEFAULT_USER", named("TEST_RABBITMQ_USER")?),
            ("RABBITMQ_DEFAULT_PASS", named("TEST_RABBITMQ_PASSWORD")?),
            ("RABBITMQ_QUEUE", format!("speed.{}", Uuid::new_v4().simple())),
        ]);
        Self::start(programs, parent, settings).await
    }

    /// Where its processes run.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the program prints for an operator who gives it these arguments.
    pub fn operate(&self, arguments: &[&str]) -> Result<String> {
        let output = command(&self.programs.api, &self.settings, self.folder.path())
            .args(arguments)
            .output()
            .context("no command")?;
        if !output.status.success() {
            bail!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The way to its `MariaDB` database.
    pub fn mysql(&self) -> Result<MySqlConnectOptions> {
        Ok(server(&self.settings)?.database(&self.settings["MYSQL_DATABASE"]))
    }

    async fn start(programs: &Programs, parent: &Path, settings: HashMap<&'static str, String>) -> Result<Self> {
        let folder = TempDir::with_prefix_in("service-", parent).context("no folder for the service")?;
        let address = free_address()?;
        let command = |program: &Path| {
            let mut command = command(program, &settings, folder.path());
            command.env("APP_PORT", address.port().to_string());
            command
        };
        let mut api = Process::start("filemanager", &mut command(&programs.api), parent)?;
        api.until_ready(address, "/health/ready").await?;
        let worker = if settings.contains_key("RABBITMQ_HOST") {
            let worker = &mut command(&programs.worker);
            let mut worker = Process::start("filemanager-worker", worker, parent)?;
            worker.until_logged("waiting for jobs").await?;
            Some(worker)
        } else {
            None
        };
        Ok(Self { api, worker, address, programs: programs.clone(), settings, folder })
    }
}

fn command(program: &Path, settings: &HashMap<&'static str, String>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(settings).current_dir(folder).env("APP_DATA_DIR", folder.join("data"));
    command
}

/// Known by keys, each of which has a rate that nobody comes near.
fn closed() -> [(&'static str, String); 2] {
    [("APP_AUTH", "keys".to_owned()), ("APP_RATE_PER_KEY", "1000000".to_owned())]
}

/// Fails when it is not known where `MariaDB` and `RabbitMQ` are.
pub fn check_servers() -> Result<()> {
    named("TEST_MYSQL_HOST")?;
    named("TEST_RABBITMQ_HOST").map(drop)
}

fn named(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| {
        format!("{name} is not set: run `make bench`, or scripts/with-services with this command behind it")
    })
}

fn server(settings: &HashMap<&'static str, String>) -> Result<MySqlConnectOptions> {
    Ok(MySqlConnectOptions::new()
        .host(&settings["MYSQL_HOST"])
        .port(settings["MYSQL_PORT"].parse().context("TEST_MYSQL_PORT is no port")?)
        .username(&settings["MYSQL_USER"])
        .password(&settings["MYSQL_PASSWORD"]))
}

/// The way to a new `MariaDB` database without tables.
pub async fn empty_mysql_database() -> Result<MySqlConnectOptions> {
    let settings = new_mysql_database().await?;
    Ok(server(&settings)?.database(&settings["MYSQL_DATABASE"]))
}

async fn new_mysql_database() -> Result<HashMap<&'static str, String>> {
    let settings = HashMap::from([
        ("MYSQL_HOST", named("TEST_MYSQL_HOST")?),
        ("MYSQL_PORT", named("TEST_MYSQL_PORT")?),
        ("MYSQL_USER", named("TEST_MYSQL_USER")?),
        ("MYSQL_PASSWORD", named("TEST_MYSQL_PASSWORD")?),
        ("MYSQL_DATABASE", format!("speed_{}", Uuid::new_v4().simple())),
    ]);
    let mut connection = MySqlConnection::connect_with(&server(&settings)?).await.context("MariaDB does not answer")?;
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {}", settings["MYSQL_DATABASE"]));
    sqlx::query(sql).execute(&mut connection).await.context("no new database can be made")?;
    Ok(settings)
}
