//! The connections to the store. The SDK's own transport lets each of them read some 400 KiB ahead; a thousand slow
//! readers would make that a lot of memory.

use std::fmt;
use std::time::Duration;

use aws_sdk_s3::config::SharedHttpClient;
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::Error as ClientError;
use hyper_util::client::legacy::connect::HttpConnector as TcpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::Url;

use crate::storage::StorageError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const IDLE_CONNECTIONS: Duration = Duration::from_secs(20);
/// A pool of connections for the SDK. On each of them at most about `buffer` bytes wait to be read or written.
///
/// # Errors
/// [`StorageError::Refused`] when the endpoint is `https` and the system has no root certificates.
pub(super) fn pool(endpoint: &Url, buffer: usize) -> Result<SharedHttpClient, StorageError> {
    let mut tcp = TcpConnector::new();
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    tcp.enforce_http(false);
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_CONNECTIONS).http1_max_buf_size(buffer);
    let connector = if endpoint.scheme() == "https" {
        SharedHttpConnector::new(Transport(builder.build(secured(tcp)?)))
    } else {
        SharedHttpConnector::new(Transport(builder.build(tcp)))
    };
    Ok(http_client_fn(move |_, _| connector.clone()))
}

fn secured(tcp: TcpConnector) -> Result<HttpsConnector<TcpConnector>, StorageError> {
    let tls = HttpsConnectorBuilder::new().with_provider_and_native_roots(rustls::crypto::ring::default_provider());
    let tls = tls.map_err(|error| StorageError::Refused(format!("no root certificates: {error}")))?;
    Ok(tls.https_only().enable_http1().wrap_connector(tcp))
}

struct Transport<C>(Client<C, SdkBody>);

impl<C> fmt::Debug for Transport<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Transport")
    }
}

impl<C> HttpConnector for Transport<C>
where
    C: hyper_util::client::legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(async move {
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
