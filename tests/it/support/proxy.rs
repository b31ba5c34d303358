//! A door between two parts of a deployment, which lets everything through until a test breaks it.

use std::sync::Arc;
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
    /// A bit of these bytes arrives as its opposite wherever a request has them.
    Flips(&'static [u8]),
}

pub struct Proxy {
    pub port: u16,
    fault: Arc<watch::Sender<Fault>>,
}

impl Proxy {
    /// An open door to this address.
    pub async fn to(address: impl Into<String>) -> Self {
        let (listener, address) = (TcpListener::bind("127.0.0.1:0").await.expect("a free port"), address.into());
        let port = listener.local_addr().unwrap().port();
        let (fault, state) = watch::channel(Fault::None);
        tokio::spawn(async move {
            for number in 0.. {
                let (inside, _) = listener.accept().await.expect("a connection");
                tokio::spawn(pass(inside, address.clone(), state.clone(), number));
            }
        });
        Self { port, fault: Arc::new(fault) }
    }

    /// Breaks the door, or mends it.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Cuts all connections and lets no new one through.
    pub fn shut(&self) {
        self.set(Fault::Shut);
    }

    pub fn open(&self) {
        self.set(Fault::None);
    }
}

async fn pass(mut inside: TcpStream, address: String, state: watch::Receiver<Fault>, number: u64) {
    if *state.borrow() == Fault::Shut {
        return;
    }
    let Ok(mut outside) = TcpStream::connect(address).await else { return };
    let _ = (inside.set_nodelay(true), outside.set_nodelay(true));
    let mut shut = state.clone();
    let cut = {
        let (mut from_client, mut to_client) = inside.split();
        let (mut from_server, mut to_server) = outside.split();
        let requests = pump(&mut from_client, &mut to_server, state.clone(), number, false);
        let answers = pump(&mut from_server, &mut to_client, state, number, true);
        tokio::select! {
            passed = async { tokio::try_join!(requests, answers) } => passed.is_err(),
            _ = shut.wait_for(|fault| *fault == Fault::Shut) => false,
        }
    };
    if cut {
        // A reset instead of an orderly end.
        let _ = (inside.set_zero_linger(), outside.set_zero_linger());
    }
}

/// Hands on what comes, as the fault of the moment wants it; an error when the connection is to be reset.
async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    mut state: watch::Receiver<Fault>,
    number: u64,
    answers: bool,
) -> std::io::Result<()> {
    let reset = || Err(std::io::ErrorKind::ConnectionReset.into());
    let (mut block, mut passed) = (vec![0; BLOCK], 0);
    loop {
        let length = from.read(&mut block).await?;
        if length == 0 {
            return to.shutdown().await;
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
            Fault::Flips(bytes) if !answers => {
                if let Some(place) = block[..length].windows(bytes.len()).position(|window| window == bytes) {
                    block[place] ^= 1;
                }
            }
            Fault::None | Fault::LostAnswers | Fault::Flips(_) => {}
        }
        to.write_all(&block[..length]).await?;
        passed += length;
    }
}
