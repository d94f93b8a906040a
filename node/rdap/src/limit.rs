//! How much one client may have at a time: connections, questions a second by tier, and who it is (D 4: business module).
//!
//! A key is known by its hash alone; the hash of what a client sends is looked up, so nothing is compared byte by byte
//! with a secret.

use crate::config::{Limits, UserConfig};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use sha3::{Digest, Sha3_256};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Most clients of one tier that are remembered between two cleanings.
const MAX_CLIENTS: usize = 65_536;
/// Name of the tier of those without key.
pub const ANONYMOUS: &str = "anonymous";

/// The part of an address that limits count by: one IPv4 address, or one IPv6 network of 64 bits.
pub fn quota_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Client {
    /// Somebody without key.
    Address(IpAddr),
    /// A user.
    User(String),
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The key is unknown: 401.
    Unknown,
    /// Its tier may ask nothing: 403.
    Forbidden,
    /// Too many questions: 429 with the time to wait.
    TooMany(Duration),
}

/// Users, tiers and their rates.
#[derive(Debug)]
pub struct Gate {
    anonymous: Rate,
    tiers: BTreeMap<String, Rate>,
    users: BTreeMap<Vec<u8>, (String, String)>,
}

#[derive(Debug)]
struct Rate(Option<DefaultKeyedRateLimiter<Client>>);

impl Rate {
    fn new(per_second: u32, burst: u32) -> Self {
        let quota = NonZeroU32::new(per_second).map(Quota::per_second);
        Self(
            quota.map(|quota| {
                RateLimiter::keyed(NonZeroU32::new(burst).map_or(quota, |burst| quota.allow_burst(burst)))
            }),
        )
    }

    fn check(&self, client: &Client) -> Result<(), Denied> {
        let Some(limiter) = &self.0 else { return Err(Denied::Forbidden) };
        if limiter.len() > MAX_CLIENTS {
            limiter.retain_recent();
        }
        limiter.check_key(client).map_err(|until| Denied::TooMany(until.wait_time_from(limiter.clock().now())))
    }
}

impl Gate {
    /// Users and tiers of a checked configuration.
    pub fn new(limits: &Limits, users: &[UserConfig]) -> Self {
        let rate = |tier: &crate::config::Tier| (tier.name.clone(), Rate::new(tier.per_second, tier.burst));
        let user = |user: &UserConfig| {
            let hash = hex::decode(&user.key_sha3).unwrap_or_default();
            (hash, (user.name.clone(), user.tier.clone()))
        };
        Self {
            anonymous: Rate::new(limits.per_second, limits.burst),
            tiers: limits.tiers.iter().map(rate).collect(),
            users: users.iter().map(user).collect(),
        }
    }

    /// Lets a request in: gives the name of its tier, for metrics and the audit log.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn admit(&self, address: IpAddr, authorization: Option<&str>) -> Result<&str, Denied> {
        let anonymous = Client::Address(quota_key(address));
        let Some(authorization) = authorization else {
            return self.anonymous.check(&anonymous).map(|()| ANONYMOUS);
        };
        let key = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash = key.map(|(_, key)| Sha3_256::digest(key.trim().as_bytes()).to_vec());
        match hash.and_then(|hash| self.users.get(&hash)) {
            Some((name, tier)) => {
                let rate = self.tiers.get(tier).ok_or(Denied::Forbidden)?;
                rate.check(&Client::User(name.clone())).map(|()| tier.as_str())
            }
            // Guessing keys is limited as everything else of this address.
            None => Err(self.anonymous.check(&anonymous).err().unwrap_or(Denied::Unknown)),
        }
    }

    /// Forgets clients that have not asked for a while.
    pub fn clean(&self) {
        for limiter in self.tiers.values().chain([&self.anonymous]).filter_map(|rate| rate.0.as_ref()) {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

/// At most so many connections at a time, in total and of one address.
#[derive(Clone, Debug)]
pub struct Slots {
    counts: Arc<Mutex<(u32, BTreeMap<IpAddr, u32>)>>,
    total: u32,
    per_address: u32,
}

/// A connection's slot; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Slots,
    address: IpAddr,
}

impl Slots {
    /// Slots by the limits.
    pub fn new(limits: &Limits) -> Self {
        let (total, per_address) = (limits.connections, limits.connections_per_address);
        Self { counts: Arc::default(), total, per_address }
    }

    /// Takes a slot; `None` when a limit is reached.
    pub fn take(&self, address: IpAddr) -> Option<Slot> {
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

    /// Connections at the moment.
    pub fn held(&self) -> u32 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).0
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Tier;

    fn gate() -> Gate {
        let tier = |name: &str, per_second| Tier { name: name.into(), per_second, burst: 3 };
        let limits =
            Limits { per_second: 1, burst: 2, tiers: vec![tier("gold", 1), tier("closed", 0)], ..Limits::default() };
        let user = |name: &str, key: &str, tier: &str| UserConfig {
            name: name.into(),
            key_sha3: hex::encode(Sha3_256::digest(key.as_bytes())),
            tier: tier.into(),
        };
        Gate::new(&limits, &[user("a", "key-a", "gold"), user("b", "key-b", "closed")])
    }

    #[test]
    fn each_tier_has_its_own_rate() {
        let (gate, here) = (gate(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(gate.admit(here, None), Ok(ANONYMOUS));
        assert_eq!(gate.admit(here, None), Ok(ANONYMOUS));
        assert!(matches!(gate.admit(here, None), Err(Denied::TooMany(wait)) if wait <= Duration::from_secs(1)));
        assert_eq!(gate.admit(IpAddr::from([192, 0, 2, 2]), None), Ok(ANONYMOUS));
        for _ in 0..3 {
            assert_eq!(gate.admit(here, Some("Bearer key-a")), Ok("gold"));
        }
        assert!(matches!(gate.admit(here, Some("bearer key-a")), Err(Denied::TooMany(_))));
        assert_eq!(gate.admit(here, Some("Bearer key-b")), Err(Denied::Forbidden));
    }

    #[test]
    fn guessing_keys_is_limited() {
        let (gate, here) = (gate(), IpAddr::from([192, 0, 2, 3]));
        assert_eq!(gate.admit(here, Some("Bearer wrong")), Err(Denied::Unknown));
        assert_eq!(gate.admit(here, Some("Basic key-a")), Err(Denied::Unknown));
        assert!(matches!(gate.admit(here, Some("Bearer key-c")), Err(Denied::TooMany(_))));
    }

    #[test]
    fn connections_are_counted_and_given_back() {
        let slots = Slots::new(&Limits { connections: 3, connections_per_address: 2, ..Limits::default() });
        let (a, b) = (IpAddr::from([1, 1, 1, 1]), "2001:db8::1".parse().unwrap());
        let first = slots.take(a);
        let _second = slots.take(a).unwrap();
        assert!(slots.take(a).is_none());
        let _third = slots.take(b).unwrap();
        assert!(slots.take(b).is_none());
        drop(first);
        assert!(slots.take("2001:db8::2".parse().unwrap()).is_some());
        assert_eq!(quota_key("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
