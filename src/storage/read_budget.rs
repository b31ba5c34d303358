//! How much memory one of many reads may take: few downloads shall be fast, and a crowd of them shall fit into memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What all reads together take, about.
const BUDGET: usize = 16 * 1024 * 1024;
/// The least that a read may take at a time.
const LEAST: usize = 16 * 1024;
/// The most that a read may take at a time; more makes it no faster.
const MOST: usize = 256 * 1024;

/// The reads of one store.
#[derive(Debug, Default)]
pub(super) struct ReadBudget(Arc<AtomicUsize>);

/// A read that is under way.
#[derive(Debug)]
pub(super) struct Read(Arc<AtomicUsize>);

impl ReadBudget {
    /// Begins a read, which is under way until what this returns is dropped.
    pub(super) fn begin(&self) -> Read {
        self.0.fetch_add(1, Ordering::Relaxed);
        Read(Arc::clone(&self.0))
    }
}

impl Read {
    /// How many bytes this read may take at a time now.
    pub(super) fn share(&self) -> usize {
        (BUDGET / self.0.load(Ordering::Relaxed).max(1)).clamp(LEAST, MOST)
    }
}

impl Drop for Read {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_reads_take_much_and_many_take_little() {
        let budget = ReadBudget::default();
        let first = budget.begin();
        assert_eq!(first.share(), MOST);
        let crowd: Vec<Read> = (0..999).map(|_| budget.begin()).collect();
        assert!(first.share() * 1000 <= BUDGET);
        drop(crowd);
        assert_eq!(first.share(), MOST);
    }
}
