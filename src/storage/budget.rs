//! How much memory one of many transfers may take: few of them shall be fast, and a crowd of them shall fit into memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What all transfers of a kind share.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    under_way: Arc<AtomicUsize>,
    /// What all together take, about, in bytes.
    total: usize,
    /// The least that one may take at a time.
    least: usize,
    /// The most that one may take at a time; more makes it no faster.
    most: usize,
}

/// A transfer that is under way.
#[derive(Debug)]
pub(super) struct Share(Budget);

impl Budget {
    /// For reads.
    pub(super) fn of_reads() -> Self {
        Self::new(16 * MIB, 16 * KIB, 256 * KIB)
    }

    /// For writes to a disk, where small ones cost many times the CPU of the network path.
    pub(super) fn of_writes() -> Self {
        Self::new(64 * MIB, 64 * KIB, 512 * KIB)
    }

    fn new(total: usize, least: usize, most: usize) -> Self {
        Self { under_way: Arc::default(), total, least, most }
    }

    /// Begins a transfer, which is under way until what this returns is dropped.
    pub(super) fn begin(&self) -> Share {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        Share(self.clone())
    }
}

impl Share {
    /// How many bytes this transfer may take at a time now.
    pub(super) fn bytes(&self) -> usize {
        let Budget { under_way, total, least, most } = &self.0;
        (total / under_way.load(Ordering::Relaxed).max(1)).clamp(*least, *most)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_take_much_and_many_take_little() {
        for budget in [Budget::of_reads(), Budget::of_writes()] {
            let first = budget.begin();
            assert_eq!(first.bytes(), budget.most);
            let crowd: Vec<Share> = (0..999).map(|_| budget.begin()).collect();
            assert!(first.bytes() * 1000 <= budget.total);
            drop(crowd);
            assert_eq!(first.bytes(), budget.most);
        }
    }
}
