//! The brake: a zone that shrinks too much, or cannot be served, is held until a human releases it.
//!
//! ```text
//!   reading --fits--> published
//!      '--too small--> held, alarm.json written --`release` with the alarm's token--> published
//! ```
//! A smaller zone than the one held raises a new alarm, so a release is for what was looked at. A zone that fits again
//! is published, and the alarm ends. An alarm for content that cannot be served cannot be released.

use crate::{
    error::{Result, ZoneFault},
    store,
};
use althing_types::hash::sha3_256;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{ErrorKind, Write},
    path::Path,
};

/// Name of the file that tells of an alarm.
pub const ALARM_FILE: &str = "alarm.json";
/// Name of the file that releases one: it holds the token.
pub const RELEASE_FILE: &str = "release";

/// When a zone is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BrakeConfig {
    /// Delegations that may be lost within the window, in percent of the most that were served in it; 100 lets any pass.
    pub shrink_percent: u8,
    /// The window in hours: what is lost bit by bit counts together.
    pub window_h: u32,
    /// Fewest delegations that are ever served without release.
    pub minimum: u32,
}

impl Default for BrakeConfig {
    fn default() -> Self {
        Self { shrink_percent: 10, window_h: 24, minimum: 0 }
    }
}

/// Why a zone is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alarm {
    /// The zone.
    pub zone: String,
    /// What is wrong.
    pub reason: String,
    /// Whether a human may release it.
    pub releasable: bool,
    /// What releases it.
    pub token: String,
    /// Serial that is served on.
    pub serving: u32,
    /// Height of the zone that is held.
    pub height: u64,
    /// Most delegations served within the window.
    pub before: u32,
    /// Delegations of the zone that is held.
    pub after: u32,
}

impl BrakeConfig {
    /// Whether a number of delegations may follow; the most that were served within the window are `before`.
    pub fn allows(&self, before: u32, after: u32) -> bool {
        let kept = 100u64.saturating_sub(u64::from(self.shrink_percent));
        let wanted = u64::from(before).saturating_mul(kept);
        u64::from(after).saturating_mul(100) >= wanted && after >= self.minimum
    }
}

impl Alarm {
    /// An alarm; its token depends on the zone, what is served and how much is left.
    pub fn new(zone: &str, reason: String, releasable: bool, serving: u32, height: u64, counts: (u32, u32)) -> Self {
        let (before, after) = counts;
        let about = format!("{zone} {serving} {after} {releasable}");
        let token = sha3_256(about.as_bytes()).to_string().chars().take(16).collect();
        Self { zone: zone.into(), reason, releasable, token, serving, height, before, after }
    }

    /// Writes the alarm into the zone's state folder.
    ///
    /// # Errors
    /// [`ZoneFault`] 201.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        store::replace(&folder.join(ALARM_FILE), |out| out.write_all(&text)).map(|_| ())
    }

    /// Reads the alarm of a state folder.
    ///
    /// # Errors
    /// [`ZoneFault`] 201.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let file = folder.join(ALARM_FILE);
        match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|e| ZoneFault::file("understand", file, std::io::Error::new(ErrorKind::InvalidData, e))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ZoneFault::file("read", file, error)),
        }
    }

    /// Releases the alarm: a server that holds the zone publishes it.
    ///
    /// # Errors
    /// [`ZoneFault`] 201.
    pub fn release(&self, folder: &Path) -> Result<()> {
        store::replace(&folder.join(RELEASE_FILE), |out| out.write_all(self.token.as_bytes())).map(|_| ())
    }

    /// Whether the folder holds this alarm's release.
    pub fn is_released(&self, folder: &Path) -> bool {
        self.releasable && fs::read_to_string(folder.join(RELEASE_FILE)).is_ok_and(|t| t.trim() == self.token)
    }
}

/// Removes alarm and release; what is not there needs no removal.
pub fn clear(folder: &Path) {
    for name in [ALARM_FILE, RELEASE_FILE] {
        let file = folder.join(name);
        if let Err(error) = fs::remove_file(&file)
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(file = %file.display(), %error, "cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_may_go_and_not_more() {
        let brake = BrakeConfig::default();
        assert!(brake.allows(100, 90) && brake.allows(0, 0) && brake.allows(5, 9));
        assert!(!brake.allows(100, 89) && !brake.allows(5, 4));
        assert!(brake.allows(1_458, 1_313) && !brake.allows(1_458, 1_312));
        let strict = BrakeConfig { shrink_percent: 0, minimum: 7, ..brake };
        assert!(strict.allows(10, 10) && !strict.allows(10, 9) && !strict.allows(0, 6));
        assert!(BrakeConfig { shrink_percent: 100, ..brake }.allows(100, 0));
    }

    #[test]
    fn a_release_is_for_one_alarm_only() {
        let folder = tempfile::tempdir().unwrap();
        let alarm = |after| Alarm::new("lab.", "shrinks".into(), true, 7, 9, (100, after));
        let (one, other) = (alarm(50), alarm(40));
        one.write(folder.path()).unwrap();
        assert_eq!(Alarm::read(folder.path()).unwrap(), Some(one.clone()));
        assert!(!one.is_released(folder.path()));
        one.release(folder.path()).unwrap();
        assert!(one.is_released(folder.path()) && !other.is_released(folder.path()));
        let never = Alarm { releasable: false, ..one.clone() };
        assert!(!never.is_released(folder.path()));
        clear(folder.path());
        assert!(Alarm::read(folder.path()).unwrap().is_none() && !one.is_released(folder.path()));
    }
}
