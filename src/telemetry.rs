//! The log: for people on a terminal, or JSON, one object a line.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use crate::config::LogConfig;

/// What the libraries below us say is of use to nobody at night, unless the operator asks for it.
const QUIET: &str = "aws_smithy_runtime=warn,aws_sdk_s3=warn,hyper=warn,sqlx=warn,lapin=off,async_rs=off";

/// Starts the log on standard error.
///
/// # Errors
/// When there is one already.
pub fn start(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", config.filter))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    let started = if config.json {
        subscriber.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        subscriber.with_ansi(io::stderr().is_terminal()).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}
