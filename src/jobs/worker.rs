//! Takes notices from the queue and runs their jobs under a lease.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::{FutureExt, StreamExt, stream};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{self, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use tracing::field::Empty;

use super::running::{self, Running};
use super::{sweeper, tidier};
use crate::config::JobConfig;
use crate::domain::job::ClaimedJob;
use crate::failpoint;
use crate::queue::in_process::Handed;
use crate::queue::{Delivery, SharedQueue};
use crate::services::Failure;
use crate::services::assembly::{AssemblyService, Leftovers};
use crate::services::cause::Cause;
use crate::services::gc::GcService;
use crate::services::ledger::{Announcer, JobOutcome, Ledger, Written};
use crate::services::maintenance::MaintenanceService;
use crate::telemetry::traces;

const FIRST_RECONNECT: Duration = Duration::from_millis(500);
const SLOWEST_RECONNECT: Duration = Duration::from_secs(10);
/// The pause before a notice is accepted whose job could not be looked at, and before the database is asked again.
const DATABASE_AWAY: Duration = Duration::from_secs(1);

/// What a worker works with.
#[derive(Clone)]
pub struct WorkerContext {
    /// Where notices come from.
    pub queue: SharedQueue,
    /// The book of jobs.
    pub ledger: Ledger,
    /// Announces jobs that shall run again.
    pub announcer: Announcer,
    /// What the jobs do.
    pub assembly: AssemblyService,
    /// What is done from time to time.
    pub maintenance: MaintenanceService,
    /// What keeps database and store tidy.
    pub gc: GcService,
    /// How it is done.
    pub config: JobConfig,
    /// Jobs that are running; a stop waits for them.
    pub tasks: TaskTracker,
    /// Cancelled when a stop cannot wait for jobs any longer: they are given back.
    pub hurry: CancellationToken,
}

/// Runs jobs until told to stop. Jobs that run then are finished; nothing new is begun.
pub async fn run(context: WorkerContext, stop: CancellationToken) {
    running::show_all_kinds();
    let (maintenance, refused) = (context.maintenance.clone(), Arc::<Notify>::default());
    let sweeper = sweeper::run(maintenance, context.config.sweep_interval, Arc::clone(&refused), stop.clone());
    let sweeper = tokio::spawn(sweeper);
    let tidier = tokio::spawn(tidier::run(context.gc.clone(), context.config.sweep_interval, stop.clone()));
    let slots = Arc::new(Semaphore::new(context.config.concurrency));
    let stand_in = tokio::spawn(stand_in(context.clone(), Arc::clone(&slots), refused, stop.clone()));
    let mut pause = FIRST_RECONNECT;
    while !stop.is_cancelled() {
        let at_once = u16::try_from(context.config.concurrency).unwrap_or(u16::MAX);
        let Some(subscribed) = stop.run_until_cancelled(context.queue.notices(at_once)).await else { break };
        match subscribed {
            Ok(notices) => {
                tracing::info!(queue = context.queue.kind(), "waiting for jobs");
                pause = FIRST_RECONNECT;
                take(&context, notices, &slots, &stop).await;
            }
            Err(error) => {
                tracing::warn!(%error, retry_in_ms = pause.as_millis(), "cannot take jobs");
                take_due(&context, &slots, &stop).await;
            }
        }
        stop.run_until_cancelled(sleep(pause)).await;
        pause = (pause * 2).min(SLOWEST_RECONNECT);
    }
    // They never end but by the same token.
    let _ = tokio::join!(sweeper, tidier, stand_in);
}

/// Takes what is due straight from the database whenever the queue has refused it. A broker that is short of memory or disk
/// still says which jobs it has, but takes no more.
async fn stand_in(context: WorkerContext, slots: Arc<Semaphore>, refused: Arc<Notify>, stop: CancellationToken) {
    while stop.run_until_cancelled(refused.notified()).await.is_some() {
        take_due(&context, &slots, &stop).await;
    }
}

/// Takes what is due straight from the database: without the queue work is slower, but it does not stand still.
async fn take_due(context: &WorkerContext, slots: &Arc<Semaphore>, stop: &CancellationToken) {
    match context.maintenance.due().await {
        Ok(due) => {
            let due = due.into_iter().map(|notice| Box::new(Handed(notice)) as Box<dyn Delivery>);
            take(context, stream::iter(due).boxed(), slots, stop).await;
        }
        Err(error) => tracing::warn!(%error, "could not look for jobs that are due"),
    }
}

async fn take(
    context: &WorkerContext,
    mut notices: futures::stream::BoxStream<'static, Box<dyn Delivery>>,
    slots: &Arc<Semaphore>,
    stop: &CancellationToken,
) {
    loop {
        let Some(Some(delivery)) = stop.run_until_cancelled(notices.next()).await else { return };
        // Not before: one who has no notice must not keep the slot from one who has.
        let Some(Ok(slot)) = stop.run_until_cancelled(Arc::clone(slots).acquire_owned()).await else { return };
        let context = context.clone();
        let tasks = context.tasks.clone();
        tasks.spawn(async move {
            handle(&context, delivery).await;
            drop(slot);
        });
    }
}

async fn handle(context: &WorkerContext, delivery: Box<dyn Delivery>) {
    let notice = delivery.notice().clone();
    let span = tracing::info_span!(
        "job",
        otel.kind = traces::exported().then_some("consumer"),
        job_id = %notice.job_id,
        trace_id = Empty
    );
    let (_, trace_id) = traces::continued(&span, &notice.trace_id);
    span.record("trace_id", trace_id);
    let written = async {
        match context.ledger.claim(notice.job_id).await {
            Ok(Some(job)) => {
                failpoint::reach("job.claimed");
                Some(perform_all(context, job).await)
            }
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "the job could not be claimed; the sweeper announces it again");
                sleep(DATABASE_AWAY).await;
                None
            }
        }
    };
    match written.instrument(span).await {
        Some(Written::Failed) => delivery.bury().await,
        // The broker brings its notice to another worker when this one is gone.
        Some(Written::HandedBack) => drop(delivery),
        _ => delivery.accept().await,
    }
}

/// Runs a claimed job, and the one that follows from it; how the first one ended.
async fn perform_all(context: &WorkerContext, job: ClaimedJob) -> Written {
    let written = perform(context, &job, None).await;
    if let Written::Done(Some(next)) = &written {
        perform(context, &next.job, Some(&next.leftovers)).await;
    }
    written
}

/// Runs a claimed job and writes down how it ended.
async fn perform(context: &WorkerContext, job: &ClaimedJob, leftovers: Option<&Leftovers>) -> Written {
    let started = Instant::now();
    let running = Running::begin(kind_of(job));
    let span = tracing::trace_span!("perform", otel.name = job.kind);
    let outcome = tokio::select! {
        // In this order: one that was frozen learns that its lease is over before it does anything else.
        biased;
        // What notices first that the lease is over would hide what the epoch is for.
        () = keep_lease(context, job), if !failpoint::is_off("epoch") => {
            tracing::warn!(kind = job.kind, "the lease is lost; another worker has the job, or will have it");
            return Written::Lost;
        }
        outcome = attempt(context, job, leftovers).instrument(span) => outcome,
        () = context.hurry.cancelled() => {
            let written = hand_back(context, job).await;
            running.end(&written, None);
            return written;
        }
    };
    failpoint::reach("job.worked");
    let written = end(context, job, &outcome).await;
    running.end(&written, Some(&outcome));
    failpoint::reach("job.ended");
    let (kind, subject, attempt) = (&job.kind, job.subject, job.attempts);
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match (&written, &outcome) {
        (Written::Done(_), _) => tracing::info!(kind, %subject, attempt, duration_ms, "job done"),
        (Written::Again(pause), JobOutcome::Retry(cause) | JobOutcome::Insist(cause)) => {
            let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(kind, %subject, attempt, duration_ms, retry_in_ms, cause = cause.text, "job to be tried again");
            context.announcer.announce_after(*pause, job.id, &job.trace_id);
        }
        (Written::Failed, JobOutcome::Retry(cause) | JobOutcome::Fail { cause, .. }) => {
            tracing::error!(kind, %subject, attempt, duration_ms, cause = cause.text, "job failed for good");
        }
        _ => tracing::warn!(kind, %subject, attempt, duration_ms, "job ended, but another worker has it by now"),
    }
    written
}

/// The kind as a label: a row of another version may have any.
fn kind_of(job: &ClaimedJob) -> &'static str {
    super::NAMES.into_iter().find(|name| *name == job.kind).unwrap_or("other")
}

/// Runs a job. One that panics has failed like any other: its slot and its notice are not lost with it.
async fn attempt(context: &WorkerContext, job: &ClaimedJob, leftovers: Option<&Leftovers>) -> JobOutcome {
    if context.ledger.is_worn_out(job) {
        return JobOutcome::Retry(Cause::other("every worker that had the job ended before the job did"));
    }
    let outcome = AssertUnwindSafe(super::run(&context.assembly, job, leftovers)).catch_unwind().await;
    outcome.unwrap_or_else(|_| JobOutcome::Retry(Cause::other("the job panicked")))
}

/// Writes down the ending. While the database is away the lease is still ours: there is time to try.
async fn end(context: &WorkerContext, job: &ClaimedJob, outcome: &JobOutcome) -> Written {
    let deadline = Instant::now() + context.config.lease;
    loop {
        let error: Failure = match context.ledger.end(job, outcome).await {
            Ok(written) => return written,
            Err(error) => error,
        };
        tracing::warn!(%error, "how the job ended could not be written down yet");
        if Instant::now() > deadline {
            return Written::Lost;
        }
        sleep(DATABASE_AWAY).await;
    }
}

/// Gives a job back, so that another worker need not wait for the end of its lease.
async fn hand_back(context: &WorkerContext, job: &ClaimedJob) -> Written {
    let (kind, subject) = (&job.kind, job.subject);
    match context.ledger.hand_back(job).await {
        Ok(true) => {
            tracing::info!(kind, %subject, "job given back");
            // The broker may have told another worker too early, when this one was told no more.
            context.announcer.announce(job.id, &job.trace_id);
            Written::HandedBack
        }
        Ok(false) => Written::Lost,
        Err(error) => {
            tracing::warn!(kind, %subject, %error, "the job could not be given back; its lease has to run out");
            Written::Lost
        }
    }
}

/// Prolongs the lease; returns when it is lost, or over because the database could not be told in time.
async fn keep_lease(context: &WorkerContext, job: &ClaimedJob) {
    let lease = context.config.lease;
    let mut over_at = time::Instant::now() + lease;
    let mut pause = lease / 3;
    loop {
        sleep_until(over_at.min(time::Instant::now() + pause)).await;
        let asked_at = time::Instant::now();
        if asked_at >= over_at {
            return;
        }
        match timeout_at(over_at, context.ledger.prolong(job)).await {
            Ok(Ok(true)) => (over_at, pause) = (asked_at + lease, lease / 3),
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the lease could not be prolonged");
                pause = DATABASE_AWAY;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::app::App;
    use crate::config::{Config, Role};
    use crate::domain::JobId;
    use crate::domain::job::NewJob;
    use crate::jobs::assemble_file;
    use crate::queue::fake::FakeQueue;
    use crate::repositories::backlog::{self, Backlog};
    use crate::repositories::{Durability, jobs, now};
    use crate::services::Ports;

    #[tokio::test]
    async fn jobs_that_the_queue_does_not_take_are_done_all_the_same() {
        let data = tempfile::tempdir().unwrap();
        let folder = data.path().display().to_string();
        let settings = [("APP_DATA_DIR", folder.as_str()), ("JOB_SWEEP_INTERVAL", "1"), ("WORKER_CONCURRENCY", "1")];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let app = App::build(Config::parse(Role::Api, settings.into()).unwrap(), "test").unwrap();
        app.migrate().await.unwrap();
        let queue: SharedQueue = Arc::new(FakeQueue { full: true, ..FakeQueue::default() });
        let maintenance = MaintenanceService::new(Ports { queue: Arc::clone(&queue), ..app.ports().clone() });
        let context = WorkerContext { queue, maintenance, ..app.worker_context() };
        let database = app.ports().database.clone();
        // Of a file that is gone: there is nothing to do for it.
        let (id, subject) = (JobId::random(), Uuid::new_v4());
        let job = NewJob { id, kind: assemble_file::NAME, subject, trace_id: String::new() };
        {
            let mut writer = database.writer(Durability::Full).await.unwrap();
            jobs::insert(&mut writer, &job).await.unwrap();
            jobs::unmark_published(&mut writer, id).await.unwrap();
        }
        let stop = CancellationToken::new();
        let worker = tokio::spawn(run(context, stop.clone()));
        let done = async {
            let none = |backlog: Backlog| backlog.due + backlog.delayed + backlog.running + backlog.failed == 0;
            while !none(backlog::read(&mut database.reader().await.unwrap(), now()).await.unwrap()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        time::timeout(Duration::from_mins(1), done).await.unwrap();
        stop.cancel();
        worker.await.unwrap();
    }
}
