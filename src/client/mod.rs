//! The command line client: `filemanager upload` and `filemanager download`. It knows the service by its HTTP API only and
//! shares no more with it than types.

mod answers;
mod api;
pub mod arguments;
mod chunks;
mod download;
mod links;
mod plan;
mod problem;
mod progress;
mod report;
mod retry;
pub mod server;
mod source;
mod state;
mod target;
#[cfg(test)]
mod tests;
mod upload;
mod waiting;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::{CommonArguments, DownloadArguments, UploadArguments};
use download::{Downloader, Place};
use problem::Problem;
use retry::Policy;
use secrecy::SecretString;
use state::Cache;
use upload::Uploader;

/// Where the key to the service is: in the environment, because a command line is there for everybody to see.
const KEY: &str = "FILEMANAGER_KEY";
const FAILED: u8 = 1;
const NO_SERVICE: u8 = 3;
const INTERRUPTED: u8 = 130;

/// Uploads files and prints what became of them. The exit code is 0 when all are stored, 1 when one is not, 3 when the
/// service cannot be reached, 130 when the user stops it.
///
/// # Errors
/// When nobody reads standard output.
pub async fn upload(arguments: UploadArguments) -> anyhow::Result<ExitCode> {
    until_interrupted(upload_all(arguments)).await
}

/// Downloads a file and prints where it is. The exit code is 0 when it is there, 1 when it is not, 3 when the service
/// cannot be reached, 130 when the user stops it.
///
/// # Errors
/// When nobody reads standard output.
pub async fn download(arguments: DownloadArguments) -> anyhow::Result<ExitCode> {
    until_interrupted(download_one(arguments)).await
}

async fn until_interrupted(work: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<ExitCode> {
    tokio::select! {
        code = work => code.map(ExitCode::from),
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            eprintln!("\nfilemanager: stopped; the same command goes on where it stopped");
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

async fn upload_all(arguments: UploadArguments) -> anyhow::Result<u8> {
    let UploadArguments { files, to, parallel, direct, verify, common } = arguments;
    let (policy, credential, cache) = (Policy::default(), common.credential(), Cache::of_the_user());
    let api = match api::Api::new(to, key().as_ref(), credential.as_ref(), policy.stall) {
        Ok(api) => api,
        Err(problem) => return Ok(complain(None, &problem)),
    };
    cache.clean();
    let (parallel, prove) = (usize::from(parallel), !direct || verify);
    let uploader = Uploader { api, cache, credential, parallel, direct, prove, quiet: common.quiet, policy };
    let mut worst = 0;
    for path in &files {
        let done = match worst {
            // Each file would wait for a minute.
            NO_SERVICE => Err(Problem::Unreachable("not tried, as the service cannot be reached".to_owned())),
            _ => uploader.upload(path).await,
        };
        report::uploaded(path, &done, common.json)?;
        if let Err(problem) = &done {
            worst = worst.max(complain(Some(path), problem));
        }
    }
    Ok(worst)
}

async fn download_one(arguments: DownloadArguments) -> anyhow::Result<u8> {
    let DownloadArguments { id, from, output, force, common } = arguments;
    let CommonArguments { json, quiet, .. } = common;
    let (policy, cache) = (Policy::default(), Cache::of_the_user());
    let api = match api::Api::new(from, key().as_ref(), common.credential().as_ref(), policy.stall) {
        Ok(api) => api,
        Err(problem) => return Ok(complain(None, &problem)),
    };
    cache.clean();
    let downloader = Downloader { api, cache, force, quiet, policy };
    let place = place(output);
    let done = downloader.download(id, &place).await;
    // Standard output has the file's bytes, and nothing else.
    if !matches!(place, Place::Stdout) {
        report::downloaded(id, &done, json)?;
    }
    Ok(done.err().map_or(0, |problem| complain(None, &problem)))
}

fn key() -> Option<SecretString> {
    std::env::var(KEY).ok().filter(|key| !key.is_empty()).map(SecretString::from)
}

fn place(output: Option<PathBuf>) -> Place {
    match output {
        None => Place::Folder(PathBuf::from(".")),
        Some(path) if path == Path::new("-") => Place::Stdout,
        Some(path) if path.is_dir() => Place::Folder(path),
        Some(path) => Place::File(path),
    }
}

/// Says what went wrong; the exit code for it.
fn complain(path: Option<&Path>, problem: &Problem) -> u8 {
    match path {
        Some(path) => eprintln!("filemanager: {}: {problem}", path.display()),
        None => eprintln!("filemanager: {problem}"),
    }
    if problem.is_the_network() { NO_SERVICE } else { FAILED }
}
