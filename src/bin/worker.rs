//! `filemanager-worker`: takes jobs from the broker and runs them.

#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use filemanager::app::App;
use filemanager::config::{Config, Role};
use filemanager::jobs::worker;
use filemanager::routes::metrics;
use filemanager::services::health::HealthService;
use filemanager::services::levels::LevelService;
use filemanager::{lifecycle, server, telemetry};
use tokio::net::TcpListener;

/// What the worker is called in traces, in metrics, and by servers that show our connections.
const NAME: &str = "filemanager-worker";

/// Worker of the file management service. Everything is set by the same environment variables as the service's own;
/// `RABBITMQ_HOST` must be among them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run jobs (the default)
    Run,
    /// Say whether database, store and broker answer; for container health checks
    Health,
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Run);
    lifecycle::run("filemanager-worker", run(command))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let config = Config::from_env(Role::Other)?;
    let exporter = match command {
        Command::Run => telemetry::observe(&config.log, config.traces.as_ref(), NAME)?,
        Command::Health => telemetry::start(&config.log).map(|()| None)?,
    };
    if config.runs_jobs_in_process() {
        bail!("RABBITMQ_HOST is not set: without a broker, filemanager runs the jobs itself");
    }
    let app = App::build(config, NAME)?;
    match command {
        Command::Run => {
            let ended = work(&app).await;
            telemetry::stop(exporter).await;
            ended
        }
        Command::Health => health(&app).await,
    }
}

async fn work(app: &App) -> anyhow::Result<ExitCode> {
    lifecycle::stop_on_signal(app.stages.draining.clone())?;
    app.stages.follow(Duration::ZERO, app.config().shutdown_timeout);
    let ports = app.ports();
    tracing::info!(
        database = ports.database.kind(),
        store = ports.storage.kind(),
        queue = ports.queue.kind(),
        concurrency = app.config().jobs.concurrency,
        "working",
    );
    app.tasks.spawn(telemetry::metrics::keep(app.stages.closing.clone()));
    if let Some(port) = app.config().worker_metrics_port {
        tell_metrics(app, port).await?;
    }
    let work = Box::pin(async {
        app.prepare().await?;
        worker::run(app.worker_context(), app.stages.draining.clone()).await;
        Ok(())
    });
    app.stages.work(&app.tasks, work).await?;
    Ok(ExitCode::SUCCESS)
}

async fn tell_metrics(app: &App, port: u16) -> anyhow::Result<()> {
    let asked = SocketAddr::new(app.config().server.host, port);
    let listener = TcpListener::bind(asked).await;
    let listener =
        listener.with_context(|| format!("APP_HOST and WORKER_METRICS_PORT say {asked}, where nobody can listen"))?;
    tracing::info!(address = %listener.local_addr()?, "serving metrics");
    let api = metrics::worker_api(LevelService::new(app.ports().clone()));
    app.tasks.spawn(server::serve(listener, api, app.config().limits, app.stages.clone(), app.tasks.clone()));
    Ok(())
}

async fn health(app: &App) -> anyhow::Result<ExitCode> {
    let mut fine = true;
    for dependency in HealthService::new(app.ports().clone()).dependencies().await {
        if let Some(fault) = dependency.fault {
            fine = false;
            println!("{} ({}): {fault}", dependency.name, dependency.kind);
        }
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
