//! The web page in headless Chromium against the command line client, on the embedded service.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use tokio::process::Command;

use crate::Bench;
use crate::client::{upload, write_file};
use crate::deployment::Deployment;
use crate::samples::{Samples, real};
use crate::table::{Row, Target};

/// What `frontend/e2e/speed.mjs` measures.
#[derive(Deserialize)]
struct Visit {
    seconds: f64,
    /// The longest task of the page's main thread.
    milliseconds: f64,
}

/// The page's upload, and how long it ever kept its person waiting.
pub async fn upload_by_page(bench: &Bench) -> Result<Vec<Row>> {
    let deployment = Deployment::embedded(bench.folder()).await?;
    let (mut page, mut client) = (Samples::default(), Samples::default());
    let (mut ratio, mut longest) = (Samples::default(), Samples::default());
    upload(&deployment, &write_file(bench)?, &[]).await?;
    for round in 0..bench.rounds {
        eprintln!("page: round {} of {}", round + 1, bench.rounds);
        let mut seconds = [0.0; 2];
        for step in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let file = write_file(bench)?;
            bench.settle();
            seconds[step] = if step == 0 {
                upload(&deployment, &file, &[]).await?
            } else {
                let visit = visit(&deployment, &file, bench.folder()).await?;
                longest.add(visit.milliseconds);
                visit.seconds
            };
        }
        client.add(real(bench.size) / 1e6 / seconds[0]);
        page.add(real(bench.size) / 1e6 / seconds[1]);
        ratio.add(seconds[0] / seconds[1]);
    }
    Ok(vec![
        Row {
            figure: "embedded, web page, to ready".to_owned(),
            measured: format!("{} MB/s", page.show(0)),
            reference: format!("client {} MB/s", client.show(0)),
            value: ratio.median(),
            decimals: 2,
            unit: "x",
            target: Target::AtLeast(0.7),
        },
        Row {
            figure: "longest task of the page's main thread".to_owned(),
            measured: format!("{} ms", longest.show(0)),
            reference: String::new(),
            value: longest.median(),
            decimals: 0,
            unit: "ms",
            target: Target::AtMost(100.0),
        },
    ])
}

async fn visit(deployment: &Deployment, file: &Path, folder: &Path) -> Result<Visit> {
    let frontend = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("frontend");
    let mut node = Command::new("node");
    node.arg("e2e/speed.mjs").arg(format!("http://{}/", deployment.address)).arg(folder).arg(file);
    let output = node.current_dir(frontend).output().await.context("node cannot be started")?;
    let told = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("the page failed: {told}{}", String::from_utf8_lossy(&output.stderr));
    }
    let last = told.lines().last().context("the page told nothing")?;
    serde_json::from_str(last).with_context(|| format!("the page told {last}"))
}
