//! A load of four fifths of what the service can take, for as long as is asked: whether it slows down, grows, or fails.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Bench;
use crate::deployment::Deployment;
use crate::garage::Garage;
use crate::http::Connection;
use crate::process::Usage;
use crate::samples::{Samples, real};
use crate::service;
use crate::table::{Row, Target};
use crate::transfer::{MIB, Payload};

/// How long the peak is looked for, but no longer than the load lasts; the last third of it counts, so that a fast moment
/// of the machine is not taken for what it can do. A store may begin late to do what it was asked for: Garage deletes
/// bytes ten minutes after their object, and takes fewer requests from then on.
const PEAK: Duration = Duration::from_mins(15);
/// How many callers look for it.
const CALLERS: usize = 16;
const SHARE: f64 = 0.8;
/// The parts of the time that are compared with the first one.
const PARTS: usize = 12;
const LOOK: Duration = Duration::from_secs(1);
const GROWTH: f64 = 1.05;
/// Callers who are waiting for answers; more of them mean that the load is more than the service can take.
const MOST_WAITING: usize = 2000;

/// What the visitors saw.
#[derive(Default)]
struct Book {
    /// Milliseconds of each request, by the part of the time in which it was answered.
    times: [Vec<f32>; PARTS],
    failures: Vec<String>,
    /// How many have come.
    begun: usize,
    /// How many have gone again.
    visits: usize,
    /// How many are waiting for what.
    waiting: BTreeMap<&'static str, usize>,
}

impl Book {
    /// The 99th percentile of a part of the time, if anything was answered in it.
    fn p99(&self, part: usize) -> Option<f64> {
        let mut times = self.times[part].clone();
        times.sort_by(f32::total_cmp);
        times.get(times.len() * 99 / 100).copied().map(f64::from)
    }
}

/// One who uploads a file, looks at it, downloads it and deletes it.
#[derive(Clone)]
struct Visitor {
    address: SocketAddr,
    payload: Payload,
    book: Arc<Mutex<Book>>,
    begun: Instant,
    part: Duration,
}

impl Visitor {
    fn new(bench: &Bench, address: SocketAddr, time: Duration) -> Self {
        let part = time / u32::try_from(PARTS).unwrap_or(u32::MAX);
        Self { address, payload: bench.payload.clone(), book: Arc::default(), begun: Instant::now(), part }
    }

    async fn visit(self, number: usize) {
        let visited = self.try_visit(number).await;
        let mut book = lock(&self.book);
        book.visits += 1;
        if let Err(error) = visited {
            book.failures.push(format!("{error:#}"));
        }
    }

    /// Most files are small, some are not.
    async fn try_visit(&self, number: usize) -> Result<()> {
        let size = match number % 100 {
            0 => 6 * MIB,
            1..=9 => MIB,
            _ => 10 * 1024,
        };
        let mut connection = Connection::open(self.address).await?;
        let upload = self.timed("init", service::begin(&mut connection, size)).await?;
        let (request, bytes) = (service::chunk_frame(&upload)(0, size), self.payload.chunk(size));
        self.timed("a chunk", connection.send(&request, &bytes)).await?.ok("a chunk")?;
        let file = self.timed("complete", service::complete_one(&mut connection, &upload, size)).await?;
        self.noted("a job", service::until_success_at_leisure(&mut connection, &file)).await?;
        self.timed("get", connection.get(&format!("/api/v1/file/get/{file}"))).await?.ok("get")?;
        let received = self.timed("a download", connection.fetch(&format!("/api/v1/file/download/{file}"))).await?;
        self.timed("a deletion", connection.delete(&format!("/api/v1/file/{file}"))).await?.ok("a deletion")?;
        if received == size { Ok(()) } else { bail!("{received} bytes instead of {size}") }
    }

    /// Has it in the book for what is waited.
    async fn noted<T>(&self, what: &'static str, work: impl Future<Output = Result<T>>) -> Result<T> {
        *lock(&self.book).waiting.entry(what).or_default() += 1;
        let done = work.await;
        *lock(&self.book).waiting.entry(what).or_default() -= 1;
        done
    }

    async fn timed<T>(&self, what: &'static str, request: impl Future<Output = Result<T>>) -> Result<T> {
        let begun = Instant::now();
        let answer = self.noted(what, request).await?;
        let part = (self.begun.elapsed().as_secs_f64() / self.part.as_secs_f64()).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "twelve parts, milliseconds")]
        let (part, time) = (part as usize, (begun.elapsed().as_secs_f64() * 1e3) as f32);
        lock(&self.book).times[part.min(PARTS - 1)].push(time);
        Ok(answer)
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The full deployment under load for `minutes`.
pub async fn load(bench: &Bench, minutes: u32) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let worker = deployment.worker.as_ref().context("the full deployment has a worker")?;
    let time = Duration::from_secs(u64::from(minutes) * 60);
    let rate = peak(bench, deployment.address, PEAK.min(time)).await?;
    eprintln!("endurance: {rate:.1} visits/s at the most; {minutes} minutes at {:.1}", rate * SHARE);
    let visitor = Visitor::new(bench, deployment.address, time);
    let book = Arc::clone(&visitor.book);
    let watching = tokio::spawn({
        let looked = [deployment.api.usage(), worker.usage()];
        let book = Arc::clone(&book);
        async move { watch(looked, &book, time).await }
    });
    paced(visitor, rate * SHARE, time).await?;
    let [api, worker] = watching.await.context("the one who watches has panicked")??;
    let mut rows = answers(&lock(&book), rate * SHARE, minutes)?;
    for (name, looks) in [("API", api), ("worker", worker)] {
        rows.extend(growth(name, &looks));
    }
    Ok(rows)
}

/// Visits a second that the service takes when it is asked as fast as it answers.
async fn peak(bench: &Bench, address: SocketAddr, time: Duration) -> Result<f64> {
    let visitor = Visitor::new(bench, address, time);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let visitor = visitor.clone();
        callers.spawn(async move {
            let mut number = caller;
            while visitor.begun.elapsed() < time {
                visitor.clone().visit(number).await;
                number += 1;
            }
        });
    }
    tokio::time::sleep(time * 2 / 3).await;
    let (settled, before) = (visitor.begun.elapsed(), lock(&visitor.book).visits);
    callers.join_all().await;
    let (elapsed, book) = (visitor.begun.elapsed(), lock(&visitor.book));
    if let Some(failure) = book.failures.first() {
        bail!("a visit failed: {failure}");
    }
    Ok(real(book.visits - before) / elapsed.saturating_sub(settled).as_secs_f64())
}

/// Sends visitors at that rate, whether or not those before are back.
async fn paced(visitor: Visitor, rate: f64, time: Duration) -> Result<()> {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut visits = JoinSet::new();
    let mut number = 0;
    while visitor.begun.elapsed() < time {
        ticks.tick().await;
        number += 1;
        let waiting = {
            let mut book = lock(&visitor.book);
            book.begun += 1;
            book.begun - book.visits
        };
        if waiting > MOST_WAITING {
            let waiting = lock(&visitor.book).waiting.clone();
            bail!(
                "{MOST_WAITING} visitors are waiting, which is too much after {:?}: {waiting:?}",
                visitor.begun.elapsed()
            );
        }
        visits.spawn(visitor.clone().visit(number));
        while visits.try_join_next().is_some() {}
    }
    visits.join_all().await;
    Ok(())
}

/// Memory in MiB and open files, look by look.
type Looks = Vec<(f64, f64)>;

/// Looks at the processes, and says after each part of the time how it went.
async fn watch(processes: [Usage; 2], book: &Mutex<Book>, time: Duration) -> Result<[Looks; 2]> {
    let mut looks = [Vec::new(), Vec::new()];
    let (begun, mut told) = (Instant::now(), 0);
    while begun.elapsed() < time {
        if begun.elapsed().as_secs_f64() >= time.as_secs_f64() * real(told + 1) / real(PARTS) {
            let (book, [api, worker]) = (lock(book), processes.each_ref());
            eprintln!(
                "endurance: part {} of {PARTS}: p99 {:.1} ms, {} waiting, {} failed, API {:.0} MiB, worker {:.0} MiB",
                told + 1,
                book.p99(told).unwrap_or_default(),
                book.begun - book.visits,
                book.failures.len(),
                api.memory_mib()?,
                worker.memory_mib()?,
            );
            told += 1;
        }
        for (usage, looks) in processes.iter().zip(&mut looks) {
            looks.push((usage.memory_mib()?, usage.open_files()?));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(looks)
}

fn answers(book: &Book, rate: f64, minutes: u32) -> Result<Vec<Row>> {
    let failed = book.failures.len();
    for failure in book.failures.iter().take(5) {
        eprintln!("endurance: {failure}");
    }
    let p99: Option<Vec<f64>> = (0..PARTS).map(|part| book.p99(part)).collect();
    let p99 = p99.context("a part of the time without an answer")?;
    let worst = p99.iter().copied().fold(0.0, f64::max);
    Ok(vec![
        Row {
            figure: format!("{minutes} minutes at {rate:.1} visits/s, failed"),
            measured: format!("{failed} of {}", book.visits),
            reference: String::new(),
            value: real(failed),
            decimals: 0,
            unit: "",
            target: Target::AtMost(0.0),
        },
        Row {
            figure: "p99 of requests, worst twelfth of the time".to_owned(),
            measured: format!("{worst:.1} ms"),
            reference: format!("first twelfth {:.1} ms", p99[0]),
            value: worst / p99[0],
            decimals: 2,
            unit: "x",
            target: Target::AtMost(2.0),
        },
    ])
}

/// How much larger the last twelfth of the looks is than the second, when everything has been used once. Of open files the
/// fewest count: more of them are there with more visitors, and what is never closed is among the fewest too.
fn growth(name: &str, looks: &Looks) -> [Row; 2] {
    let part = (looks.len() / PARTS).max(1);
    let (early, late) = (&looks[part..(2 * part).min(looks.len())], &looks[looks.len() - part..]);
    let row = |what: &str, unit: &str, of: fn(&[(f64, f64)]) -> f64| {
        let (early, late) = (of(early), of(late));
        Row {
            figure: format!("{name}'s {what}, last twelfth of the time"),
            measured: format!("{late:.0}{unit}"),
            reference: format!("second twelfth {early:.0}{unit}"),
            value: late / early,
            decimals: 2,
            unit: "x",
            target: Target::AtMost(GROWTH),
        }
    };
    let memory = |looks: &[(f64, f64)]| looks.iter().map(|look| look.0).collect::<Samples>().median();
    let files = |looks: &[(f64, f64)]| looks.iter().map(|look| look.1).fold(f64::INFINITY, f64::min);
    [row("memory", " MiB", memory), row("fewest open files", "", files)]
}
