//! A Garage of our own: a production S3 server, with data that is thrown away.

use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation};
use tempfile::TempDir;

use crate::process::{Process, free_address};

/// The bucket of public files.
pub const PUBLIC_BUCKET: &str = "public";
/// The bucket of private files.
pub const PRIVATE_BUCKET: &str = "private";
const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
const SECRET_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A Garage that runs, with both buckets.
pub struct Garage {
    /// Where it listens.
    pub address: SocketAddr,
    program: OsString,
    config: PathBuf,
    // The process ends before its folder goes.
    _process: Process,
    _folder: TempDir,
}

/// The program to run.
pub fn program() -> Result<OsString> {
    let program = std::env::var_os("GARAGE_BIN").filter(|path| !path.is_empty()).unwrap_or_else(|| "garage".into());
    match Command::new(&program).arg("--version").output() {
        Ok(answer) if answer.status.success() => Ok(program),
        _ => bail!("Garage is missing: set GARAGE_BIN to its program, or put `garage` into PATH"),
    }
}

impl Garage {
    /// Starts one with its data under `parent`.
    pub async fn start(parent: &Path) -> Result<Self> {
        let program = program()?;
        let folder = TempDir::with_prefix_in("garage-", parent).context("no folder for Garage")?;
        let address = free_address()?;
        let config = folder.path().join("garage.toml");
        fs::write(&config, configuration(folder.path(), address, free_address()?))
            .context("no Garage configuration")?;
        let mut command = Command::new(&program);
        let mut process = Process::start("garage", command.arg("server").env("GARAGE_CONFIG_FILE", &config), parent)?;
        process.until("it answers", async || run(&program, &config, &["status"]).is_ok()).await?;
        let garage = Self { address, program, config, _process: process, _folder: folder };
        garage.set_up()?;
        garage.until_usable().await?;
        Ok(garage)
    }

    fn set_up(&self) -> Result<()> {
        let node = self.run(&["node", "id", "-q"])?;
        let node = node.split('@').next().unwrap_or_default();
        self.run(&["layout", "assign", "-z", "dc1", "-c", "1T", node])?;
        self.run(&["layout", "apply", "--version", "1"])?;
        self.run(&["key", "import", "--yes", ACCESS_KEY, SECRET_KEY, "-n", "speed"])?;
        self.run(&["key", "allow", "--create-bucket", ACCESS_KEY])?;
        for bucket in [PUBLIC_BUCKET, PRIVATE_BUCKET] {
            self.run(&["bucket", "create", bucket])?;
            self.run(&["bucket", "allow", "--read", "--write", "--owner", bucket, "--key", ACCESS_KEY])?;
        }
        Ok(())
    }

    /// A layout takes a moment to count.
    async fn until_usable(&self) -> Result<()> {
        let client = self.client();
        let mut last = None;
        for _ in 0..100 {
            match client.list_objects_v2().bucket(PRIVATE_BUCKET).send().await {
                Ok(_) => return Ok(()),
                Err(error) => last = Some(error),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!("Garage does not serve its buckets: {last:?}")
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        run(&self.program, &self.config, arguments)
    }

    /// A client for it.
    pub fn client(&self) -> Client {
        let config = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(format!("http://{}", self.address))
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "bench"))
            .force_path_style(true)
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Client::from_conf(config.build())
    }

    /// The service's settings for it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("MINIO_ENDPOINT", format!("http://{}", self.address)),
            ("MINIO_REGION", REGION.to_owned()),
            ("MINIO_ACCESS_KEY", ACCESS_KEY.to_owned()),
            ("MINIO_SECRET_KEY", SECRET_KEY.to_owned()),
            ("MINIO_PUBLIC_BUCKET", PUBLIC_BUCKET.to_owned()),
            ("MINIO_PRIVATE_BUCKET", PRIVATE_BUCKET.to_owned()),
        ]
    }
}

fn run(program: &OsString, config: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).env("GARAGE_CONFIG_FILE", config).output();
    let output = output.context("Garage cannot be started")?;
    if !output.status.success() {
        bail!("garage {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn configuration(folder: &Path, s3: SocketAddr, rpc: SocketAddr) -> String {
    format!(
        "metadata_dir = \"{folder}/meta\"\n\
         data_dir = \"{folder}/data\"\n\
         db_engine = \"lmdb\"\n\
         replication_factor = 1\n\
         rpc_bind_addr = \"{rpc}\"\n\
         rpc_public_addr = \"{rpc}\"\n\
         rpc_secret = \"{SECRET_KEY}\"\n\
         [s3_api]\n\
         s3_region = \"{REGION}\"\n\
         api_bind_addr = \"{s3}\"\n\
         root_domain = \".s3.localhost\"\n",
        folder = folder.display()
    )
}
