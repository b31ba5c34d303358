//! What operators see: the log, metrics, traces. Any layer may record here; nothing here knows what the service does.

pub mod calls;
pub mod metrics;
pub mod traces;

use std::io::{self, IsTerminal};
use std::sync::OnceLock;

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, registry};

use self::traces::Exporter;
use crate::config::{LogConfig, TraceConfig};

/// What the libraries below us say is of use to nobody at night, unless the operator asks for it. A pool of connections
/// warns of each one that it closes because a caller went away in the middle of a statement: nothing is wrong then.
const QUIET: &str = "aws_smithy_runtime=warn,aws_sdk_s3=warn,hyper=warn,sqlx=warn,sqlx_core::pool::connection=error,\
                     lapin=off,async_rs=off";

/// Whether each line of the log is JSON, once it is started.
static IS_FOR_PROGRAMS: OnceLock<bool> = OnceLock::new();

/// Starts the log on standard error.
///
/// # Errors
/// When there is one already.
pub fn start(config: &LogConfig) -> anyhow::Result<()> {
    start_with(config, None)
}

/// Starts log, metrics and, where they are configured, traces of a program that runs until it is told to stop.
///
/// # Errors
/// When one of them was started already, or the exporter of traces cannot be built.
pub fn observe(
    log: &LogConfig,
    traces: Option<&TraceConfig>,
    program: &'static str,
) -> anyhow::Result<Option<Exporter>> {
    metrics::start(program)?;
    let exporter = traces.map(|config| Exporter::new(config, program)).transpose()?;
    start_with(log, exporter.as_ref())?;
    Ok(exporter)
}

/// Sends what a collector should still get.
pub async fn stop(exporter: Option<Exporter>) {
    if let Some(exporter) = exporter {
        exporter.stop().await;
    }
}

/// Says why a program ends: in the log where programs read that, else to a person.
pub fn say_last(name: &str, error: &anyhow::Error) {
    if IS_FOR_PROGRAMS.get() == Some(&true) {
        tracing::error!(error = format!("{error:#}"), "{name} ends");
    } else {
        eprintln!("{name}: {error:#}");
    }
}

fn start_with(config: &LogConfig, exporter: Option<&Exporter>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", config.filter))?;
    let started = match exporter {
        None => registry().with(filter).with(lines(config)).try_init(),
        Some(exporter) => registry().with(exporter.layer()).with(lines(config).with_filter(filter)).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))?;
    let _ = IS_FOR_PROGRAMS.set(config.json);
    if config.json {
        std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "a thread panicked")));
    }
    Ok(())
}

fn lines<S>(config: &LogConfig) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    if config.json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.with_ansi(io::stderr().is_terminal()).boxed()
    }
}
