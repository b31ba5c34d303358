//! Accepts connections and serves them until told to stop.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, getrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::config::LimitConfig;
use crate::lifecycle::Stages;
use crate::routes::Api;
use crate::routes::admission::Crowded;
use crate::routes::origin::Peer;
use crate::telemetry::metrics::{HTTP_CONNECTIONS, Held};

/// The connections beyond the most that are allowed: those who watch over the service come in by them, others are told
/// to come back.
const SPARE: usize = 256;
/// Open files of which the service may be in need: databases, brokers, and what it writes to.
const OTHER_FILES: usize = 256;
/// A connection, a file that it writes to, or one to the store.
const FILES_PER_CONNECTION: usize = 2;
/// The most bytes of one connection that wait to be read or written, when there are few.
const BUFFER: usize = 128 * 1024;
/// The fewest, when there are many.
const SMALL_BUFFER: usize = 16 * 1024;
/// By this, divided by the connections that there are, a new one gets its own. What is on its way through the service pins
/// several of them for each connection.
const BUFFERS: usize = 8 * 1024 * 1024;
/// How long what a client still sends is read and thrown away after its answer, so that the answer reaches it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
/// The pause after an error of accept, which is mostly the want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `api` until `stages` come to closing; connections are tracked by `tasks` and finish the request that they are
/// in. While it drains, each answer closes its connection, so that the next request comes to another node.
pub async fn serve(listener: TcpListener, api: Api, limits: LimitConfig, stages: Stages, tasks: TaskTracker) {
    let most = affordable(limits.connections);
    let (places, spare) = (Arc::new(Semaphore::new(most)), Arc::new(Semaphore::new(SPARE)));
    loop {
        let Some(accepted) = stages.closing.run_until_cancelled(listener.accept()).await else { return };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (place, crowded) = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => (Ok(place), false),
            Err(_) => (Arc::clone(&spare).try_acquire_owned(), true),
        };
        // With no place to spare either, the caller finds its connection closed.
        let Ok(place) = place else { continue };
        let buffer = (BUFFERS / (most - places.available_permits()).max(1)).clamp(SMALL_BUFFER, BUFFER);
        let connection = Connection { api: api.clone(), limits, buffer, peer: Peer(peer.ip()), crowded, place };
        tasks.spawn(connection.serve(stream, stages.clone()));
    }
}

/// How many connections there may be: those of the configuration, if the system allows enough open files for them.
fn affordable(wanted: usize) -> usize {
    let Some(files) = getrlimit(Resource::Nofile).current else { return wanted };
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let most = (files.saturating_sub(OTHER_FILES + SPARE) / FILES_PER_CONNECTION).clamp(1, Semaphore::MAX_PERMITS);
    if most < wanted {
        tracing::warn!(wanted, most, files, "APP_MAX_CONNECTIONS is lowered: the system allows too few open files");
    }
    wanted.min(most)
}

struct Connection {
    api: Api,
    limits: LimitConfig,
    buffer: usize,
    /// The other end.
    peer: Peer,
    /// Whether it is one too many.
    crowded: bool,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, stream: TcpStream, stages: Stages) {
        let Self { api, limits, buffer, peer, crowded, place: _place } = self;
        let _open = Held::on(HTTP_CONNECTIONS);
        // Answers are small and should not wait for more; an error only means that the peer has left.
        let _ = stream.set_nodelay(true);
        // A peer that takes nothing of what it asked for is given up (RFC 5482).
        let _ = set_tcp_user_timeout(&stream, u32::try_from(limits.read_timeout.as_millis()).unwrap_or(u32::MAX));
        // Boxed, because a connection can only be taken apart when its futures may move.
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            if crowded {
                request.extensions_mut().insert(Crowded);
            }
            let answer = api.clone().oneshot(request);
            let draining = stages.draining.clone();
            Box::pin(async move {
                let mut response = answer.await?;
                if draining.is_cancelled() {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            })
        });
        let mut served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout)
            .keep_alive(!crowded)
            .max_buf_size(buffer)
            .serve_connection(TokioIo::new(stream), service);
        let ended = {
            let mut stopping = pin!(stages.closing.cancelled());
            let mut told = false;
            std::future::poll_fn(|cx| {
                if !told && stopping.as_mut().poll(cx).is_ready() {
                    told = true;
                    Pin::new(&mut served).graceful_shutdown();
                }
                served.poll_without_shutdown(cx)
            })
            .await
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended with an error");
            return;
        }
        linger(served.into_parts().io.into_inner()).await;
    }
}

/// Closes a connection without losing the answer: a client that still sends would be reset, and may not have read
/// it yet (RFC 9112 section 9.6).
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER, tokio::io::copy(&mut left, &mut tokio::io::sink())).await;
}
