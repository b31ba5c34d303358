//! How often something is tried, and how long is waited in between.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::problem::Problem;
use super::progress::Progress;

/// The longest wait that a service can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// How patient the client is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    /// How many tries in a row may fail while nothing moves on.
    pub(super) tries: u32,
    /// The first wait; each further one is twice as long.
    pub(super) first_wait: Duration,
    /// The longest wait.
    pub(super) longest_wait: Duration,
    /// How long a connection may do nothing.
    pub(super) stall: Duration,
}

impl Default for Policy {
    /// About a minute in all.
    fn default() -> Self {
        Self {
            tries: 8,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(20),
            stall: Duration::from_mins(1),
        }
    }
}

impl Policy {
    /// How long to wait after the failure number `failures` (from 1); `None` is not to try again.
    /// `jitter` from 0 to 1 keeps many clients from coming back at the same moment.
    fn wait(&self, failures: u32, problem: &Problem, jitter: f64) -> Option<Duration> {
        if !problem.passes() || failures >= self.tries {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1 << (failures - 1).min(16));
        let wait = doubled.min(self.longest_wait).mul_f64(0.75 + jitter / 2.0);
        Some(problem.retry_after().map_or(wait, |asked| asked.min(MAX_RETRY_AFTER).max(wait)))
    }
}

/// Tries things again, and says why. Shared by all that works on one file: while one chunk gets through, the others do
/// not give up.
pub(super) struct Patience<'p> {
    policy: Policy,
    progress: &'p Progress,
    said: Mutex<Option<(u32, String)>>,
}

impl<'p> Patience<'p> {
    /// Patience that speaks through this progress.
    pub(super) fn new(policy: Policy, progress: &'p Progress) -> Self {
        Self { policy, progress, said: Mutex::new(None) }
    }

    /// Does the work until it is done, or trying again is of no use.
    ///
    /// # Errors
    /// The last one of the work.
    pub(super) async fn insist<T>(&self, work: impl AsyncFn() -> Result<T, Problem>) -> Result<T, Problem> {
        let mut steps = self.progress.steps();
        let mut failures = 0;
        loop {
            let problem = match work().await {
                Ok(done) => return Ok(done),
                Err(problem) => problem,
            };
            let now = self.progress.steps();
            failures = if now == steps { failures + 1 } else { 1 };
            steps = now;
            let Some(wait) = self.policy.wait(failures, &problem, rand::random()) else {
                return Err(problem);
            };
            self.say(failures, &problem, wait);
            tokio::time::sleep(wait).await;
        }
    }

    /// Says a thing once, though all chunks under way suffer from it.
    fn say(&self, failures: u32, problem: &Problem, wait: Duration) {
        let now = (failures, problem.to_string());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref() != Some(&now) {
            self.progress.say(&format!("{problem}; trying again in {:.1} s", wait.as_secs_f64()));
            *said = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn unreachable() -> Problem {
        Problem::Unreachable("down".to_owned())
    }

    fn busy(seconds: u64) -> Problem {
        let retry_after = Some(Duration::from_secs(seconds));
        Problem::Refused { status: 503, message: String::new(), retry_after }
    }

    #[test]
    fn the_wait_doubles_up_to_the_longest_and_all_waits_are_about_a_minute() {
        let policy = Policy::default();
        let waits: Vec<_> = (1..8).map(|n| policy.wait(n, &unreachable(), 0.5).unwrap().as_secs_f64()).collect();
        assert_eq!(waits, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0]);
        assert_eq!(policy.wait(8, &unreachable(), 0.5), None);
    }

    #[test]
    fn jitter_stays_within_a_quarter() {
        let wait = |jitter| Policy::default().wait(2, &unreachable(), jitter).unwrap().as_secs_f64();
        assert_eq!((wait(0.0), wait(1.0)), (0.75, 1.25));
    }

    #[test]
    fn the_service_says_how_long_to_wait_within_limits() {
        let wait = |seconds| Policy::default().wait(1, &busy(seconds), 0.5).unwrap();
        assert_eq!(wait(7), Duration::from_secs(7));
        assert_eq!(wait(0), Duration::from_millis(500));
        assert_eq!(wait(86_400), MAX_RETRY_AFTER);
    }

    #[test]
    fn what_does_not_pass_is_not_tried_again() {
        assert_eq!(Policy::default().wait(1, &Problem::UnknownUpload, 0.5), None);
    }

    #[tokio::test(start_paused = true)]
    async fn progress_elsewhere_renews_the_tries() {
        let progress = Progress::hidden();
        let tried = Cell::new(0);
        let fail_until = |limit, moves: bool| {
            tried.set(0);
            let (progress, tried) = (&progress, &tried);
            async move || {
                tried.set(tried.get() + 1);
                if moves {
                    progress.step();
                }
                if tried.get() == limit { Ok(()) } else { Err(unreachable()) }
            }
        };
        let patience = Patience::new(Policy::default(), &progress);
        patience.insist(fail_until(30, true)).await.unwrap();
        assert_eq!(tried.get(), 30);
        patience.insist(fail_until(30, false)).await.unwrap_err();
        assert_eq!(tried.get(), 8);
    }
}
