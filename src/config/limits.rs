//! What keeps a crowd, or one bad caller, from taking the service away from the others.

use std::num::NonZeroU32;
use std::time::Duration;

use super::reader::Reader;

/// The most bytes of one form field: `detail` may have 64 KiB, and a refusal that names the field helps more than one
/// of the whole form.
pub const MAX_FIELD: usize = 128 * 1024;

/// How much callers may take at a time.
#[derive(Debug, Clone, Copy)]
pub struct LimitConfig {
    /// The most connections; those beyond are told to come back.
    pub connections: usize,
    /// The most requests that are being answered.
    pub requests: usize,
    /// The most bytes of request bodies that may be in memory.
    pub body_bytes: u64,
    /// The most bytes of a form without its file, and of a JSON object.
    pub form_bytes: usize,
    /// How long a client may take for a request's head, and how long a connection may idle before the next one.
    pub head_timeout: Duration,
    /// How long a request's body may be silent, and the time over which its rate is measured.
    pub body_timeout: Duration,
    /// The least rate of a request's body in bytes a second.
    pub body_min_rate: u64,
    /// How long a client may take nothing of an answer.
    pub read_timeout: Duration,
    /// The most requests a second from one address to one node; `None` for no limit.
    pub rate_per_address: Option<NonZeroU32>,
    /// The most requests a second with one key to one node; `None` for no limit.
    pub rate_per_key: Option<NonZeroU32>,
}

pub(super) fn limits(reader: &mut Reader) -> LimitConfig {
    LimitConfig {
        connections: reader.number("APP_MAX_CONNECTIONS", 1..=1_000_000),
        requests: reader.number("APP_MAX_REQUESTS", 1..=1_000_000),
        body_bytes: reader.number("APP_MAX_BYTES_IN_FLIGHT", 1 << 20..=1 << 40),
        form_bytes: reader.number("APP_MAX_FORM_SIZE", MAX_FIELD..=16 << 20),
        head_timeout: reader.seconds("APP_HEAD_TIMEOUT", 1, 3600),
        body_timeout: reader.seconds("APP_BODY_TIMEOUT", 1, 3600),
        body_min_rate: reader.number("APP_BODY_MIN_RATE", 0..=1 << 30),
        read_timeout: reader.seconds("APP_READ_TIMEOUT", 1, 24 * 3600),
        rate_per_address: NonZeroU32::new(reader.number("APP_RATE_PER_ADDRESS", 0..=1_000_000)),
        rate_per_key: NonZeroU32::new(reader.number("APP_RATE_PER_KEY", 0..=1_000_000)),
    }
}
