//! A load balancer as they are found in front of services: it asks each node whether it is ready, and sends new
//! connections to one that is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::interval;

/// How often nodes are asked.
const INTERVAL: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
struct Node {
    address: String,
    ready: bool,
}

pub struct Balancer {
    pub port: u16,
    nodes: Arc<Mutex<Vec<Node>>>,
}

impl Balancer {
    /// One in front of no node yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().unwrap().port();
        let nodes = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(watch(Arc::clone(&nodes)));
        let shared = Arc::clone(&nodes);
        tokio::spawn(async move {
            for number in 0.. {
                let (inside, _) = listener.accept().await.expect("a connection");
                tokio::spawn(pass(inside, Arc::clone(&shared), number));
            }
        });
        Self { port, nodes }
    }

    /// Asks this node too from now on.
    pub fn add(&self, address: String) {
        self.nodes.lock().unwrap().push(Node { address, ready: false });
    }

    /// Forgets a node.
    pub fn remove(&self, address: &str) {
        self.nodes.lock().unwrap().retain(|node| node.address != address);
    }

    /// Whether so many nodes are ready.
    pub fn has_ready(&self, count: usize) -> bool {
        self.nodes.lock().unwrap().iter().filter(|node| node.ready).count() == count
    }
}

async fn watch(nodes: Arc<Mutex<Vec<Node>>>) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut ticks = interval(INTERVAL);
    loop {
        ticks.tick().await;
        let asked = nodes.lock().unwrap().clone();
        for node in asked {
            let answer = client.get(format!("http://{}/health/ready", node.address)).send().await;
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            let mut nodes = nodes.lock().unwrap();
            if let Some(node) = nodes.iter_mut().find(|other| other.address == node.address) {
                node.ready = ready;
            }
        }
    }
}

/// Passes a connection on to a node that is ready.
async fn pass(mut inside: TcpStream, nodes: Arc<Mutex<Vec<Node>>>, number: usize) {
    let ready: Vec<Node> = nodes.lock().unwrap().iter().filter(|node| node.ready).cloned().collect();
    let Some(node) = number.checked_rem(ready.len()).map(|at| &ready[at]) else { return };
    if let Ok(mut outside) = TcpStream::connect(&node.address).await {
        let _ = copy_bidirectional(&mut inside, &mut outside).await;
    }
}
