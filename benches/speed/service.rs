//! Uploads to the service as its callers do it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::http::{Connection, Framed};
use crate::transfer::{self, Frame, Payload};

const BOUNDARY: &str = "----speed-4f1c9b7e2a60d835";
/// The pause between two questions whether a file is done.
const POLL: Duration = Duration::from_millis(5);
/// The same of a caller who has time, at first and at the most.
const LEISURE: Duration = Duration::from_millis(25);
const SLOWEST_POLL: Duration = Duration::from_secs(2);
/// How long a file may take from complete on.
const PATIENCE: Duration = Duration::from_mins(20);

/// What an upload looks like.
#[derive(Clone)]
pub struct Shape {
    /// The sizes of its chunks.
    pub sizes: Vec<usize>,
    /// How many are sent at a time.
    pub parallel: usize,
    /// Whether init is told what the file will be.
    pub hints: bool,
}

impl Shape {
    fn total(&self) -> usize {
        self.sizes.iter().sum()
    }
}

/// How long an upload took.
pub struct Timing {
    /// From the first request to SUCCESS.
    pub total: Duration,
    /// From complete to SUCCESS.
    pub finish: Duration,
}

/// Requests as today's callers send their chunks.
pub fn chunk_frame(upload: &str) -> Frame {
    let upload = upload.to_owned();
    Arc::new(move |index, length| {
        let field = |name: &str, value: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let form = [
            field("chunk_size", &length.to_string()),
            field("upload_id", &upload),
            field("chunk_index", &index.to_string()),
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            ),
        ]
        .concat();
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let head = format!(
            "POST /api/v1/file/upload/chunk/ HTTP/1.1\r\nHost: localhost\r\n\
             Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {}\r\n\r\n{form}",
            form.len() + length + tail.len()
        );
        Framed { head: head.into_bytes(), tail: tail.into_bytes() }
    })
}

/// A file that can be downloaded.
pub struct Stored {
    /// Its identifier.
    pub id: String,
    /// `<bucket>/<key>`.
    pub path: String,
}

/// Uploads a file that shall be downloaded.
pub async fn upload_file(address: SocketAddr, payload: &Payload, shape: &Shape) -> Result<Stored> {
    let mut connection = Connection::open(address).await?;
    let upload = init(&mut connection, shape).await?;
    transfer::send(address, &chunk_frame(&upload), payload, &shape.sizes, shape.parallel).await?;
    complete(&mut Connection::open(address).await?, &upload, shape).await
}

/// Uploads a file.
pub async fn upload(address: SocketAddr, payload: &Payload, shape: &Shape) -> Result<Timing> {
    let begun = Instant::now();
    let mut connection = Connection::open(address).await?;
    let upload = init(&mut connection, shape).await?;
    transfer::send(address, &chunk_frame(&upload), payload, &shape.sizes, shape.parallel).await?;
    // A server closes connections that idle as long as a large file takes.
    drop(connection);
    let completed = Instant::now();
    let mut connection = Connection::open(address).await?;
    complete(&mut connection, &upload, shape).await?;
    Ok(Timing { total: begun.elapsed(), finish: completed.elapsed() })
}

/// Opens an upload and sends all its chunks; the time from the first request to the last answer.
pub async fn upload_chunks(address: SocketAddr, payload: &Payload, shape: &Shape) -> Result<Duration> {
    let begun = Instant::now();
    let mut connection = Connection::open(address).await?;
    let upload = init(&mut connection, shape).await?;
    transfer::send(address, &chunk_frame(&upload), payload, &shape.sizes, shape.parallel).await?;
    Ok(begun.elapsed())
}

/// Uploads a file of one chunk on a connection that is there already.
pub async fn upload_small(connection: &mut Connection, payload: &Payload, length: usize) -> Result<()> {
    let shape = Shape { sizes: vec![length], parallel: 1, hints: false };
    let upload = init(connection, &shape).await?;
    let request = chunk_frame(&upload)(0, length);
    connection.send(&request, &payload.chunk(length)).await?.ok("a chunk")?;
    complete(connection, &upload, &shape).await.map(drop)
}

/// Opens an upload of a file of that size.
pub async fn begin(connection: &mut Connection, size: usize) -> Result<String> {
    init(connection, &Shape { sizes: vec![size], parallel: 1, hints: true }).await
}

async fn init(connection: &mut Connection, shape: &Shape) -> Result<String> {
    let hints = format!("file_extension=jpg&visibility=public&total_size={}", shape.total());
    let form = if shape.hints { hints.as_str() } else { "" };
    let data = data(&connection.post("/api/v1/file/upload/init/", form).await?.ok("init")?.body)?;
    Ok(data["upload_id"].as_str().context("init names no upload")?.to_owned())
}

/// Completes an upload and waits for SUCCESS.
pub async fn complete(connection: &mut Connection, upload: &str, shape: &Shape) -> Result<Stored> {
    let stored = promise(connection, upload, shape).await?;
    until_success(connection, &stored.id).await?;
    Ok(stored)
}

/// Completes an upload of one chunk; the file's identifier.
pub async fn complete_one(connection: &mut Connection, upload: &str, size: usize) -> Result<String> {
    let shape = Shape { sizes: vec![size], parallel: 1, hints: true };
    promise(connection, upload, &shape).await.map(|stored| stored.id)
}

async fn promise(connection: &mut Connection, upload: &str, shape: &Shape) -> Result<Stored> {
    let form = format!(
        "upload_id={upload}&total_chunks={}&total_size={}&file_extension=jpg&content_type=image%2Fjpeg",
        shape.sizes.len(),
        shape.total()
    );
    let data = data(&connection.post("/api/v1/file/upload/complete/", &form).await?.ok("complete")?.body)?;
    let text = |name: &str| data[name].as_str().map(str::to_owned).context("complete names no file");
    Ok(Stored { id: text("id")?, path: text("path")? })
}

/// Waits until a file can be downloaded, as closely as it takes to measure that.
pub async fn until_success(connection: &mut Connection, file: &str) -> Result<()> {
    poll(connection, file, |_| POLL).await
}

/// The same as callers do it who have time: the longer it takes the more seldom they ask, so that a crowd of them does not
/// keep the service busy with nothing but that.
pub async fn until_success_at_leisure(connection: &mut Connection, file: &str) -> Result<()> {
    poll(connection, file, |waited| waited.clamp(LEISURE, SLOWEST_POLL)).await
}

/// Asks until a file can be downloaded; the pause before the next question depends on how long one has waited.
async fn poll(connection: &mut Connection, file: &str, pause: fn(Duration) -> Duration) -> Result<()> {
    let path = format!("/api/v1/file/status/{file}");
    let begun = Instant::now();
    loop {
        let waited = begun.elapsed();
        let data = data(&connection.get(&path).await?.ok("status")?.body)?;
        match data["status"].as_str() {
            Some("SUCCESS") => return Ok(()),
            Some("PENDING" | "STARTED") if waited < PATIENCE => tokio::time::sleep(pause(waited)).await,
            _ => bail!("a file did not get to SUCCESS: {data}"),
        }
    }
}

fn data(body: &[u8]) -> Result<Value> {
    let mut answer: Value = serde_json::from_slice(body).context("an answer is no JSON")?;
    Ok(answer["data"].take())
}
