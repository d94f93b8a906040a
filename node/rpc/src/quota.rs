//! Counts of what one address holds at a time, and the rate at which it asks.

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The part of an address that quotas count by: one IPv4 address, or one IPv6 network of 64 bits.
pub(crate) fn quota_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// At most so many things at a time, in total and of one address.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    counts: Arc<Mutex<(u32, BTreeMap<IpAddr, u32>)>>,
    total: u32,
    per_address: u32,
}

/// One thing that is held; given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Slots,
    address: IpAddr,
}

impl Slots {
    pub(crate) fn new(total: u32, per_address: u32) -> Self {
        Self { counts: Arc::default(), total, per_address }
    }

    /// Takes a slot; `None` when a limit is reached.
    pub(crate) fn take(&self, address: IpAddr) -> Option<Slot> {
        let address = quota_key(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let held = counts.1.get(&address).copied().unwrap_or(0);
        if counts.0 >= self.total || held >= self.per_address {
            return None;
        }
        counts.0 = counts.0.saturating_add(1);
        counts.1.insert(address, held.saturating_add(1));
        Some(Slot { slots: self.clone(), address })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = self.slots.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.0 = counts.0.saturating_sub(1);
        let left = counts.1.get(&self.address).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            counts.1.remove(&self.address);
        } else {
            counts.1.insert(self.address, left);
        }
    }
}

/// Requests per second of each address.
#[derive(Debug)]
pub(crate) struct Rates(DefaultKeyedRateLimiter<IpAddr>);

/// Most addresses that are remembered between two cleanings; above it, forgotten ones are dropped at once.
const MAX_ADDRESSES: usize = 16_384;

impl Rates {
    pub(crate) fn new(per_second: u32, burst: u32) -> Self {
        let positive = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self(RateLimiter::keyed(Quota::per_second(positive(per_second)).allow_burst(positive(burst))))
    }

    /// `Err` with the time to wait when the address asks too often.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Duration> {
        if self.0.len() > MAX_ADDRESSES {
            self.0.retain_recent();
        }
        self.0.check_key(&quota_key(address)).map_err(|until| until.wait_time_from(self.0.clock().now()))
    }

    /// Forgets addresses that have not asked for a while.
    pub(crate) fn clean(&self) {
        self.0.retain_recent();
        self.0.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_counted_per_address_and_given_back() {
        let slots = Slots::new(3, 2);
        let (a, b) = (IpAddr::from([1, 1, 1, 1]), IpAddr::from([2, 2, 2, 2]));
        let first = slots.take(a).unwrap();
        let _second = slots.take(a).unwrap();
        assert!(slots.take(a).is_none());
        let _third = slots.take(b).unwrap();
        assert!(slots.take(b).is_none());
        drop(first);
        assert!(slots.take(a).is_some());
    }

    #[test]
    fn one_network_of_64_bits_is_one_client() {
        let text = |t: &str| quota_key(t.parse().unwrap());
        assert_eq!(text("2001:db8:1:2::1"), text("2001:db8:1:2:ffff::9"));
        assert_ne!(text("2001:db8:1:2::1"), text("2001:db8:1:3::1"));
        assert_eq!(text("::ffff:10.0.0.1"), text("10.0.0.1"));
    }
}
