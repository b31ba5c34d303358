//! How fast the service is, and how much memory it takes: one table, each figure beside a reference of the same run.
//! This file reads the arguments and goes through the groups of figures; how one is taken is in the others.

#![forbid(unsafe_code)]

mod access;
mod bare;
mod builds;
mod client;
mod crowd;
mod deployment;
mod direct;
mod download;
mod endurance;
mod garage;
mod http;
mod jobs;
mod lists;
mod machine;
mod memory;
mod nginx;
mod page;
mod pair;
mod process;
mod samples;
mod seed;
mod service;
mod small;
mod table;
mod throughput;
mod transfer;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use tempfile::TempDir;

use crate::deployment::Programs;
use crate::table::{Row, Table};
use crate::transfer::{MIB, Payload};

const NOTES: &str = "Medians (least-most) of the rounds; ratios are the median of each round's own ratio. References:\n\
                     (a) a bare HTTP server that throws the bytes away; (b) one that writes each body to a file and syncs\n\
                     it; (c) the same bytes sent straight to the S3 server, or fetched from it; (d) nginx with the same\n\
                     file. S3 is Garage, with MariaDB and RabbitMQ.";

/// How fast the service is, and how much memory it takes, beside references of the same run.
#[derive(Parser)]
struct Arguments {
    /// Size of the file that is uploaded, in MiB; the worker's memory is measured on ten times as much
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    size: u32,
    /// Only these figures
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Group>,
    /// How often each figure and its reference are taken, in turn
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long `endurance` lasts, in minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    minutes: u32,
    /// The folder with the programs of another build, which `builds` compares this one with
    #[arg(long)]
    other: Option<PathBuf>,
    /// Where throw-away data goes; on the kind of disk that is to be measured [default: `bench` in the target folder]
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Be a reference: listen here, and write bodies into the folder, if there is one
    #[arg(long, hide = true, num_args = 1..=2)]
    bare: Vec<String>,
}

/// Figures that are taken together.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Speed and CPU of the full deployment
    S3,
    /// Speed and CPU of the embedded one
    Embedded,
    /// Memory of the API, in both
    Memory,
    /// Memory of the worker when it rewrites a large file
    Rewrite,
    /// Small files, in both
    Small,
    /// The command line client: raw chunks and straight to the store
    Client,
    /// The web page, built by `make page`, in headless Chromium
    Page,
    /// Speed of downloads, in both
    Download,
    /// Memory and latency with many slow readers, in both
    Slow,
    /// Lists at a million files, in both
    Lists,
    /// Claiming and sweeping with a million ended jobs, in both databases
    Jobs,
    /// What keys, tenants and limits cost, in both
    Access,
    /// Memory of the API with a thousand uploads at a time, in both
    Uploads,
    /// Two thousand callers that send a byte a second, in both
    Tricklers,
    /// An hour under load, in the full deployment; only when it is asked for
    Endurance,
    /// Whether this build is slower than that of `--other`, in both; only when it is asked for
    Builds,
}

impl Group {
    /// Those that are measured when none is named.
    fn usual() -> Vec<Self> {
        let asked_for = [Self::Endurance, Self::Builds];
        Self::value_variants().iter().copied().filter(|group| !asked_for.contains(group)).collect()
    }

    fn needs_servers(self) -> bool {
        !matches!(self, Self::Embedded | Self::Page)
    }

    /// The most bytes on the disk at a time, about.
    fn disk(self, size: usize, rounds: usize) -> usize {
        match self {
            Self::S3 => 3 * rounds * size + rounds * 100 * MIB,
            Self::Embedded => (rounds + 1) * size + rounds * 100 * MIB,
            Self::Memory => 2 * (size + memory::CROWD_BYTES),
            Self::Rewrite => 21 * size,
            Self::Small => 1024 * MIB,
            Self::Client => 4 * rounds * size,
            Self::Page => (2 * rounds + 2) * size,
            Self::Download => 2 * size,
            Self::Slow => 256 * MIB,
            Self::Lists | Self::Jobs => 2048 * MIB,
            Self::Access | Self::Builds => 4 * rounds * size + 512 * MIB,
            Self::Uploads => crowd::UPLOAD_BYTES + 512 * MIB,
            Self::Tricklers => 512 * MIB,
            Self::Endurance => 12 * 1024 * MIB,
        }
    }
}

/// What every measurement needs.
pub struct Bench {
    folder: TempDir,
    payload: Payload,
    size: usize,
    rounds: usize,
    minutes: u32,
    other: Option<Programs>,
}

impl Bench {
    /// Where data may go that is thrown away at the end.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What was written before is not to be written to the disk while something is measured.
    pub fn settle(&self) {
        rustix::fs::sync();
    }
}

fn main() -> ExitCode {
    // A test runner that starts every target shall not start this one.
    if !std::env::args().any(|argument| argument == "--bench" || argument == bare::ARGUMENT) {
        println!("this is a benchmark: cargo bench --bench speed");
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::parse();
    filemanager::lifecycle::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.context("no runtime").and_then(|runtime| {
        runtime.block_on(async {
            tokio::select! {
                outcome = run(arguments) => outcome,
                _ = tokio::signal::ctrl_c() => bail!("interrupted"),
            }
        })
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("speed: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    if let Some((address, files)) = arguments.bare.split_first() {
        let address: SocketAddr = address.parse().context("not an address to listen on")?;
        return bare::serve(address, files.first().map(PathBuf::from)).await;
    }
    let groups = if arguments.only.is_empty() { Group::usual() } else { arguments.only };
    let folder = arguments.folder.unwrap_or_else(default_folder);
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let (size, rounds) = (arguments.size as usize * MIB, arguments.rounds as usize);
    check_space(&folder, &groups, size, rounds)?;
    if groups.iter().any(|group| group.needs_servers()) {
        garage::program()?;
        deployment::check_servers()?;
    }
    if groups.contains(&Group::Download) {
        nginx::program()?;
    }
    let folder = TempDir::new_in(&folder).with_context(|| format!("{} cannot be written", folder.display()))?;
    let other = arguments.other.as_deref().map(Programs::in_folder).transpose()?;
    let bench = Bench { folder, payload: Payload::new(), size, rounds, minutes: arguments.minutes, other };
    let mut rows = Vec::new();
    let outcome = measure(&bench, &groups, &mut rows).await;
    if !rows.is_empty() {
        println!("\n{} MiB, rounds: {rounds}\n\n{}\n{NOTES}", size / MIB, Table(rows));
    }
    if outcome.is_err() {
        eprintln!("{}", process::complaints(bench.folder()));
    }
    outcome
}

/// Goes through the groups. What is in `rows` when one breaks was measured and is worth showing.
async fn measure(bench: &Bench, groups: &[Group], rows: &mut Vec<Row>) -> Result<()> {
    for group in groups {
        rows.extend(match group {
            Group::S3 => throughput::s3(bench).await?,
            Group::Embedded => throughput::embedded(bench).await?,
            Group::Memory => memory::of_api(bench).await?,
            Group::Rewrite => memory::of_worker(bench).await?,
            Group::Small => small::files(bench).await?,
            Group::Client => client::uploads(bench).await?,
            Group::Page => page::upload_by_page(bench).await?,
            Group::Download => download::speed(bench).await?,
            Group::Slow => download::slow_readers(bench).await?,
            Group::Lists => lists::pages(bench).await?,
            Group::Jobs => jobs::book(bench).await?,
            Group::Access => access::cost(bench).await?,
            Group::Uploads => crowd::uploads(bench).await?,
            Group::Tricklers => crowd::tricklers(bench).await?,
            Group::Endurance => endurance::load(bench, bench.minutes).await?,
            Group::Builds => builds::compare(bench).await?,
        });
    }
    Ok(())
}

/// Beside the programs that are measured: on a real disk, and out of version control.
fn default_folder() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_filemanager"));
    program.ancestors().nth(2).unwrap_or(Path::new(".")).join("bench")
}

fn check_space(folder: &Path, groups: &[Group], size: usize, rounds: usize) -> Result<()> {
    let needed = groups.iter().map(|group| group.disk(size, rounds)).max().unwrap_or(0);
    let disk = rustix::fs::statvfs(folder).with_context(|| format!("{} tells no free space", folder.display()))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free < needed as u64 {
        bail!(
            "{} MiB are needed in {}, {} MiB are free: take less by --size or --only, or another --folder",
            needed / MIB,
            folder.display(),
            free / MIB as u64
        );
    }
    Ok(())
}
