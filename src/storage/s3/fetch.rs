//! Reads a large object over a connection of its own that is driven by whoever reads. A pooled connection is driven by a
//! task of its own, and to pass each block from task to task costs more than the bytes themselves.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use aws_sdk_s3::presigning::PresignedRequest;
use bytes::Bytes;
use futures::future::{Fuse, FusedFuture, FutureExt};
use futures::{Stream, StreamExt};
use http_body::Body as _;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, HOST};
use hyper::{Request, StatusCode};

use super::patience;
use super::transport::Dialer;
use crate::domain::body::{Body, BodyError};
use crate::storage::StorageError;
use crate::storage::budget::Share;

/// How much of a refusal is worth a line in the log.
const REFUSAL_BYTES: usize = 4 * 1024;

type Driver = Fuse<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>;

/// The body of an answer, and the connection that it comes by.
struct Driven {
    driver: Driver,
    body: Incoming,
    // The connection counts as left behind when this is dropped, and so does the read.
    _sender: SendRequest<Empty<Bytes>>,
    _read: Share,
}

/// Sends a signed request; the object's bytes, or `None` when there is no such object.
pub(super) async fn get(dialer: &Dialer, signed: &PresignedRequest, read: Share) -> Result<Option<Body>, StorageError> {
    let answered = patience::answered(answer(dialer, signed, read)).await?;
    let (status, length, driven) = answered.map_err(StorageError::Unavailable)?;
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(Some(Body::sized(length, patience::coming(driven.boxed())))),
        StatusCode::NOT_FOUND => Ok(None),
        status => Err(refusal(status, driven).await),
    }
}

async fn answer(dialer: &Dialer, signed: &PresignedRequest, read: Share) -> Result<(StatusCode, u64, Driven), String> {
    let url: hyper::Uri = signed.uri().parse().map_err(|error| format!("a URL that is none: {error}"))?;
    let stream = dialer.dial(&url).await?;
    let handshake = http1::Builder::new().max_buf_size(read.bytes()).handshake(stream).await;
    let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
    let mut driver: Driver = (Box::pin(connection) as Pin<Box<dyn Future<Output = _> + Send>>).fuse();
    let host = url.authority().map(ToString::to_string).unwrap_or_default();
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::get(path).header(HOST, host);
    for (name, value) in signed.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        request = request.header(name, value);
    }
    let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
    let mut answering = Box::pin(sender.send_request(request));
    let response = poll_fn(|cx| {
        drive(&mut driver, cx);
        answering.as_mut().poll(cx)
    });
    let response = response.await.map_err(|error| error.to_string())?;
    drop(answering);
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let (status, body) = (response.status(), response.into_body());
    Ok((status, length.unwrap_or(0), Driven { driver, body, _sender: sender, _read: read }))
}

fn drive(driver: &mut Driver, cx: &mut Context<'_>) {
    if !driver.is_terminated() {
        // How it ended, the body tells.
        let _ = driver.poll_unpin(cx);
    }
}

impl Stream for Driven {
    type Item = Result<Bytes, BodyError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            let mut next = Pin::new(&mut this.body).poll_frame(cx);
            if next.is_pending() {
                // Now that somebody wants it, the connection reads.
                drive(&mut this.driver, cx);
                next = Pin::new(&mut this.body).poll_frame(cx);
            }
            match next {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are no bytes of the object.
                    if let Ok(block) = frame.into_data() {
                        return Poll::Ready(Some(Ok(block)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(BodyError::Io(std::io::Error::other(error)))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Why the store does not give the object.
async fn refusal(status: StatusCode, driven: Driven) -> StorageError {
    let blocks = patience::coming(driven.boxed());
    let body = http_body_util::StreamBody::new(blocks.map(|block| block.map(http_body::Frame::data)));
    let text = Limited::new(body, REFUSAL_BYTES).collect().await;
    let text = text.map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned()).unwrap_or_default();
    let cause = format!("{status}: {text}");
    if status.is_client_error() { StorageError::Refused(cause) } else { StorageError::Unavailable(cause) }
}
