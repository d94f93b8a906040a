//! How much one client may have at a time: connections, questions a second by tier, how many users there may be, and who it
//! is (D 4: business module).
//!
//! A key is known by its hash alone; the hash of what a client sends is looked up, so nothing is compared byte by byte
//! with a secret.

use crate::{
    config::{Limits, UserConfig},
    oidc::{Oidc, OidcFault},
};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter, clock::Clock};
use sha3::{Digest, Sha3_256};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
    /// A user with a key.
    User(String),
    /// A subject of the OpenID provider.
    Subject(String),
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
    /// A token that is not good: 401.
    Token,
    /// Who sent a token cannot be told at the moment: 503.
    Unready,
    /// As many users as there may be: 503 with the time to wait.
    Crowded(Duration),
}

/// Users that asked something lately: at most so many at a time.
#[derive(Debug)]
pub struct Online {
    seen: Mutex<BTreeMap<Client, Instant>>,
    most: usize,
    window: Duration,
}

impl Online {
    /// Nobody yet.
    pub fn new(limits: &Limits) -> Self {
        let window = Duration::from_secs(limits.online_s);
        Self { seen: Mutex::default(), most: limits.users_online, window }
    }

    /// Counts a user at a time.
    ///
    /// # Errors
    /// [`Denied::Crowded`] when it would be one too many.
    pub fn enter(&self, user: &Client, now: Instant) -> Result<(), Denied> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = seen.get_mut(user) {
            *last = now;
            return Ok(());
        }
        if seen.len() >= self.most {
            seen.retain(|_, last| now.saturating_duration_since(*last) < self.window);
        }
        if seen.len() >= self.most {
            let oldest = seen.values().min().map_or(Duration::ZERO, |last| now.saturating_duration_since(*last));
            return Err(Denied::Crowded(self.window.saturating_sub(oldest)));
        }
        seen.insert(user.clone(), now);
        Ok(())
    }

    /// How many there are at a time.
    pub fn count(&self, now: Instant) -> usize {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, last| now.saturating_duration_since(*last) < self.window);
        seen.len()
    }
}

/// Users, tiers and their rates.
#[derive(Debug)]
pub struct Gate {
    anonymous: Rate,
    tiers: BTreeMap<String, Rate>,
    users: BTreeMap<Vec<u8>, (String, String)>,
    oidc: Option<Oidc>,
    online: Online,
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
    /// Users and tiers of a checked configuration; the provider whose tokens are taken.
    pub fn new(limits: &Limits, users: &[UserConfig], oidc: Option<Oidc>) -> Self {
        let rate = |tier: &crate::config::Tier| (tier.name.clone(), Rate::new(tier.per_second, tier.burst));
        let user = |user: &UserConfig| {
            let hash = hex::decode(&user.key_sha3).unwrap_or_default();
            (hash, (user.name.clone(), user.tier.clone()))
        };
        Self {
            anonymous: Rate::new(limits.per_second, limits.burst),
            tiers: limits.tiers.iter().map(rate).collect(),
            users: users.iter().map(user).collect(),
            oidc,
            online: Online::new(limits),
        }
    }

    /// Lets a request in: gives the name of its tier, for metrics and the audit log.
    ///
    /// # Errors
    /// [`Denied`].
    pub async fn admit(&self, address: IpAddr, authorization: Option<&str>) -> Result<&str, Denied> {
        let anonymous = Client::Address(quota_key(address));
        let Some(authorization) = authorization else {
            return self.anonymous.check(&anonymous).map(|()| ANONYMOUS);
        };
        match self.identify(authorization).await {
            Ok((client, tier)) => {
                let (tier, rate) = self.tiers.get_key_value(tier.as_str()).ok_or(Denied::Forbidden)?;
                rate.check(&client)?;
                self.online.enter(&client, Instant::now()).map(|()| tier.as_str())
            }
            // Guessing keys is limited as everything else of this address.
            Err(denied) => Err(self.anonymous.check(&anonymous).err().unwrap_or(denied)),
        }
    }

    /// Who sends a header, and its tier.
    async fn identify(&self, authorization: &str) -> Result<(Client, String), Denied> {
        let sent = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let sent = sent.map(|(_, sent)| sent.trim()).ok_or(Denied::Unknown)?;
        let hash = Sha3_256::digest(sent.as_bytes()).to_vec();
        if let Some((name, tier)) = self.users.get(&hash) {
            return Ok((Client::User(name.clone()), tier.clone()));
        }
        let oidc = self.oidc.as_ref().filter(|_| sent.contains('.')).ok_or(Denied::Unknown)?;
        match oidc.identify(sent).await {
            Ok(identity) => Ok((Client::Subject(identity.subject), identity.tier)),
            Err(OidcFault::NoKeys) => Err(Denied::Unready),
            Err(OidcFault::Token(fault)) => {
                tracing::debug!(%fault, "a token is not good");
                Err(Denied::Token)
            }
        }
    }

    /// Users that asked something lately.
    pub fn online(&self) -> usize {
        self.online.count(Instant::now())
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
        Gate::new(&limits, &[user("a", "key-a", "gold"), user("b", "key-b", "closed")], None)
    }

    #[tokio::test]
    async fn each_tier_has_its_own_rate() {
        let (gate, here) = (gate(), IpAddr::from([192, 0, 2, 1]));
        assert_eq!(gate.admit(here, None).await, Ok(ANONYMOUS));
        assert_eq!(gate.admit(here, None).await, Ok(ANONYMOUS));
        assert!(matches!(gate.admit(here, None).await, Err(Denied::TooMany(wait)) if wait <= Duration::from_secs(1)));
        assert_eq!(gate.admit(IpAddr::from([192, 0, 2, 2]), None).await, Ok(ANONYMOUS));
        for _ in 0..3 {
            assert_eq!(gate.admit(here, Some("Bearer key-a")).await, Ok("gold"));
        }
        assert!(matches!(gate.admit(here, Some("bearer key-a")).await, Err(Denied::TooMany(_))));
        assert_eq!(gate.admit(here, Some("Bearer key-b")).await, Err(Denied::Forbidden));
    }

    #[tokio::test]
    async fn guessing_keys_is_limited() {
        let (gate, here) = (gate(), IpAddr::from([192, 0, 2, 3]));
        assert_eq!(gate.admit(here, Some("Bearer wrong")).await, Err(Denied::Unknown));
        assert_eq!(gate.admit(here, Some("Basic key-a")).await, Err(Denied::Unknown));
        assert!(matches!(gate.admit(here, Some("Bearer key-c")).await, Err(Denied::TooMany(_))));
    }

    #[test]
    fn users_online_are_counted_until_they_are_gone() {
        let online = Online::new(&Limits { users_online: 2, online_s: 10, ..Limits::default() });
        let (start, user) = (Instant::now(), |name: &str| Client::User(name.into()));
        let at = |s: u64| start + Duration::from_secs(s);
        assert!(online.enter(&user("a"), at(0)).is_ok() && online.enter(&Client::Subject("a".into()), at(2)).is_ok());
        assert_eq!(online.enter(&user("b"), at(4)), Err(Denied::Crowded(Duration::from_secs(6))));
        // Who is there may stay, and is not counted twice.
        assert!(online.enter(&user("a"), at(5)).is_ok());
        assert_eq!((online.enter(&user("b"), at(12)), online.count(at(12))), (Ok(()), 2));
        assert_eq!(online.count(at(30)), 0);
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
