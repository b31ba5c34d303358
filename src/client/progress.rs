//! What a person sees while a file is under way: a bar and messages, on standard error only.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const BAR: &str = "{prefix}  {wide_bar} {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left";
const FINISHING: &str = "{prefix}  {spinner} {msg} ({elapsed})";
const REDRAW: Duration = Duration::from_millis(200);

/// The bar of one file, and all its clones are the same. Without a terminal there are only the messages.
#[derive(Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    name: Arc<str>,
    quiet: bool,
    /// Grows whenever something was achieved that need not be done again.
    steps: Arc<AtomicU64>,
}

impl Progress {
    /// A bar for `size` bytes. When `quiet` there is none, and no messages.
    pub(super) fn new(name: &str, size: u64, quiet: bool) -> Self {
        let shown = !quiet && stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(size), target).with_prefix(name.to_owned());
        if let Ok(style) = ProgressStyle::with_template(BAR) {
            bar.set_style(style);
        }
        Self { bar, name: name.into(), quiet, steps: Arc::default() }
    }

    /// A bar that nobody sees.
    #[cfg(test)]
    pub(super) fn hidden() -> Self {
        Self::new("test", 0, true)
    }

    /// Says something about the file.
    pub(super) fn say(&self, text: &str) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("{}: {text}", self.name));
        }
    }

    /// So many bytes were there already; they do not count for the speed.
    pub(super) fn skip(&self, bytes: u64) {
        self.bar.set_position(bytes);
        self.bar.reset_eta();
    }

    /// So many bytes have been moved.
    pub(super) fn moved(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    /// So many bytes must be moved again.
    pub(super) fn lost(&self, bytes: u64) {
        self.bar.dec(bytes);
    }

    /// Something was achieved.
    pub(super) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// How much was achieved.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// All bytes are moved; what is left has no known length.
    pub(super) fn finishing(&self, doing: &'static str) {
        if let Ok(style) = ProgressStyle::with_template(FINISHING) {
            self.bar.set_style(style);
        }
        self.bar.set_message(doing);
        self.bar.enable_steady_tick(REDRAW);
    }

    /// Leaves the terminal as it was.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
