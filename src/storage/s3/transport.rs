//! The connections to the store. The SDK's own transport lets each of them read some 400 KiB ahead, and gives no connection
//! away.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::Error as ClientError;
use hyper_util::client::legacy::connect::{Connect, HttpConnector as TcpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tower::util::MapResponse;
use url::Url;

use super::prompt::Prompt;
use crate::storage::StorageError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a connection may be silent before its other end is asked whether it is there.
const SILENCE: Duration = Duration::from_secs(10);
const IDLE_CONNECTIONS: Duration = Duration::from_secs(20);
/// The most bytes of a pooled connection that wait to be read or written, about.
const BUFFER: usize = 128 * 1024;
/// The same for the connections beyond the first ones, so that a crowd takes little memory.
const SMALL_BUFFER: usize = 16 * 1024;
/// How many requests at a time get the larger buffers.
const FEW: usize = 128;

type Tcp = MapResponse<TcpConnector, fn(TokioIo<TcpStream>) -> TokioIo<Prompt>>;

/// Makes connections to the store.
#[derive(Clone)]
pub(super) enum Dialer {
    /// To an `http` endpoint.
    Plain(Tcp),
    /// To an `https` endpoint.
    Secured(HttpsConnector<Tcp>),
}

impl Dialer {
    /// A dialer for this endpoint.
    ///
    /// # Errors
    /// [`StorageError::Refused`] when the endpoint is `https` and the system has no root certificates.
    pub(super) fn new(endpoint: &Url) -> Result<Self, StorageError> {
        let mut tcp = TcpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        // A store that went without a word is noticed, however long a body may take.
        tcp.set_keepalive(Some(SILENCE));
        tcp.set_keepalive_interval(Some(SILENCE / 2));
        tcp.set_keepalive_retries(Some(2));
        tcp.set_tcp_user_timeout(Some(SILENCE * 2));
        tcp.enforce_http(false);
        let tcp = MapResponse::new(tcp, Prompt::of as fn(TokioIo<TcpStream>) -> TokioIo<Prompt>);
        if endpoint.scheme() == "https" { secured(tcp).map(Self::Secured) } else { Ok(Self::Plain(tcp)) }
    }

    /// A connection to the host of this URL.
    ///
    /// # Errors
    /// In words, when there is none.
    pub(super) async fn dial(&self, url: &Uri) -> Result<MaybeHttpsStream<TokioIo<Prompt>>, String> {
        match self {
            Self::Plain(tcp) => {
                let stream = tcp.clone().oneshot(url.clone()).await.map_err(|error| error.to_string())?;
                Ok(MaybeHttpsStream::Http(stream))
            }
            Self::Secured(tls) => tls.clone().oneshot(url.clone()).await.map_err(|error| error.to_string()),
        }
    }

    /// A pool of connections for the SDK.
    pub(super) fn pool(&self) -> SharedHttpClient {
        let connector = match self {
            Self::Plain(tcp) => SharedHttpConnector::new(Transport::new(tcp)),
            Self::Secured(tls) => SharedHttpConnector::new(Transport::new(tls)),
        };
        http_client_fn(move |_, _| connector.clone())
    }
}

fn secured(tcp: Tcp) -> Result<HttpsConnector<Tcp>, StorageError> {
    let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let tls = tls.map_err(|error| StorageError::Refused(format!("no root certificates: {error}")))?;
    Ok(tls.https_only().enable_http1().wrap_connector(tcp))
}

/// Two pools of connections to one store.
struct Transport<C> {
    large: Client<C, SdkBody>,
    small: Client<C, SdkBody>,
    /// A permit for each request that gets a connection with the larger buffers.
    places: Arc<Semaphore>,
}

impl<C> Transport<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    fn new(connector: &C) -> Self {
        let pool = |buffer| {
            let mut builder = Client::builder(TokioExecutor::new());
            builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_CONNECTIONS).http1_max_buf_size(buffer);
            builder.build(connector.clone())
        };
        Self { large: pool(BUFFER), small: pool(SMALL_BUFFER), places: Arc::new(Semaphore::new(FEW)) }
    }
}

impl<C> fmt::Debug for Transport<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl<C> HttpConnector for Transport<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let client = if place.is_some() { self.large.clone() } else { self.small.clone() };
        HttpConnectorFuture::new(async move {
            let _place = place;
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let response = client.request(request).await.map_err(failed)?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// A failure in the SDK's words, which decide whether a call is repeated.
fn failed(error: ClientError) -> ConnectorError {
    let timed_out = sources(&error).any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
    });
    let error: BoxError = error.into();
    if timed_out { ConnectorError::timeout(error) } else { ConnectorError::io(error) }
}

fn sources<'e>(
    error: &'e (dyn std::error::Error + 'static),
) -> impl Iterator<Item = &'e (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}
