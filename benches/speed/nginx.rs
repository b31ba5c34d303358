//! Reference (d): nginx, which serves the files of a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Process, free_address};

/// An nginx that runs.
pub struct Nginx {
    /// Where it listens.
    pub address: SocketAddr,
    // The process ends before its folder goes.
    _process: Process,
    _folder: TempDir,
}

/// The program to run.
pub fn program() -> Result<&'static str> {
    let found = ["nginx", "/usr/sbin/nginx"].into_iter().find(|name| Command::new(name).arg("-v").output().is_ok());
    match found {
        Some(program) => Ok(program),
        None => bail!("nginx is missing: apt-get install nginx-light"),
    }
}

impl Nginx {
    /// Serves the files of `root`, as Debian sets it up: with sendfile. One process, so that its end is the end of all.
    pub async fn serving(root: &Path, parent: &Path) -> Result<Self> {
        let folder = TempDir::with_prefix_in("nginx-", parent).context("no folder for nginx")?;
        let address = free_address()?;
        let config = folder.path().join("nginx.conf");
        let text = format!(
            "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
             events {{ worker_connections 768; }}\n\
             http {{ sendfile on; tcp_nopush on; access_log off; \
             server {{ listen {address}; location / {{ root {root}; }} }} }}\n",
            folder = folder.path().display(),
            root = root.display()
        );
        fs::write(&config, text).context("nginx's configuration cannot be written")?;
        let mut command = Command::new(program()?);
        command.arg("-c").arg(&config).arg("-p").arg(folder.path());
        let mut process = Process::start("nginx", &mut command, parent)?;
        process.until("it listens", async || tokio::net::TcpStream::connect(address).await.is_ok()).await?;
        Ok(Self { address, _process: process, _folder: folder })
    }
}
