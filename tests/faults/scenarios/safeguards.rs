//! Proof that the checks can fail: the harness runs itself against processes that do without one safeguard each.

use tokio::process::Command;

use super::Run;

/// A safeguard, the scenario that needs it, how often it is run, and what the run then complains of.
const NEEDED: [(&str, &str, &str, &str); 4] = [
    ("epoch", "frozen", "1", "a worker that was frozen past its lease ended the job of another"),
    ("compare-and-set", "duplicates", "4", "\"FAILURE\""),
    ("sweeper", "purge", "1", "stuck 60s after calm"),
    ("fsync", "power-cut", "2", "was promised, and nobody knows it"),
];

pub async fn needed(run: Run) -> String {
    let harness = std::env::current_exe().expect("the harness knows where it is");
    for (safeguard, scenario, rounds, complaint) in NEEDED {
        let mut command = Command::new(&harness);
        command.args(["--without", safeguard, "--only", scenario, "--rounds", rounds, "--seed", &run.seed.to_string()]);
        let output = command.output().await.expect("the harness runs");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!output.status.success(), "without {safeguard}, {scenario} finds nothing");
        assert!(said.contains(complaint), "without {safeguard}, {scenario} fails for another reason:\n{said}");
    }
    format!("({} safeguards)", NEEDED.len())
}
