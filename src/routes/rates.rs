//! How many requests a second one address and one credential may make of this node.

use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::errors::ApiError;
use crate::config::LimitConfig;
use crate::domain::access::Actor;
use crate::domain::{Caller, TenantId};

/// After so many requests those are forgotten who have been quiet.
const FORGET_EVERY: u32 = 1 << 16;

/// The rates of a node. Cheap to clone.
#[derive(Clone)]
pub(super) struct Rates {
    addresses: Option<Arc<Rate<IpAddr>>>,
    /// By tenant, because issuers call their subjects alike.
    credentials: Option<Arc<Rate<(TenantId, Actor)>>>,
}

impl Rates {
    pub(super) fn new(limits: &LimitConfig) -> Self {
        Self { addresses: limits.rate_per_address.map(Rate::of), credentials: limits.rate_per_key.map(Rate::of) }
    }

    /// Counts a request from this address.
    pub(super) fn check_address(&self, address: Option<IpAddr>) -> Result<(), ApiError> {
        let rate = self.addresses.as_ref().zip(address);
        rate.map_or(Ok(()), |(rate, address)| rate.check(&network(address), "an address"))
    }

    /// Counts a request of someone who shows something.
    pub(super) fn check_caller(&self, caller: &Caller) -> Result<(), ApiError> {
        match (&self.credentials, &caller.actor) {
            (None, _) | (_, Actor::Anyone | Actor::Stranger) => Ok(()),
            (Some(rate), actor) => rate.check(&(caller.tenant.clone(), actor.clone()), "a key"),
        }
    }
}

/// Whoever has an address of IPv6 has the whole network around it, of 64 bits (RFC 4291 section 2.5.1).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

struct Rate<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    a_second: NonZeroU32,
    checked: AtomicU32,
}

impl<K: Hash + Eq + Clone> Rate<K> {
    /// So many a second, and as many at once.
    fn of(a_second: NonZeroU32) -> Arc<Self> {
        let limiter = RateLimiter::keyed(Quota::per_second(a_second));
        Arc::new(Self { limiter, a_second, checked: AtomicU32::new(0) })
    }

    fn check(&self, who: &K, kind: &str) -> Result<(), ApiError> {
        if self.checked.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(who).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            let message = format!("At most {} requests a second may come from {kind}.", self.a_second);
            ApiError::too_many(&message, wait.as_secs() + 1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_is_its_network() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!((network("192.0.2.7"), network("::ffff:192.0.2.7")), ("192.0.2.7".into(), "192.0.2.7".into()));
    }

    #[test]
    fn each_has_a_rate_of_its_own() {
        let rate = Rate::of(NonZeroU32::new(2).unwrap());
        let ok = |who: &str| rate.check(&who.to_owned(), "x").is_ok();
        assert_eq!([ok("a"), ok("a"), ok("a"), ok("b")], [true, true, false, true]);
    }
}
