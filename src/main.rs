//! `filemanager`: the API, with the worker inside when no broker is configured.

#![forbid(unsafe_code)]

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use filemanager::app::{App, local_address};
use filemanager::client::arguments::{DownloadArguments, UploadArguments};
use filemanager::commands::audit::{self, AuditArguments};
use filemanager::commands::keys::{self, KeyCommand};
use filemanager::commands::retry::{self, RetryArguments};
use filemanager::commands::tenants::{self, TenantCommand};
use filemanager::config::{Config, Role};
use filemanager::jobs::worker;
use filemanager::services::check;
use filemanager::services::gc::Mode;
use filemanager::services::retries::RetryService;
use filemanager::{client, lifecycle, routes, server, telemetry};
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HEALTH_TIMEOUT: Duration = Duration::from_secs(3);

/// File management service. Without a command it serves the API. Everything is set by environment variables, or by a
/// file `.env` in the working directory; the README lists them.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API (the default)
    Serve,
    /// Bring the database's schema up to date and end
    Migrate,
    /// Try every dependency and say what is wrong
    Check,
    /// Compare database and store, remove what nothing needs, and tell which objects are missing
    Gc {
        /// Tell what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Have all files tried again that were given up because the store was away or full for too long
    Retry(RetryArguments),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeyCommand),
    /// Set and list what tenants may have
    #[command(subcommand)]
    Tenants(TenantCommand),
    /// Print the record: who did what to what, when, from where
    Audit(AuditArguments),
    /// Ask the service on this machine whether it is alive; for container health checks
    Health,
    /// Print the description of the API (OpenAPI)
    Openapi,
    /// Send files to a service, and go on where an interrupted upload stopped
    Upload(UploadArguments),
    /// Fetch a file from a service, and go on where an interrupted download stopped
    Download(DownloadArguments),
}

fn main() -> ExitCode {
    let command = Arguments::parse().command.unwrap_or(Command::Serve);
    lifecycle::run("filemanager", run(command))
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve => serve().await,
        Command::Migrate => migrate(configure()?).await,
        Command::Check => check_all(configure()?).await,
        Command::Gc { dry_run } => gc(configure()?, if dry_run { Mode::DryRun } else { Mode::Clean }).await,
        Command::Retry(arguments) => retry_all(configure()?, arguments).await,
        Command::Keys(command) => manage_keys(configure()?, command).await,
        Command::Tenants(command) => manage_tenants(configure()?, command).await,
        Command::Audit(arguments) => print_record(configure()?, arguments).await,
        Command::Health => health(&configure()?).await,
        // The others need no settings.
        Command::Openapi => {
            println!("{}", routes::openapi()?);
            Ok(ExitCode::SUCCESS)
        }
        Command::Upload(arguments) => client::upload(arguments).await,
        Command::Download(arguments) => client::download(arguments).await,
    }
}

fn configure() -> anyhow::Result<Config> {
    let config = Config::from_env(Role::Other)?;
    telemetry::start(&config.log)?;
    Ok(config)
}

async fn serve() -> anyhow::Result<ExitCode> {
    let config = Config::from_env(Role::Api)?;
    let exporter = telemetry::observe(&config.log, config.traces.as_ref(), "filemanager")?;
    lifecycle::raise_file_limit();
    let app = App::build(config, "filemanager")?;
    let server = &app.config().server;
    let asked = SocketAddr::new(server.host, server.port);
    let listener = TcpListener::bind(asked).await;
    let listener = listener.with_context(|| format!("APP_HOST and APP_PORT say {asked}, where nobody can listen"))?;
    let address = listener.local_addr()?;
    let api = routes::api(app.api_state(address)?, server);
    lifecycle::stop_on_signal(app.stages.draining.clone())?;
    app.stages.follow(app.config().drain_delay, app.config().shutdown_timeout);
    let ports = app.ports();
    if app.config().access.is_off() && !address.ip().is_loopback() {
        tracing::warn!(%address, "APP_AUTH is off: whoever reaches this address may read, write and delete everything");
    }
    if !app.config().access.is_off() && app.config().store_shares_the_page() {
        tracing::warn!(
            "MINIO_URL and APP_PUBLIC_URL have the same origin: a public file may act as whoever is signed in"
        );
    }
    tracing::info!(
        url = %app.public_url(address)?,
        %address,
        database = ports.database.kind(),
        store = ports.storage.kind(),
        queue = ports.queue.kind(),
        data_dir = %app.config().data_dir.display(),
        "serving",
    );
    app.tasks.spawn(telemetry::metrics::keep(app.stages.closing.clone()));
    let serving =
        app.tasks.spawn(server::serve(listener, api, app.config().limits, app.stages.clone(), app.tasks.clone()));
    let work = Box::pin(async {
        app.prepare().await?;
        if app.config().access.keys && !app.stages.draining.is_cancelled() {
            print_first_key(&app).await?;
        }
        if app.config().runs_jobs_in_process() && !app.stages.draining.is_cancelled() {
            app.tasks.spawn(worker::run(app.worker_context(), app.stages.draining.clone()));
        }
        serving.await?;
        Ok(())
    });
    app.stages.work(&app.tasks, work).await?;
    telemetry::stop(exporter).await;
    Ok(ExitCode::SUCCESS)
}

/// Where there has never been a key, makes one, and shows it to whoever starts the service: there is no other way in.
async fn print_first_key(app: &App) -> anyhow::Result<()> {
    if let Some(key) = app.first_key().await? {
        println!("The first API key, which may do everything, and is shown this once: {}", key.expose_secret());
    }
    Ok(())
}

async fn migrate(config: Config) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager migrate")?;
    app.migrate().await?;
    println!("the schema of the {} database is up to date", app.ports().database.kind());
    Ok(ExitCode::SUCCESS)
}

async fn check_all(config: Config) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager check")?;
    if let Err(error) = app.migrate().await {
        println!("database: {error:#}");
    }
    let findings = check::check(app.ports()).await;
    let mut fine = true;
    for finding in &findings {
        match &finding.problem {
            None => println!("ok       {}", finding.subject),
            Some(problem) => {
                fine = false;
                println!("problem  {}\n         {problem}", finding.subject);
            }
        }
    }
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn gc(config: Config, mode: Mode) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager gc")?;
    lifecycle::stop_on_signal(app.stages.draining.clone())?;
    app.migrate().await?;
    if mode == Mode::Clean {
        app.ports().storage.prepare().await.context("the object store is not ready")?;
    }
    // Who reads may go away; what is being tidied is tidied all the same.
    let listener = |line: &str| drop(writeln!(std::io::stdout(), "{line}"));
    let report = match mode {
        Mode::Clean => app.gc().clean(&listener, &app.stages.draining).await?,
        Mode::DryRun => Some(app.gc().dry_run(&listener).await?),
    };
    let Some(report) = report else { bail!("another process is at it, or it was stopped") };
    println!("{}", report.in_words(mode));
    Ok(if report.is_alarming() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn retry_all(config: Config, arguments: RetryArguments) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager retry")?;
    app.migrate().await?;
    retry::run(&RetryService::new(app.ports().clone()), arguments).await
}

async fn manage_keys(config: Config, command: KeyCommand) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager keys")?;
    app.migrate().await?;
    keys::run(&app.keys(), command).await
}

async fn manage_tenants(config: Config, command: TenantCommand) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager tenants")?;
    app.migrate().await?;
    tenants::run(&app.tenants(), command).await
}

async fn print_record(config: Config, arguments: AuditArguments) -> anyhow::Result<ExitCode> {
    let app = App::build(config, "filemanager audit")?;
    app.migrate().await?;
    audit::run(&app.audit(), arguments).await
}

async fn health(config: &Config) -> anyhow::Result<ExitCode> {
    let address = local_address(config.server.host, config.server.port);
    let answer = timeout(HEALTH_TIMEOUT, async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    let answer = answer.await.context("no answer in time")?.with_context(|| format!("nobody answers on {address}"))?;
    Ok(if answer.starts_with("HTTP/1.1 200 ") { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
