//! Breaks a full deployment on real servers in every way that is promised to be survived, and checks that what was
//! acknowledged is there, once, and that nothing is stuck. Without arguments it runs each scenario a few times;
//! `--long` gives the counts of the promise, `--seed` repeats a run, `--only` chooses.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a check fails")]

mod check;
mod cluster;
mod ledger;
mod scenarios;
mod servers;
#[expect(dead_code, clippy::wildcard_imports, reason = "the tests at the wire use the rest, and are tests to the lint")]
#[path = "../it/support/mod.rs"]
mod support;
mod uploader;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use futures::{FutureExt, StreamExt, stream};

use tokio::signal::unix::{SignalKind, signal};

use scenarios::{Run, SCENARIOS, Scenario};
use servers::Servers;

/// How many scenarios run beside each other: most of their time is waiting.
const AT_ONCE: usize = 4;

#[derive(Parser)]
struct Arguments {
    /// Repeats the run that printed this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// Runs these scenarios only, separated by commas; "list" names them all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Breaks each thing as often as the promise says.
    #[arg(long)]
    long: bool,
    /// Breaks each thing this often.
    #[arg(long)]
    rounds: Option<usize>,
    /// Does without a safeguard: fsync, sweeper, epoch or compare-and-set. The run must fail then.
    #[arg(long)]
    without: Option<String>,
}

struct Result {
    scenario: &'static Scenario,
    rounds: usize,
    took: Duration,
    outcome: std::result::Result<String, String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    let chosen: Vec<_> = SCENARIOS.iter().filter(|scenario| arguments.chooses(scenario)).collect();
    if chosen.is_empty() || arguments.only.iter().any(|only| !SCENARIOS.iter().any(|known| known.name == only)) {
        println!("the scenarios are:");
        for scenario in SCENARIOS {
            println!("  {:16} {}", scenario.name, scenario.about);
        }
        return ExitCode::FAILURE;
    }
    println!("seed: {seed}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut terminated = signal(SignalKind::terminate()).expect("signals can be listened to");
    tokio::select! {
        results = run_all(&arguments, seed, &chosen, folder.path()) => report(&results, seed),
        _ = tokio::signal::ctrl_c() => ExitCode::FAILURE,
        _ = terminated.recv() => ExitCode::FAILURE,
    }
}

impl Arguments {
    fn chooses(&self, scenario: &Scenario) -> bool {
        if self.only.is_empty() {
            self.long || scenario.short > 0
        } else {
            self.only.iter().any(|o| o == scenario.name)
        }
    }
}

async fn run_all(
    arguments: &Arguments,
    seed: u64,
    chosen: &[&'static Scenario],
    folder: &std::path::Path,
) -> Vec<Result> {
    let servers = Arc::new(Servers::start(folder).await);
    let run = |scenario: &&'static Scenario| run_one(arguments, seed, scenario, Arc::clone(&servers));
    let beside = chosen.iter().filter(|scenario| scenario.beside).map(run);
    let mut results: Vec<Result> = stream::iter(beside).buffer_unordered(AT_ONCE).collect().await;
    for scenario in chosen.iter().filter(|scenario| !scenario.beside) {
        results.push(run(scenario).await);
    }
    results
}

async fn run_one(arguments: &Arguments, seed: u64, scenario: &'static Scenario, servers: Arc<Servers>) -> Result {
    let rounds = if arguments.long { scenario.long } else { scenario.short.max(1) };
    let rounds = arguments.rounds.unwrap_or(rounds);
    println!("{}: begins, {rounds} times", scenario.name);
    let begun = Instant::now();
    let run = Run { servers, seed, rounds, without: arguments.without.clone() };
    // A check fails by a panic.
    let outcome = AssertUnwindSafe((scenario.run)(run)).catch_unwind().await.map_err(said);
    let took = begun.elapsed();
    println!("{}: {} after {:.1} s", scenario.name, if outcome.is_ok() { "ok" } else { "FAILED" }, took.as_secs_f64());
    Result { scenario, rounds, took, outcome }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn said(panic: Box<dyn std::any::Any + Send>) -> String {
    let text =
        panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
    text.unwrap_or_else(|| "it panicked without a word".to_owned())
}

fn report(results: &[Result], seed: u64) -> ExitCode {
    println!("\n{:16} {:>6} {:>8}  seed {seed}", "scenario", "rounds", "seconds");
    for Result { scenario, rounds, took, outcome } in results {
        let said = match outcome {
            Ok(found) => format!("ok {found}"),
            Err(cause) => format!("FAILED: {}", cause.lines().next().unwrap_or_default()),
        };
        println!("{:16} {rounds:>6} {:>8.1}  {said}", scenario.name, took.as_secs_f64());
    }
    if results.iter().all(|result| result.outcome.is_ok()) {
        return ExitCode::SUCCESS;
    }
    println!("repeat it with --seed {seed}");
    ExitCode::FAILURE
}
