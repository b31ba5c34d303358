//! Connections that acknowledge the head of an answer at once. A store that writes head and body apart may keep the body
//! back until the head is acknowledged (Nagle's algorithm, RFC 9293 section 3.7.4), and a connection that is used again
//! would take 40 ms to do so (RFC 1122 section 4.2.3.2).

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is shorter may be a head whose body is kept back, in bytes: less than a packet holds.
const SHORT: usize = 1400;

/// A connection that acknowledges what is short when it is read.
pub(super) struct Prompt(TcpStream);

impl Prompt {
    pub(super) fn of(stream: TokioIo<TcpStream>) -> TokioIo<Self> {
        TokioIo::new(Self(stream.into_inner()))
    }

    /// Has the system acknowledge what has come. Where it cannot, it does so later.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        let _ = self.0.set_quickack(true);
    }
}

impl AsyncRead for Prompt {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.0).poll_read(cx, buffer);
        let read = buffer.filled().len() - before;
        if 0 < read && read < SHORT {
            this.acknowledge();
        }
        polled
    }
}

impl AsyncWrite for Prompt {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write_vectored(cx, slices)
    }
}

impl Connection for Prompt {
    fn connected(&self) -> Connected {
        self.0.connected()
    }
}
