//! What the tests share: deployments of the real binaries, a client, and things that break on purpose.

#[allow(dead_code, reason = "only some test programs restart nodes")]
pub mod balancer;
pub mod browser;
pub mod client;
pub mod collector;
pub mod deployment;
#[allow(dead_code, reason = "each test program breaks things in its own ways")]
pub mod proxy;
pub mod routes;
pub mod s3;
mod s3_server;
pub mod scrape;

use std::time::Duration;

pub use client::Client;
#[allow(unused_imports, reason = "each test program has deployments of its own kinds")]
pub use deployment::{Database, Store};
pub use deployment::{Deployment, Queue, Service};

/// How long anything may take that happens by itself. Generous: it only bounds how long a failure takes to show.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);

/// Asks again and again until the answer is there.
///
/// # Panics
/// When it never comes.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Bytes that differ from each other and from those of another seed.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..length.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(length);
    bytes
}
