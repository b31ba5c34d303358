//! What operators do on the command line beside running the service.

pub mod audit;
pub mod keys;
pub mod tenants;
mod times;
