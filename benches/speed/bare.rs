//! The references that receive what the service receives: one throws the bytes away, the other writes each body to a
//! file. They run as processes of their own, so that their CPU and memory can be measured.

use std::convert::Infallible;
use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::process::{Process, free_address};
use crate::transfer::MIB;

/// The hidden argument that makes this program a reference.
pub const ARGUMENT: &str = "--bare";

/// A reference that runs.
pub struct Bare {
    /// The process.
    pub process: Process,
    /// Where it listens.
    pub address: SocketAddr,
    files: Option<PathBuf>,
}

impl Bare {
    /// (a): throws the bytes away.
    pub async fn discarding(folder: &Path) -> Result<Self> {
        Self::start(folder, "discarding", None).await
    }

    /// (b): writes each body to a file.
    pub async fn writing(folder: &Path) -> Result<Self> {
        let files = folder.join("bare");
        std::fs::create_dir_all(&files).context("no folder for a reference's files")?;
        Self::start(folder, "writing", Some(files)).await
    }

    async fn start(folder: &Path, name: &str, files: Option<PathBuf>) -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe().context("this program's own path")?);
        command.arg(ARGUMENT).arg(address.to_string()).args(&files);
        let mut process = Process::start(name, &mut command, folder)?;
        process.until_ready(address, "/").await?;
        Ok(Self { process, address, files })
    }

    /// Removes the files that were written.
    pub fn clear(&self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        std::fs::remove_dir_all(files).and_then(|()| std::fs::create_dir(files)).context("files cannot be removed")
    }
}

/// Serves as a reference until standard input ends. `files` is where bodies go, if they are kept.
pub async fn serve(address: SocketAddr, files: Option<PathBuf>) -> Result<()> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let listener = TcpListener::bind(address).await.with_context(|| format!("{address} is taken"))?;
    let files: Option<Arc<Path>> = files.map(Into::into);
    loop {
        let (stream, _) = listener.accept().await.context("no connection can be accepted")?;
        let _ = stream.set_nodelay(true);
        let files = files.clone();
        let service = service_fn(move |request| answer(request, files.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, files: Option<Arc<Path>>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let received = match files {
        Some(files) if request.method() != Method::GET => write(request.into_body(), &files).await,
        _ => discard(request.into_body()).await,
    };
    let mut response = Response::new(Empty::new());
    if let Err(error) = received {
        eprintln!("{error:#}");
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

async fn discard(mut body: Incoming) -> Result<()> {
    while let Some(frame) = body.frame().await {
        frame.context("a body was cut off")?;
    }
    Ok(())
}

async fn write(mut body: Incoming, files: &Path) -> Result<()> {
    let path = files.join(Uuid::new_v4().to_string());
    let mut file = spawn_blocking(move || File::create(path)).await??;
    loop {
        let mut blocks: Vec<Bytes> = Vec::new();
        let mut length = 0;
        let mut end = false;
        while length < MIB && !end {
            match body.frame().await.transpose().context("a body was cut off")?.map(hyper::body::Frame::into_data) {
                Some(Ok(block)) => {
                    length += block.len();
                    blocks.push(block);
                }
                Some(Err(_)) => {}
                None => end = true,
            }
        }
        file = spawn_blocking(move || write_blocks(file, &blocks, end)).await??;
        if end {
            return Ok(());
        }
    }
}

fn write_blocks(mut file: File, blocks: &[Bytes], end: bool) -> std::io::Result<File> {
    let mut slices: Vec<_> = blocks.iter().map(|block| IoSlice::new(block)).collect();
    let mut rest = &mut slices[..];
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let written = file.write_vectored(rest)?;
        IoSlice::advance_slices(&mut rest, written);
    }
    if end {
        file.sync_data()?;
    }
    Ok(file)
}
