//! What is broken, and how often.

mod kills;
mod machine;
mod network;
mod outages;
mod queues;
mod safeguards;

use std::sync::Arc;

use futures::future::LocalBoxFuture;
use rand::{SeedableRng, rngs::StdRng};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::ledger::Ledger;
use crate::servers::Servers;
use crate::uploader::{Caller, Plan};

/// A way of breaking things.
pub struct Scenario {
    pub name: &'static str,
    pub about: &'static str,
    /// How often in the short form; 0 leaves it out.
    pub short: usize,
    /// How often the promise says.
    pub long: usize,
    /// Whether others may run beside it, because it breaks nothing that they share.
    pub beside: bool,
    pub run: fn(Run) -> LocalBoxFuture<'static, String>,
}

/// One run of a scenario. It ends with what was found, or by a panic.
pub struct Run {
    pub servers: Arc<Servers>,
    pub seed: u64,
    pub rounds: usize,
    /// The safeguard that the processes do without.
    pub without: Option<String>,
}

impl Run {
    pub fn random(&self) -> StdRng {
        StdRng::seed_from_u64(self.seed)
    }

    pub async fn cluster(&self) -> Cluster {
        Cluster::started(&self.servers, self.without.as_deref()).await
    }
}

macro_rules! scenarios {
    ($($name:literal, $short:literal, $long:literal, $beside:literal, $run:path, $about:literal;)*) => {
        /// All of them.
        pub const SCENARIOS: &[Scenario] = &[
            $(Scenario {
                name: $name,
                about: $about,
                short: $short,
                long: $long,
                beside: $beside,
                run: |run| Box::pin($run(run)),
            },)*
        ];
    };
}

scenarios! {
    "kill-api", 4, 200, true, kills::api, "SIGKILL of the API at a random moment under 32 uploaders";
    "kill-in-request", 1, 25, true, kills::in_request, "SIGKILL of the API at each step of a chunk and of complete";
    "kill-worker", 1, 25, true, kills::worker, "SIGKILL of a worker at each step of each job";
    "purge", 1, 10, true, queues::purge, "the broker's queue purged or deleted with jobs in it";
    "frozen", 1, 50, true, queues::frozen, "a worker frozen past its lease, then let go on";
    "duplicates", 2, 100, true, queues::duplicates, "each notice ten times to eight workers, a hundred completes at once";
    "poisoned", 2, 100, true, queues::poisoned, "jobs that cannot be done among ten times as many good ones";
    "cuts", 12, 1000, true, network::cuts, "connections cut at random bytes";
    "flips", 12, 1000, true, network::flips, "bits flipped in a body with a digest, a staged chunk, a part";
    "full-disk", 1, 10, true, machine::full_disk, "a hundred uploads on a disk that is full";
    "clock", 1, 10, true, machine::clock, "the clock steps by an hour either way";
    "network", 1, 10, true, network::faults, "latency, slices and resets between any two parts";
    "silence", 0, 10, true, network::silence, "a part that says nothing any more";
    "power-cut", 0, 50, true, machine::power_cut, "the power goes at the moment of an answer";
    "kill-broker", 1, 50, false, outages::broker, "SIGKILL of RabbitMQ under uploaders";
    "kill-database", 1, 50, false, outages::database, "SIGKILL of MariaDB under uploaders";
    "kill-store", 2, 50, false, outages::store, "SIGKILL of the S3 server under uploaders";
    "safeguards", 0, 1, false, safeguards::needed, "every check goes red where its safeguard is off";
}

/// Callers that upload one file after the other until they are told to stop.
pub struct Traffic {
    stop: CancellationToken,
    callers: JoinSet<()>,
}

impl Traffic {
    pub fn start(cluster: &Cluster, ledger: &Arc<Ledger>, callers: u64, seed: u64) -> Self {
        let (stop, url, ledger) = (CancellationToken::new(), cluster.url(), Arc::clone(ledger));
        let stopped = stop.clone();
        let callers = (0..callers).map(move |number| {
            let (caller, stop) = (Caller::new(&url, &ledger), stopped.clone());
            let mut random = StdRng::seed_from_u64(seed ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            async move {
                while !stop.is_cancelled() {
                    if caller.upload(&Plan::random(&mut random)).await.is_none() {
                        return;
                    }
                }
            }
        });
        Self { stop, callers: callers.collect() }
    }

    /// Lets each caller finish the file that it is at.
    pub async fn finish(self) {
        self.stop.cancel();
        self.callers.join_all().await;
    }
}

/// What a scenario says when all is well.
fn summary(ledger: &Ledger) -> String {
    format!("({} files)", ledger.files().len())
}
