//! A door between the service and a server that can be shut: what is behind it is away then.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Gate {
    pub port: u16,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// An open door to this address.
    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            loop {
                let (inside, _) = listener.accept().await.expect("a connection");
                tokio::spawn(pass(inside, address.clone(), state.clone()));
            }
        });
        Self { port, open: Arc::new(open) }
    }

    /// Cuts all connections and lets no new one through.
    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(mut inside: TcpStream, address: String, mut state: watch::Receiver<bool>) {
    if !*state.borrow_and_update() {
        return;
    }
    let Ok(mut outside) = TcpStream::connect(address).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut inside, &mut outside) => {}
        _ = state.wait_for(|open| !open) => {}
    }
}
