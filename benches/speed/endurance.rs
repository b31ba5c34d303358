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
use crate::machine::Machine;
use crate::process::Usage;
use crate::samples::{Samples, real};
use crate::service;
use crate::table::{Row, Target};
use crate::transfer::{MIB, Payload};

/// How long all is used at the most before anything counts, but no longer than the load lasts. A store may begin late to do
/// what it was asked for: Garage deletes bytes ten minutes after their object, and takes fewer requests from then on.
const SETTLING: Duration = Duration::from_mins(12);
/// How long the peak is looked for before each part of the time, but no longer than the part lasts; the first third does
/// not count. A machine that is shared takes now more and now less: four fifths of what it took an hour ago may be more
/// than all that it takes now, and then it is the line that is measured, and not the service.
const PEAK: Duration = Duration::from_mins(1);
/// How many callers look for it.
const CALLERS: usize = 16;
const SHARE: f64 = 0.8;
/// The parts of the time that are compared with the first one.
const PARTS: usize = 12;
const LOOK: Duration = Duration::from_secs(1);
const GROWTH: f64 = 1.05;
/// How much of the first peak every later one must be: what is lost by and by is not only the machine's.
const STEADY: f64 = 0.5;
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
        let mut times = self.times.get(part)?.clone();
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
    /// The part of the time in which he comes.
    part: usize,
}

impl Visitor {
    fn new(bench: &Bench, address: SocketAddr, book: &Arc<Mutex<Book>>, part: usize) -> Self {
        Self { address, payload: bench.payload.clone(), book: Arc::clone(book), part }
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
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds")]
        let time = (begun.elapsed().as_secs_f64() * 1e3) as f32;
        lock(&self.book).times[self.part].push(time);
        Ok(answer)
    }
}

fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The full deployment under load for `minutes`, beside those in which it is asked how much it takes.
pub async fn load(bench: &Bench, minutes: u32) -> Result<Vec<Row>> {
    let garage = Garage::start(bench.folder()).await?;
    let deployment = Deployment::full(bench.folder(), &garage).await?;
    let worker = deployment.worker.as_ref().context("the full deployment has a worker")?;
    let time = Duration::from_secs(u64::from(minutes) * 60);
    let part = time / u32::try_from(PARTS).unwrap_or(u32::MAX);
    let settled = peak(bench, deployment.address, SETTLING.min(time)).await?;
    eprintln!("endurance: {settled:.1} visits/s at the most at first; {minutes} minutes at four fifths of the most");
    let (book, mut peaks) = (Arc::<Mutex<Book>>::default(), Vec::new());
    let mut watch = Watch::begin([deployment.api.usage(), worker.usage()])?;
    for number in 0..PARTS {
        let peak = peak(bench, deployment.address, PEAK.min(part)).await?;
        peaks.push(peak);
        watch.next(&lock(&book))?;
        let visitor = Visitor::new(bench, deployment.address, &book, number);
        tokio::select! {
            sent = paced(visitor, peak * SHARE, part) => sent?,
            failed = watch.look() => failed?,
        }
        watch.tell(number, peak, &lock(&book))?;
    }
    let mut rows = answers(&lock(&book), &peaks, minutes)?;
    for (name, looks) in ["API", "worker"].into_iter().zip(&watch.looks) {
        rows.extend(growth(name, looks));
    }
    Ok(rows)
}

/// Visits a second that the service takes when it is asked as fast as it answers.
async fn peak(bench: &Bench, address: SocketAddr, time: Duration) -> Result<f64> {
    let (visitor, begun) = (Visitor::new(bench, address, &Arc::default(), 0), Instant::now());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let visitor = visitor.clone();
        callers.spawn(async move {
            let mut number = caller;
            while begun.elapsed() < time {
                visitor.clone().visit(number).await;
                number += 1;
            }
        });
    }
    tokio::time::sleep(time / 3).await;
    let (settled, before) = (begun.elapsed(), lock(&visitor.book).visits);
    callers.join_all().await;
    let (elapsed, book) = (begun.elapsed(), lock(&visitor.book));
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
    let (mut number, begun) = (0, Instant::now());
    while begun.elapsed() < time {
        ticks.tick().await;
        number += 1;
        let waiting = {
            let mut book = lock(&visitor.book);
            book.begun += 1;
            book.begun - book.visits
        };
        if waiting > MOST_WAITING {
            let waiting = lock(&visitor.book).waiting.clone();
            bail!("{MOST_WAITING} visitors are waiting, which is too much after {:?}: {waiting:?}", begun.elapsed());
        }
        visits.spawn(visitor.clone().visit(number));
        while visits.try_join_next().is_some() {}
    }
    visits.join_all().await;
    Ok(())
}

/// Memory in MiB and open files, look by look, in each part of the time.
type Looks = Vec<Vec<(f64, f64)>>;

/// One who watches API and worker, and the machine.
struct Watch {
    processes: [Usage; 2],
    looks: [Looks; 2],
    machine: Machine,
    cpu_seconds: f64,
    visits: usize,
}

impl Watch {
    fn begin(processes: [Usage; 2]) -> Result<Self> {
        let looks = [Looks::new(), Looks::new()];
        Ok(Self { processes, looks, machine: Machine::watch()?, cpu_seconds: 0.0, visits: 0 })
    }

    /// A part of the time begins.
    fn next(&mut self, book: &Book) -> Result<()> {
        self.looks.iter_mut().for_each(|looks| looks.push(Vec::new()));
        (self.machine, self.cpu_seconds, self.visits) = (Machine::watch()?, self.cpu_seconds()?, book.visits);
        Ok(())
    }

    /// Looks until it is dropped, or something cannot be seen.
    async fn look(&mut self) -> Result<()> {
        loop {
            self.machine.look();
            for (usage, looks) in self.processes.iter().zip(&mut self.looks) {
                let seen = (usage.memory_mib()?, usage.open_files()?);
                looks.last_mut().context("no part has begun")?.push(seen);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Says how the part went, next to how fast the machine was.
    fn tell(&mut self, part: usize, peak: f64, book: &Book) -> Result<()> {
        let (cpu, (work, stolen), [api, worker]) = (self.cpu_seconds()?, self.machine.report()?, &self.processes);
        eprintln!(
            "endurance: part {} of {PARTS} at {:.1} visits/s: p99 {:.1} ms, {} failed; API {:.0} MiB, {} files, worker {:.0} \
             MiB, {} files, both {:.2} ms of CPU a visit; the machine: {work:.0} us for a fixed piece of work, {stolen:.1} s \
             stolen",
            part + 1,
            peak * SHARE,
            book.p99(part).unwrap_or_default(),
            book.failures.len(),
            api.memory_mib()?,
            api.open_files()?,
            worker.memory_mib()?,
            worker.open_files()?,
            (cpu - self.cpu_seconds) * 1e3 / real((book.visits - self.visits).max(1)),
        );
        Ok(())
    }

    fn cpu_seconds(&self) -> Result<f64> {
        self.processes.iter().map(Usage::cpu_seconds).sum()
    }
}

fn answers(book: &Book, peaks: &[f64], minutes: u32) -> Result<Vec<Row>> {
    let failed = book.failures.len();
    for failure in book.failures.iter().take(5) {
        eprintln!("endurance: {failure}");
    }
    let p99: Option<Vec<f64>> = (0..PARTS).map(|part| book.p99(part)).collect();
    let p99 = p99.context("a part of the time without an answer")?;
    let worst = p99.iter().copied().fold(0.0, f64::max);
    let (first, lowest) = (peaks[0], peaks.iter().copied().fold(f64::INFINITY, f64::min));
    Ok(vec![
        Row {
            figure: format!("{minutes} minutes at four fifths of the peak, failed"),
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
        Row {
            figure: "peak, lowest twelfth of the time".to_owned(),
            measured: format!("{lowest:.1} visits/s"),
            reference: format!("first twelfth {first:.1} visits/s"),
            value: lowest / first,
            decimals: 2,
            unit: "x",
            target: Target::AtLeast(STEADY),
        },
    ])
}

/// How much larger the last twelfth of the looks is than the second, when everything has been used once. Of open files the
/// fewest count: more of them are there with more visitors, and what is never closed is among the fewest too.
fn growth(name: &str, looks: &Looks) -> [Row; 2] {
    let (early, late) = (&looks[1], &looks[PARTS - 1]);
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
