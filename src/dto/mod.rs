//! What crosses the wire, both ways.

pub mod envelope;
pub mod fields;
pub mod file;
pub mod health;
pub mod keys;
pub mod owner;
pub mod page;
pub mod resume;
pub mod upload;
pub mod usage;
