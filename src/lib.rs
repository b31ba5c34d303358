//! The file management service. See the README for what it does and `docs` in each module for how.

#![forbid(unsafe_code)]

pub mod app;
pub mod client;
pub mod commands;
pub mod config;
pub mod domain;
pub mod dto;
pub mod failpoint;
pub mod handlers;
pub mod jobs;
pub mod lifecycle;
pub mod queue;
pub mod repositories;
pub mod routes;
pub mod server;
pub mod services;
pub mod spool;
pub mod storage;
pub mod telemetry;
