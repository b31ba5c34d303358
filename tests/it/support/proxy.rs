//! A door between two parts of a deployment, which lets everything through until a test breaks it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

const BLOCK: usize = 64 * 1024;

/// What happens to the connections through a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// They are cut, and no new one comes about.
    Shut,
    /// Whatever passes is late by so much.
    Latency(Duration),
    /// What is written as a whole arrives in pieces of so many bytes.
    Slices(usize),
    /// Each is reset after a number of bytes that the seed chooses, `most` at the most.
    Resets { seed: u64, most: usize },
    /// Nothing passes, and nobody is told.
    BlackHole,
    /// Requests arrive, and each is reset when its answer comes.
    LostAnswers,
    /// A bit of the last of these bytes arrives as its opposite wherever a request or an answer has them.
    Flips(&'static [u8]),
    /// The same, but only where they come first.
    FlipsOnce(&'static [u8]),
    /// What is sent by connections with smaller numbers waits; they are numbered from 0.
    Older(u64),
}

pub struct Proxy {
    pub port: u16,
    fault: Arc<watch::Sender<Fault>>,
    seen: Arc<Seen>,
}

/// What came about at a door.
#[derive(Default)]
struct Seen {
    connections: AtomicU64,
    /// Those that held something back and are not over.
    held: AtomicU64,
}

impl Proxy {
    /// An open door to this address.
    pub async fn to(address: impl Into<String>) -> Self {
        let (listener, address) = (TcpListener::bind("127.0.0.1:0").await.expect("a free port"), address.into());
        let port = listener.local_addr().unwrap().port();
        let (fault, seen) = (Arc::new(watch::Sender::new(Fault::None)), Arc::<Seen>::default());
        tokio::spawn({
            let (state, seen) = (Arc::clone(&fault), Arc::clone(&seen));
            async move {
                loop {
                    let (inside, _) = listener.accept().await.expect("a connection");
                    let number = seen.connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(pass(inside, address.clone(), Arc::clone(&state), number, Arc::clone(&seen)));
                }
            }
        });
        Self { port, fault, seen }
    }

    /// Holds back what is sent by connections that are there; later ones pass it.
    pub fn hold(&self) {
        self.set(Fault::Older(self.seen.connections.load(Ordering::SeqCst)));
    }

    /// How many connections held something back, and are not over.
    pub fn held(&self) -> u64 {
        self.seen.held.load(Ordering::SeqCst)
    }

    /// Breaks the door, or mends it.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// What is broken now.
    pub fn fault(&self) -> Fault {
        *self.fault.borrow()
    }

    /// Cuts all connections and lets no new one through.
    pub fn shut(&self) {
        self.set(Fault::Shut);
    }

    pub fn open(&self) {
        self.set(Fault::None);
    }
}

async fn pass(mut inside: TcpStream, address: String, state: Arc<watch::Sender<Fault>>, number: u64, seen: Arc<Seen>) {
    if *state.borrow() == Fault::Shut {
        return;
    }
    let Ok(mut outside) = TcpStream::connect(address).await else { return };
    let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
    let mut shut = state.subscribe();
    let cut = {
        let (mut from_client, mut to_client) = inside.split();
        let (mut from_server, mut to_server) = outside.split();
        let requests = pump(&mut from_client, &mut to_server, &state, number, Some(&seen));
        let answers = pump(&mut from_server, &mut to_client, &state, number, None);
        tokio::select! {
            // What was held back counts until the answers end too.
            passed = async { tokio::try_join!(requests, answers) } => passed.is_err(),
            _ = shut.wait_for(|fault| *fault == Fault::Shut) => false,
        }
    };
    if cut {
        // A reset instead of an orderly end.
        let _ = (inside.set_zero_linger(), outside.set_zero_linger());
    }
}

/// A connection that holds something back, or has.
struct Held<'s>(&'s Seen);

impl<'s> Held<'s> {
    fn by(seen: &'s Seen) -> Self {
        seen.held.fetch_add(1, Ordering::SeqCst);
        Self(seen)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Hands on what comes, as the fault of the moment wants it: requests where it is noted what is seen of them, else
/// answers. An error when the connection is to be reset; else what counts until the connection is over.
async fn pump<'s>(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    faults: &watch::Sender<Fault>,
    number: u64,
    requests: Option<&'s Seen>,
) -> std::io::Result<Option<Held<'s>>> {
    let reset = || Err(std::io::ErrorKind::ConnectionReset.into());
    let (answers, mut held, mut state) = (requests.is_none(), None, faults.subscribe());
    let (mut block, mut passed) = (vec![0; BLOCK], 0);
    loop {
        let length = from.read(&mut block).await?;
        if length == 0 {
            return to.shutdown().await.map(|()| held);
        }
        let fault = *state.borrow();
        match fault {
            Fault::Shut => return reset(),
            Fault::LostAnswers if answers => return reset(),
            Fault::Latency(late) => sleep(late).await,
            Fault::BlackHole => drop(state.wait_for(|fault| *fault != Fault::BlackHole).await),
            Fault::Resets { seed, most } => {
                let limit = StdRng::seed_from_u64(seed ^ (number << 1) ^ u64::from(answers)).random_range(0..most);
                if passed + length > limit {
                    to.write_all(&block[..limit.saturating_sub(passed).min(length)]).await?;
                    return reset();
                }
            }
            Fault::Slices(size) => {
                for slice in block[..length].chunks(size) {
                    to.write_all(slice).await?;
                    tokio::task::yield_now().await;
                }
                passed += length;
                continue;
            }
            Fault::Flips(bytes) | Fault::FlipsOnce(bytes) => {
                if let Some(place) = block[..length].windows(bytes.len()).position(|window| window == bytes) {
                    block[place + bytes.len() - 1] ^= 1;
                    faults.send_if_modified(|now| {
                        matches!(now, Fault::FlipsOnce(_)) && {
                            *now = Fault::None;
                            true
                        }
                    });
                }
            }
            Fault::Older(first) if number < first => {
                held = held.or_else(|| requests.map(Held::by));
                drop(state.wait_for(|fault| !matches!(fault, Fault::Older(_))).await);
            }
            Fault::None | Fault::LostAnswers | Fault::Older(_) => {}
        }
        to.write_all(&block[..length]).await?;
        passed += length;
    }
}
