//! From where a request comes.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The other end of a request's connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// From where a request comes: its peer, or whom a trusted proxy names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin(pub(super) IpAddr);

/// The proxies whose word counts.
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedProxies(Arc<[IpNet]>);

impl TrustedProxies {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.into())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Each proxy adds its own peer at the end of `X-Forwarded-For`; what stands before the first address that is no
    /// trusted proxy's, anybody may have written.
    pub(super) fn origin(&self, Peer(peer): Peer, headers: &HeaderMap) -> Origin {
        let mut origin = peer.to_canonical();
        if !self.trusts(origin) {
            return Origin(origin);
        }
        let lines: Vec<&str> = headers.get_all(FORWARDED_FOR).iter().map(text).collect();
        for entry in lines.join(",").rsplit(',') {
            let Some(address) = address(entry.trim()) else { break };
            origin = address;
            if !self.trusts(origin) {
                break;
            }
        }
        Origin(origin)
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let parsed = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    parsed.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(trusted: &str, peer: &str, lines: &[&str]) -> String {
        let networks: Vec<IpNet> = trusted.split_whitespace().map(|network| network.parse().unwrap()).collect();
        let headers = lines.iter().map(|line| (FORWARDED_FOR, line.parse().unwrap())).collect();
        TrustedProxies::new(&networks).origin(Peer(peer.parse().unwrap()), &headers).0.to_string()
    }

    #[test]
    fn only_a_trusted_proxys_word_counts() {
        assert_eq!(origin("", "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(origin("10.0.0.0/8", "192.0.2.1", &["198.51.100.1"]), "192.0.2.1");
        assert_eq!(origin("10.0.0.0/8", "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(origin("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(origin("10.0.0.0/8", "::ffff:10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
    }

    #[test]
    fn what_the_client_made_up_does_not_count() {
        let both = "10.0.0.0/8 2001:db8::/32";
        assert_eq!(origin(both, "10.0.0.1", &["127.0.0.1, 198.51.100.1, 10.0.0.2"]), "198.51.100.1");
        assert_eq!(origin(both, "10.0.0.1", &["127.0.0.1", "198.51.100.1:80, 2001:db8::7"]), "198.51.100.1");
        assert_eq!(origin(both, "10.0.0.1", &["198.51.100.1, nonsense, 10.0.0.2"]), "10.0.0.2");
        assert_eq!(origin(both, "10.0.0.1", &[""]), "10.0.0.1");
    }
}
