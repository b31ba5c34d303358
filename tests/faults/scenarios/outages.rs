//! Servers that are killed and come back.

use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use tokio::time::sleep;

use super::{Run, Traffic, summary};
use crate::check::all_is_well;
use crate::ledger::Ledger;
use crate::support::proxy::Fault;

const CALLERS: u64 = 8;
const LONGEST_MOMENT: u64 = 2000;

pub async fn broker(run: Run) -> String {
    let (cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
    for _ in 0..run.rounds {
        sleep(Duration::from_millis(random.random_range(0..LONGEST_MOMENT))).await;
        ledger.note("SIGKILL of RabbitMQ");
        run.servers.broker.kill();
        run.servers.restart_broker().await;
    }
    traffic.finish().await;
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

pub async fn database(run: Run) -> String {
    let (cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
    for _ in 0..run.rounds {
        sleep(Duration::from_millis(random.random_range(0..LONGEST_MOMENT))).await;
        ledger.note("SIGKILL of MariaDB");
        // Every other time it has done what it was asked before it goes, and nobody hears of it.
        if random.random() {
            cluster.database.set(Fault::LostAnswers);
            sleep(Duration::from_millis(200)).await;
        }
        run.servers.database.kill();
        run.servers.restart_database().await;
        cluster.database.open();
    }
    traffic.finish().await;
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}

pub async fn store(run: Run) -> String {
    let (cluster, ledger, mut random) = (run.cluster().await, Arc::new(Ledger::default()), run.random());
    let traffic = Traffic::start(&cluster, &ledger, CALLERS, run.seed);
    for _ in 0..run.rounds {
        sleep(Duration::from_millis(random.random_range(0..LONGEST_MOMENT))).await;
        ledger.note("SIGKILL of the store");
        if random.random() {
            cluster.store.set(Fault::LostAnswers);
            sleep(Duration::from_millis(200)).await;
        }
        cluster.kill_store();
        cluster.restart_store().await;
    }
    traffic.finish().await;
    all_is_well(&cluster, &ledger).await;
    summary(&ledger)
}
