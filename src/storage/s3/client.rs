//! Clients of the SDK, one for each way of calling.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    StalledStreamProtectionConfig,
};
use secrecy::ExposeSecret;
use url::Url;

use super::transport::Dialer;
use crate::config::S3Config;

/// How long one try of a call may take: all tries together are a part of one request of ours.
const CALL_TIMEOUT: Duration = Duration::from_secs(8);
/// How long one try may take in which the store itself moves the bytes of large objects.
const MOVE_TIMEOUT: Duration = Duration::from_mins(5);
const CALL_TRIES: u32 = 3;

/// For calls that carry little.
pub(super) fn calls(config: &S3Config, dialer: &Dialer) -> Client {
    bounded(config, dialer, CALL_TIMEOUT)
}

/// For calls in which the store itself moves bytes.
pub(super) fn moves(config: &S3Config, dialer: &Dialer) -> Client {
    bounded(config, dialer, MOVE_TIMEOUT)
}

fn bounded(config: &S3Config, dialer: &Dialer, attempt: Duration) -> Client {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(attempt).build();
    let retries = RetryConfig::standard().with_max_attempts(CALL_TRIES);
    let base = base(config, &config.endpoint, dialer).timeout_config(timeouts).retry_config(retries);
    Client::from_conf(base.build())
}

/// For bodies, which cannot be sent twice and take as long as their sender does.
pub(super) fn bodies(config: &S3Config, dialer: &Dialer) -> Client {
    Client::from_conf(base(config, &config.endpoint, dialer).retry_config(RetryConfig::disabled()).build())
}

/// Signs for the public endpoint and never calls it.
pub(super) fn public(config: &S3Config, dialer: &Dialer) -> Client {
    Client::from_conf(base(config, &config.public_url, dialer).build())
}

fn base(config: &S3Config, endpoint: &Url, dialer: &Dialer) -> Builder {
    let credentials =
        Credentials::new(&config.access_key, config.secret_key.expose_secret(), None, None, "configuration");
    Builder::new()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint.as_str().trim_end_matches('/'))
        .region(Region::new(config.region.clone()))
        .credentials_provider(credentials)
        .force_path_style(true)
        // Many stores do not know the newer checksums.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        // A slow sender is bounded by its own least rate, and a slow store by the writer of the chunk.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .http_client(dialer.pool())
}
