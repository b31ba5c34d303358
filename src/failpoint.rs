//! Points at which a test ends or freezes the process, safeguards that it turns off, and a clock that it moves. All of it
//! is there only with the feature `failpoints`; without it the functions are empty and the compiler removes them.

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("the feature `failpoints` is for tests and has no place in a release build");

#[cfg(feature = "failpoints")]
pub use armed::{clock_offset, is_off, reach};
#[cfg(not(feature = "failpoints"))]
pub use unarmed::{clock_offset, is_off, reach};

#[cfg(not(feature = "failpoints"))]
mod unarmed {
    use chrono::TimeDelta;

    /// Nothing happens at this point.
    #[inline]
    pub const fn reach(_: &str) {}

    /// No safeguard is off.
    #[inline]
    #[must_use]
    pub const fn is_off(_: &str) -> bool {
        false
    }

    /// The clock is the system's.
    #[inline]
    #[must_use]
    pub const fn clock_offset() -> TimeDelta {
        TimeDelta::zero()
    }
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;
    use std::{env, fs, thread};

    use chrono::TimeDelta;
    use rustix::process::{Signal, getpid, kill_process};

    /// A stop is taken by whichever thread the kernel chooses, and on a busy machine this one would go on for a while: into
    /// a transaction, or to the end of its job.
    const UNTIL_STOPPED: Duration = Duration::from_secs(1);

    /// `name@n=kill`: what happens when the process gets to `name` for the n-th time.
    struct Point {
        name: String,
        after: usize,
        signal: Option<Signal>,
        reached: AtomicUsize,
    }

    static POINT: LazyLock<Option<Point>> = LazyLock::new(|| {
        let text = env::var("FAILPOINT").ok()?;
        let (place, action) = text.split_once('=')?;
        let (name, after) = place.split_once('@')?;
        let signal = match action {
            "kill" => Some(Signal::KILL),
            "stop" => Some(Signal::STOP),
            _ => None,
        };
        Some(Point { name: name.to_owned(), after: after.parse().ok()?, signal, reached: AtomicUsize::new(0) })
    });

    /// Kills or freezes this process when `FAILPOINT` names this point, or panics.
    ///
    /// # Panics
    /// When `FAILPOINT` says so.
    pub fn reach(name: &str) {
        let Some(point) = POINT.as_ref().filter(|point| point.name == name) else { return };
        if point.reached.fetch_add(1, Ordering::SeqCst) + 1 != point.after {
            return;
        }
        tracing::warn!(name, "failpoint");
        match point.signal {
            Some(signal) => {
                // It cannot fail: the process is its own.
                let _ = kill_process(getpid(), signal);
                thread::sleep(UNTIL_STOPPED);
            }
            None => panic!("failpoint {name}"),
        }
    }

    /// Whether `SAFEGUARD_OFF` names this safeguard: a test shows that it is needed.
    #[must_use]
    pub fn is_off(safeguard: &str) -> bool {
        static OFF: LazyLock<Option<String>> = LazyLock::new(|| env::var("SAFEGUARD_OFF").ok());
        OFF.as_deref() == Some(safeguard)
    }

    /// By how much the clock is wrong: the seconds in the file that `CLOCK_OFFSET_FILE` names.
    #[must_use]
    pub fn clock_offset() -> TimeDelta {
        static FILE: LazyLock<Option<String>> = LazyLock::new(|| env::var("CLOCK_OFFSET_FILE").ok());
        let seconds = FILE.as_ref().and_then(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
        TimeDelta::seconds(seconds.unwrap_or(0))
    }
}
