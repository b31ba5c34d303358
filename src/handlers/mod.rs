//! One function for each endpoint: what came in, one call to a service, what goes out.

pub mod file;
pub mod health;
pub mod keys;
pub mod metrics;
pub mod owner;
pub mod upload;
pub mod usage;
