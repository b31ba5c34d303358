//! Jobs: rows in the database that a worker takes under a lease.

use std::time::Duration;

use rand::RngExt;
use uuid::Uuid;

use super::JobId;

/// The first pause after a failed attempt; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// A job that a worker holds.
#[derive(Debug, Clone)]
pub struct ClaimedJob {
    /// Its identifier.
    pub id: JobId,
    /// Its kind, a name from the list in `jobs`.
    pub kind: String,
    /// What it is about: a file's or an upload's identifier, by kind.
    pub subject: Uuid,
    /// How often it was claimed since it was queued or asked for anew, this time included.
    pub attempts: i64,
    /// Counts the claims of this row. Every write of a worker names it, so that one that was frozen past
    /// its lease can change nothing.
    pub epoch: i64,
    /// The trace of the request that made the job, as a `traceparent` (W3C Trace Context section 3.2).
    pub trace_id: String,
}

impl ClaimedJob {
    /// Whether a worker had it before, and may have left something behind. Its attempts do not tell: they are counted
    /// anew when it is given back or asked for again.
    #[must_use]
    pub fn was_begun_before(&self) -> bool {
        self.epoch > 1
    }
}

/// A job to be inserted.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its identifier.
    pub id: JobId,
    /// Its kind, a name from the list in `jobs`.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Uuid,
    /// The trace of the request that makes it, as a `traceparent`.
    pub trace_id: String,
}

/// The pause before attempt `attempts + 1`: 1 s, 2 s, 4 s … 5 min, each shortened by up to a quarter at
/// random, so that jobs which failed together do not come back together.
#[must_use]
pub fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    pause.mul_f64(rand::rng().random_range(0.75..=1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_up_to_five_minutes() {
        for (attempts, seconds) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (1_000, 300)] {
            let pause = backoff(attempts).as_secs_f64();
            let full = f64::from(seconds);
            assert!((full * 0.75..=full).contains(&pause), "attempt {attempts}: {pause} s");
        }
    }
}
