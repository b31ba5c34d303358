//! Tests at the wire: they start the real binaries against real servers, which `scripts/with-services` runs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod bad_input;
mod complete;
mod contract;
mod direct;
mod doors;
mod download;
mod events;
mod faults;
mod flow;
mod gc;
mod kills;
mod limits;
mod metrics;
mod nodes;
mod operator;
mod owners;
mod page;
mod postman;
mod proof;
mod rolling;
mod storage;
mod support;
mod tracing;
