//! Sends a file's chunks, so many at a time, to whatever takes them.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use tokio::task::JoinSet;

use crate::http::{Answer, Connection, Framed};

/// One mebibyte.
pub const MIB: usize = 1024 * 1024;
/// The size of a chunk, unless something else is measured.
pub const CHUNK: usize = 10 * MIB;

/// How a chunk, by its index and length, is put into a request.
pub type Frame = Arc<dyn Fn(usize, usize) -> Framed + Send + Sync>;

/// Random bytes that all chunks are cut from, without copying. No two chunks share a block of a mebibyte: a store
/// that keeps equal blocks once would be measured writing nothing.
#[derive(Clone)]
pub struct Payload {
    bytes: Bytes,
    taken: Arc<AtomicUsize>,
}

impl Payload {
    /// New random bytes.
    pub fn new() -> Self {
        let mut bytes = vec![0; CHUNK + MIB];
        rand::fill(&mut bytes[..]);
        Self { bytes: bytes.into(), taken: Arc::default() }
    }

    /// The bytes of a chunk, at most [`CHUNK`] of them.
    pub fn chunk(&self, length: usize) -> Bytes {
        // A stride that is odd visits every offset below 2^20 before it comes to one again.
        let start = self.taken.fetch_add(1, Ordering::Relaxed).wrapping_mul(7919) % MIB;
        self.bytes.slice(start..start + length)
    }
}

/// Sends chunks of these sizes over `parallel` connections; the answers, in order, all of them 200.
pub async fn send(
    address: SocketAddr,
    frame: &Frame,
    payload: &Payload,
    sizes: &[usize],
    parallel: usize,
) -> Result<Vec<Answer>> {
    let waiting: VecDeque<_> = sizes.iter().copied().enumerate().collect();
    let waiting = Arc::new(Mutex::new(waiting));
    let mut senders = JoinSet::new();
    for _ in 0..parallel.min(sizes.len()) {
        senders.spawn(send_some(address, Arc::clone(frame), payload.clone(), Arc::clone(&waiting)));
    }
    let mut answers = Vec::new();
    while let Some(sent) = senders.join_next().await {
        answers.extend(sent.context("a sender has panicked")??);
    }
    answers.sort_by_key(|(index, _)| *index);
    Ok(answers.into_iter().map(|(_, answer)| answer).collect())
}

async fn send_some(
    address: SocketAddr,
    frame: Frame,
    payload: Payload,
    waiting: Arc<Mutex<VecDeque<(usize, usize)>>>,
) -> Result<Vec<(usize, Answer)>> {
    let mut connection = Connection::open(address).await?;
    let mut answers = Vec::new();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some((index, length)) = next else { return Ok(answers) };
        let answer = connection.send(&frame(index, length), &payload.chunk(length)).await;
        let answer = answer.and_then(|answer| answer.ok("it")).with_context(|| format!("chunk {index}"))?;
        answers.push((index, answer));
    }
}

/// A file of `size` bytes as sizes of full chunks and a rest.
pub fn in_chunks(size: usize) -> Vec<usize> {
    (0..size.div_ceil(CHUNK)).map(|index| CHUNK.min(size - index * CHUNK)).collect()
}
