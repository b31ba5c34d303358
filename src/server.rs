//! Accepts connections and serves them until told to stop.

use std::pin::{Pin, pin};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::routes::Api;

/// How long a client may take for a request's head, and how long a connection may idle before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// The most bytes of one connection that wait to be read or written.
const BUFFER: usize = 128 * 1024;
/// How long what a client still sends is read and thrown away after its answer, so that the answer reaches it.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: u64 = 64 * 1024 * 1024;
/// The pause after an error of accept, which is mostly the want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `api` until `stop`; connections are tracked by `tasks` and finish the request that they are in.
pub async fn serve(listener: TcpListener, api: Api, stop: CancellationToken, tasks: TaskTracker) {
    loop {
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { return };
        match accepted {
            Ok((stream, _)) => {
                tasks.spawn(connection(stream, api.clone(), stop.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, api: Api, stop: CancellationToken) {
    // Answers are small and should not wait for more; an error only means that the peer has left.
    let _ = stream.set_nodelay(true);
    // Boxed, because a connection can only be taken apart when its futures may move.
    let service = service_fn(move |request| Box::pin(api.clone().oneshot(request)));
    let mut served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let ended = {
        let mut stopping = pin!(stop.cancelled());
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

/// Closes a connection without losing the answer: a client that still sends would be reset, and may not have read
/// it yet (RFC 9112 section 9.6).
async fn linger(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = stream.take(LINGER_BYTES);
    let _ = timeout(LINGER, tokio::io::copy(&mut left, &mut tokio::io::sink())).await;
}
