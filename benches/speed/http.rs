//! A client that costs next to nothing: HTTP/1.1 on one kept connection, bodies written from where they are.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const HEAD_LIMIT: usize = 64 * 1024;
const FETCH_BUFFER: usize = 256 * 1024;

/// A request as it goes over the wire, but for the bytes between its two halves.
pub struct Framed {
    /// The request's head, and what comes before the bytes.
    pub head: Vec<u8>,
    /// What comes behind them.
    pub tail: Vec<u8>,
}

/// An answer, read to its end.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header of that name, as S3 servers send it.
    pub etag: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The answer, if it is a 200.
    pub fn ok(self, what: &str) -> Result<Self> {
        if self.status == 200 {
            return Ok(self);
        }
        bail!("{what} was answered with {}: {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

/// One connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// A header by which its requests are known, with its end of line; or nothing.
    known_by: String,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("nobody answers on {address}"))?;
        stream.set_nodelay(true).context("a connection cannot be set up")?;
        Ok(Self { stream, received: Vec::new(), known_by: String::new() })
    }

    /// Connects as somebody far away does, for whom little is on the way at a time.
    pub async fn open_narrow(address: SocketAddr, window: u32) -> Result<Self> {
        let socket = TcpSocket::new_v4().context("no socket")?;
        socket.set_recv_buffer_size(window).context("a socket cannot be set up")?;
        let stream = socket.connect(address).await.with_context(|| format!("nobody answers on {address}"))?;
        Ok(Self { stream, received: Vec::new(), known_by: String::new() })
    }

    /// Shows this key with every request from now on.
    pub fn with_key(self, key: &str) -> Self {
        Self { known_by: format!("Authorization: Bearer {key}\r\n"), ..self }
    }

    /// Sends a request without a body.
    pub async fn get(&mut self, path: &str) -> Result<Answer> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.send(&Framed { head: head.into_bytes(), tail: Vec::new() }, &Bytes::new()).await
    }

    /// Sends a deletion.
    pub async fn delete(&mut self, path: &str) -> Result<Answer> {
        let head = format!("DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        self.send(&Framed { head: head.into_bytes(), tail: Vec::new() }, &Bytes::new()).await
    }

    /// Sends a form.
    pub async fn post(&mut self, path: &str, form: &str) -> Result<Answer> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        self.send(&Framed { head: head.into_bytes(), tail: Vec::new() }, &Bytes::new()).await
    }

    /// Sends a request with these bytes between its halves, and reads the answer.
    pub async fn send(&mut self, request: &Framed, bytes: &Bytes) -> Result<Answer> {
        let end = request.head.windows(2).position(|bytes| bytes == b"\r\n").context("a request without a line")? + 2;
        let (line, head) = request.head.split_at(end);
        let mut slices = [line, self.known_by.as_bytes(), head, bytes, &request.tail].map(IoSlice::new);
        let mut rest = &mut slices[..];
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match self.stream.write_vectored(rest).await {
                Ok(written) if written > 0 => IoSlice::advance_slices(&mut rest, written),
                // The server may have refused the request before its end: its answer says why.
                _ => {
                    let answer = self.answer().await.context("the connection was closed in mid-request")?;
                    bail!("refused in mid-request: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
                }
            }
        }
        self.answer().await
    }

    /// Downloads and throws the bytes away; how many there were.
    pub async fn fetch(&mut self, path: &str) -> Result<usize> {
        let (length, mut received) = self.begin(path).await?;
        let mut buffer = vec![0; FETCH_BUFFER];
        while received < length {
            match self.stream.read(&mut buffer).await.context("a download broke off")? {
                0 => bail!("a download ended after {received} of {length} bytes"),
                read => received += read,
            }
        }
        Ok(received)
    }

    /// Downloads a sip at a time, for as long as anybody asks.
    pub async fn sip(&mut self, path: &str, sip: usize, pause: Duration, sips: &AtomicUsize) -> Result<()> {
        self.begin(path).await?;
        let mut buffer = vec![0; sip];
        loop {
            self.stream.read_exact(&mut buffer).await.context("a download broke off")?;
            sips.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends the beginning of a request, and then a byte each `pause`, until the server has had enough; how long that took.
    pub async fn trickle(mut self, beginning: &[u8], pause: Duration) -> Result<Duration> {
        self.stream.write_all(beginning).await.context("a request could not be begun")?;
        let begun = Instant::now();
        let (mut reading, mut writing) = self.stream.split();
        let sending = async {
            while writing.write_all(b"a").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        };
        let closed = async {
            let mut buffer = [0; 1024];
            while reading.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        };
        tokio::select! {
            () = sending => {}
            () = closed => {}
        }
        Ok(begun.elapsed())
    }

    /// Asks for a download; its length, and how much of it came with the head.
    async fn begin(&mut self, path: &str) -> Result<(usize, usize)> {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.stream.peer_addr()?);
        self.stream.write_all(head.as_bytes()).await.context("a request could not be sent")?;
        let end = self.head().await?;
        let (status, _, length) = parse_head(&self.received[..end])?;
        if status != 200 {
            bail!("{path} was answered with {status}");
        }
        let received = self.received.len() - end - 4;
        self.received.clear();
        Ok((length, received))
    }

    /// Reads until the head of an answer has ended; where.
    async fn head(&mut self) -> Result<usize> {
        loop {
            if let Some(end) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                return Ok(end);
            }
            if self.received.len() > HEAD_LIMIT {
                bail!("the head of an answer does not end");
            }
            self.receive().await?;
        }
    }

    async fn answer(&mut self) -> Result<Answer> {
        let end = self.head().await?;
        let (status, etag, length) = parse_head(&self.received[..end])?;
        let start = end + 4;
        while self.received.len() < start + length {
            self.receive().await?;
        }
        let body = self.received[start..start + length].to_vec();
        self.received.drain(..start + length);
        Ok(Answer { status, etag, body })
    }

    async fn receive(&mut self) -> Result<()> {
        let read = self.stream.read_buf(&mut self.received).await.context("an answer could not be read")?;
        if read == 0 {
            bail!("the connection was closed before the end of an answer");
        }
        Ok(())
    }
}

/// Status, `ETag` and length of the body.
fn parse_head(head: &[u8]) -> Result<(u16, Option<String>, usize)> {
    let head = std::str::from_utf8(head).context("the head of an answer is no text")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.with_context(|| format!("no HTTP answer: {head}"))?;
    let (mut etag, mut length) = (None, 0);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match name.to_ascii_lowercase().as_str() {
            "etag" => etag = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().context("a Content-Length that is no number")?,
            "transfer-encoding" => bail!("an answer of unknown length: {head}"),
            _ => {}
        }
    }
    Ok((status, etag, length))
}
