//! A load of four fifths of what the service can take, for as long as is asked: whether it slows down, grows, or fails.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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

/// How long the peak is looked for, and how many callers do so.
const PEAK: Duration = Duration::from_secs(30);
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
    visits: usize,
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
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.visits += 1;
        if let Err(error) = visited {
            book.failures.push(format!("{error:#}"));
        }
    }

    /// Most files are small, some are not.
    async fn try_visit(&self, number: usize) -> Result<()> {
        let size = match number % 20 {
            0 => 6 * MIB,
            1..=4 => MIB,
            _ => 10 * 1024,
        };
        let mut connection = Connection::open(self.address).await?;
        let upload = self.timed(service::begin(&mut connection, size)).await?;
        let (request, bytes) = (service::chunk_frame(&upload)(0, size), self.payload.chunk(size));
        self.timed(connection.send(&request, &bytes)).await?.ok("a chunk")?;
        let file = self.timed(service::complete_one(&mut connection, &upload, size)).await?;
        service::until_success(&mut connection, &file).await?;
        self.timed(connection.get(&format!("/api/v1/file/get/{file}"))).await?.ok("get")?;
        let received = self.timed(connection.fetch(&format!("/api/v1/file/download/{file}"))).await?;
        self.timed(connection.delete(&format!("/api/v1/file/{file}"))).await?.ok("a deletion")?;
        if received == size { Ok(()) } else { bail!("{received} bytes instead of {size}") }
    }

    async fn timed<T>(&self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let begun = Instant::now();
        let answer = request.await?;
        let part = (self.begun.elapsed().as_secs_f64() / self.part.as_secs_f64()).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "twelve parts, milliseconds")]
        let (part, time) = (part as usize, (begun.elapsed().as_secs_f64() * 1e3) as f32);
        self.book.lock().unwrap_or_else(PoisonError::into_inner).times[part.min(PARTS - 1)].push(time);
        Ok(answer)
    }
}

/// The full deployment under load for `minutes`.
pub async fn load(bench: &Bench, minutes: u32) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let worker = deployment.worker.as_ref().context("the full deployment has a worker")?;
    let rate = peak(bench, deployment.address).await?;
    eprintln!("endurance: {rate:.1} visits/s at the most; {minutes} minutes at {:.1}", rate * SHARE);
    let time = Duration::from_secs(u64::from(minutes) * 60);
    let visitor = Visitor::new(bench, deployment.address, time);
    let book = Arc::clone(&visitor.book);
    let watching = tokio::spawn({
        let looked = [deployment.api.usage(), worker.usage()];
        async move { watch(looked, time).await }
    });
    paced(visitor, rate * SHARE, time).await?;
    let [api, worker] = watching.await.context("the one who watches has panicked")??;
    let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
    let mut rows = answers(&mut book, rate * SHARE, minutes)?;
    for (name, looks) in [("API", api), ("worker", worker)] {
        rows.extend(growth(name, &looks));
    }
    Ok(rows)
}

/// Visits a second that the service takes when it is asked as fast as it answers.
async fn peak(bench: &Bench, address: SocketAddr) -> Result<f64> {
    let visitor = Visitor::new(bench, address, PEAK);
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let visitor = visitor.clone();
        callers.spawn(async move {
            let mut number = caller;
            while visitor.begun.elapsed() < PEAK {
                visitor.clone().visit(number).await;
                number += 1;
            }
        });
    }
    callers.join_all().await;
    let (elapsed, book) = (visitor.begun.elapsed(), visitor.book.lock().unwrap_or_else(PoisonError::into_inner));
    if let Some(failure) = book.failures.first() {
        bail!("a visit failed: {failure}");
    }
    Ok(real(book.visits) / elapsed.as_secs_f64())
}

/// Sends visitors at that rate, whether or not those before are back.
async fn paced(visitor: Visitor, rate: f64, time: Duration) -> Result<()> {
    let mut ticks = interval(Duration::from_secs_f64(1.0 / rate));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let waiting = Arc::new(AtomicUsize::new(0));
    let mut visits = JoinSet::new();
    let mut number = 0;
    while visitor.begun.elapsed() < time {
        ticks.tick().await;
        number += 1;
        if waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            bail!("{MOST_WAITING} visitors are waiting: the load is too much");
        }
        let (visitor, waiting) = (visitor.clone(), Arc::clone(&waiting));
        visits.spawn(async move {
            visitor.visit(number).await;
            waiting.fetch_sub(1, Ordering::Relaxed);
        });
        while visits.try_join_next().is_some() {}
    }
    visits.join_all().await;
    Ok(())
}

/// Memory in MiB and open files, look by look.
type Looks = Vec<(f64, f64)>;

async fn watch(processes: [Usage; 2], time: Duration) -> Result<[Looks; 2]> {
    let mut looks = [Vec::new(), Vec::new()];
    let begun = Instant::now();
    while begun.elapsed() < time {
        for (usage, looks) in processes.iter().zip(&mut looks) {
            looks.push((usage.memory_mib()?, usage.open_files()?));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(looks)
}

fn answers(book: &mut Book, rate: f64, minutes: u32) -> Result<Vec<Row>> {
    let failed = book.failures.len();
    for failure in book.failures.iter().take(5) {
        eprintln!("endurance: {failure}");
    }
    let mut p99 = Vec::new();
    for times in &mut book.times {
        times.sort_by(f32::total_cmp);
        p99.push(f64::from(*times.get(times.len() * 99 / 100).context("a part of the time without an answer")?));
    }
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

/// How much larger the last twelfth of the looks is than the second, when everything has been used once.
fn growth(name: &str, looks: &Looks) -> [Row; 2] {
    let part = (looks.len() / PARTS).max(1);
    let median = |looks: &[(f64, f64)], of: fn(&(f64, f64)) -> f64| looks.iter().map(of).collect::<Samples>().median();
    let row = |what: &str, unit: &str, of: fn(&(f64, f64)) -> f64| {
        let (early, late) =
            (median(&looks[part..(2 * part).min(looks.len())], of), median(&looks[looks.len() - part..], of));
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
    [row("memory", " MiB", |look| look.0), row("open files", "", |look| look.1)]
}
