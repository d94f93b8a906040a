//! Token buckets: how much of something a peer may do. Pure; time is passed in.

use crate::config::Quota;
use std::time::{Duration, Instant};

/// A bucket that may go into debt: what is taken is known only afterwards, and the debt is paid before the next.
#[derive(Debug)]
pub(crate) struct Bucket {
    quota: Quota,
    /// In thousandths of a token, so that short times count.
    level: i64,
    filled: Instant,
}

impl Bucket {
    pub(crate) fn new(quota: Quota, now: Instant) -> Self {
        Self { quota, level: full(quota), filled: now }
    }

    /// Takes what was used.
    pub(crate) fn take(&mut self, amount: usize, now: Instant) {
        self.fill(now);
        let amount = i64::try_from(amount).unwrap_or(i64::MAX).saturating_mul(1000);
        self.level = self.level.saturating_sub(amount);
    }

    /// How long to wait until at least one token is there; nothing when there is one.
    pub(crate) fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        if self.level >= 1000 {
            return None;
        }
        let missing = u64::try_from(1000i64.saturating_sub(self.level)).unwrap_or(0);
        // Thousandths of a token over tokens per second are milliseconds.
        let wait = missing.checked_div(u64::from(self.quota.rate)).unwrap_or(1000).saturating_add(1);
        Some(Duration::from_millis(wait))
    }

    fn fill(&mut self, now: Instant) {
        let elapsed = i64::try_from(now.saturating_duration_since(self.filled).as_millis()).unwrap_or(i64::MAX);
        if elapsed > 0 {
            self.filled = now;
            let more = elapsed.saturating_mul(i64::from(self.quota.rate));
            self.level = self.level.saturating_add(more).min(full(self.quota));
        }
    }
}

fn full(quota: Quota) -> i64 {
    i64::from(quota.burst).saturating_mul(1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_paid_before_the_next() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Quota { rate: 10, burst: 5 }, start);
        assert_eq!(bucket.wait(start), None);
        bucket.take(15, start);
        let wait = bucket.wait(start).unwrap();
        assert!(wait >= Duration::from_millis(1100), "{wait:?}");
        assert_eq!(bucket.wait(start + wait), None);
    }

    #[test]
    fn no_more_than_the_burst_is_saved() {
        let start = Instant::now();
        let mut bucket = Bucket::new(Quota { rate: 1000, burst: 2 }, start);
        let later = start + Duration::from_secs(3600);
        bucket.take(2, later);
        assert!(bucket.wait(later).is_some());
    }
}
