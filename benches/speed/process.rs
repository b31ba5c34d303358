//! Child processes: started with a log of their own, measured by what the kernel says, ended when dropped.

use std::fmt::Write;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use uuid::Uuid;

use crate::http::Connection;
use crate::samples::real;

/// How long a process may take until it answers.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);
/// What proc(5) counts CPU time in, on every architecture that Rust runs on.
pub const TICKS_PER_SECOND: f64 = 100.0;
const LOG_LINES: usize = 20;

/// A process that ends with this value.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, which writes its log into `folder`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}-{}.log", Uuid::new_v4().simple()));
        let file = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        let errors = file.try_clone().context("a log cannot be shared")?;
        // A pipe that is never written to: its end tells our own processes that we are gone.
        let child = command.stdin(Stdio::piped()).stdout(file).stderr(errors).spawn();
        let child = child.with_context(|| format!("{name} ({}) cannot be started", command.get_program().display()))?;
        Ok(Self { name: name.to_owned(), child, log })
    }

    /// Fails with the end of its log when the process has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait().with_context(|| format!("{} cannot be asked", self.name))? {
            None => Ok(()),
            Some(status) => bail!("{} has ended with {status}:\n{}", self.name, self.log_end()),
        }
    }

    /// Waits until the process answers `path` with 200.
    pub async fn until_ready(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        self.until("it answers", async || {
            let Ok(mut connection) = Connection::open(address).await else { return false };
            connection.get(path).await.is_ok_and(|answer| answer.status == 200)
        })
        .await
    }

    /// Waits until the process's log has a line with `text`.
    pub async fn until_logged(&mut self, text: &str) -> Result<()> {
        let log = self.log.clone();
        self.until(text, async || fs::read_to_string(&log).is_ok_and(|log| log.contains(text))).await
    }

    /// Waits until `ready` says so.
    pub async fn until(&mut self, what: &str, mut ready: impl AsyncFnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !ready().await {
            self.check()?;
            if Instant::now() > deadline {
                bail!("{}: waited in vain until {what}:\n{}", self.name, self.log_end());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// CPU seconds that the process has used so far, all threads, user and system.
    pub fn cpu_seconds(&self) -> Result<f64> {
        self.usage().cpu_seconds().with_context(|| format!("{}:\n{}", self.name, self.log_end()))
    }

    /// The most memory that the process has ever held, in MiB.
    pub fn peak_mib(&self) -> Result<f64> {
        let status = self.proc_file("status")?;
        mib_of(&status, "VmHWM:").with_context(|| format!("{} tells no VmHWM", self.name))
    }

    /// What it uses, for somebody who looks again and again.
    pub fn usage(&self) -> Usage {
        Usage(PathBuf::from(format!("/proc/{}", self.child.id())))
    }

    fn proc_file(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("{} is gone ({path}):\n{}", self.name, self.log_end()))
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
}

/// What a process uses at this moment.
pub struct Usage(PathBuf);

impl Usage {
    /// CPU seconds that it has used so far, all threads, user and system.
    pub fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(self.0.join("stat")).context("the process is gone")?;
        // The name before the last parenthesis may have spaces; utime and stime are fields 14 and 15.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3).and_then(|value| value.parse::<u32>().ok());
        let used = ticks(14).zip(ticks(15)).with_context(|| format!("not what proc(5) promises: {stat}"))?;
        Ok((f64::from(used.0) + f64::from(used.1)) / TICKS_PER_SECOND)
    }

    /// The memory that it holds, in MiB.
    pub fn memory_mib(&self) -> Result<f64> {
        let status = fs::read_to_string(self.0.join("status")).context("the process is gone")?;
        mib_of(&status, "VmRSS:").context("the process tells no VmRSS")
    }

    /// How many files and connections it has open.
    pub fn open_files(&self) -> Result<f64> {
        Ok(real(fs::read_dir(self.0.join("fd")).context("the process is gone")?.count()))
    }
}

/// A line of `/proc/…/status` that is in kB, in MiB.
fn mib_of(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(f64::from(line.trim().trim_end_matches(" kB").parse::<u32>().ok()?) / 1024.0)
}

impl Drop for Process {
    fn drop(&mut self) {
        // Its data is thrown away: there is nothing to be saved by a gentler end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address that nobody listens on.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    listener.local_addr().context("a listener without an address")
}

/// What the processes whose logs are in this folder complained of last.
pub fn complaints(folder: &Path) -> String {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found = String::new();
    for path in entries.filter(|path| path.extension().is_some_and(|extension| extension == "log")) {
        let log = fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
        if !lines.is_empty() {
            let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
            let _ = writeln!(found, "--- {}\n{end}", path.display());
        }
    }
    found
}
