//! Tests at the wire: they start the real binaries against real servers, which `scripts/with-services` runs.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test fails")]

mod access;
mod bad_input;
mod callers;
mod canaries;
mod complete;
mod content;
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
mod lists;
mod metrics;
mod nodes;
mod operator;
mod owners;
mod page;
mod postman;
mod proof;
mod reservations;
mod rolling;
mod storage;
mod support;
mod tenants;
mod tokens;
mod tracing;
mod usage;
