//! The brake: how much one organisation, and all together, changed lately, and whether one change more is too much.
//!
//! What was changed is kept for each eighth of the window, so that a change counts for the window's length at least and
//! an eighth longer at most.

use crate::{Refusal, change::Checked, rules::small, state::DomainRecords};
use althing_interface::domain_records::{
    RecordsError,
    held::{Brake, EXPIRY_MS, HoldSettings, MAX_WINDOW_BLOCKS, Tally, TallyPart, WINDOW_PARTS},
};
use althing_sdk::prelude::*;

/// Blocks of a part of the window.
fn width(window_blocks: u64) -> u64 {
    window_blocks.div_ceil(WINDOW_PARTS as u64).max(1)
}

/// Whether a part may hold changes of the window that ends now.
const fn counts(part: &TallyPart, width: u64, window_blocks: u64, now: u64) -> bool {
    part.from.0.saturating_add(width).saturating_add(window_blocks) > now
}

/// What was changed within the window that ends now.
pub(crate) fn lately(tally: &Tally, window_blocks: u64, now: Height) -> u32 {
    let width = width(window_blocks);
    let parts = tally.parts.iter().filter(|part| counts(part, width, window_blocks, now.0));
    parts.fold(0, |sum, part| sum.saturating_add(part.changes))
}

/// A tally with so many changes more. What is too old goes; parts that are too many after the window was made longer are
/// joined to later ones, so that nothing is forgotten too early.
pub(crate) fn with(tally: Tally, changes: u32, window_blocks: u64, now: Height) -> Tally {
    let width = width(window_blocks);
    let from = Height(now.0.saturating_sub(now.0.checked_rem(width).unwrap_or_default()));
    let mut parts = tally.parts.into_vec();
    parts.retain(|part| counts(part, width, window_blocks, now.0));
    match parts.last_mut().filter(|part| part.from >= from) {
        Some(part) => part.changes = part.changes.saturating_add(changes),
        None => parts.push(TallyPart { from, changes }),
    }
    while parts.len() > WINDOW_PARTS.saturating_add(2) {
        let oldest = parts.remove(0);
        if let Some(next) = parts.first_mut() {
            next.changes = next.changes.saturating_add(oldest.changes);
        }
    }
    Tally { parts: List::new(parts).unwrap_or_default() }
}

/// Checks settings.
pub(crate) fn check(settings: &HoldSettings) -> Result<(), RecordsError> {
    let refuse = |field, value, rule| Err(RecordsError::Setting { field, value, rule });
    if !(1..=100).contains(&settings.share_percent) {
        return refuse("share_percent", settings.share_percent.into(), "1 to 100 are allowed");
    }
    if !EXPIRY_MS.contains(&settings.expiry_ms) {
        return refuse("expiry_ms", settings.expiry_ms, "one second to 365 days, in milliseconds, are allowed");
    }
    if !(1..=MAX_WINDOW_BLOCKS).contains(&settings.window_blocks) {
        return refuse("window_blocks", settings.window_blocks, "1 to 10,000,000 blocks are allowed");
    }
    Ok(())
}

impl DomainRecords {
    /// When changes wait.
    pub(crate) fn settings(&self) -> HoldSettings {
        self.hold_settings.get().unwrap_or_default()
    }

    /// Sets when changes wait.
    pub(crate) fn put_settings(&mut self, cx: &mut Ctx, settings: HoldSettings) -> Result<(), Refusal> {
        check(&settings)?;
        if self.settings() != settings {
            self.hold_settings.put(&settings);
            cx.emit(althing_interface::domain_records::held::HoldSettingsChanged { settings });
        }
        Ok(())
    }

    /// Delegations and hosts that a change alters. Hosts that go with their last user are not counted.
    pub(crate) fn altered(&self, checked: &Checked) -> u32 {
        let hosts = checked.hosts.iter().filter(|(host, addresses)| self.hosts.get(host) != *addresses).count();
        small(hosts).saturating_add(u32::from(checked.old != checked.new))
    }

    /// The brake that a change of so many delegations and hosts would meet.
    pub(crate) fn brake(&self, cx: &Ctx, organisation: &OrganisationId, altered: u32) -> Brake {
        let HoldSettings { changes, zone_changes, window_blocks, .. } = self.settings();
        let beyond = |limit: u32, tally: Option<Tally>| {
            let before = tally.map_or(0, |tally| lately(&tally, window_blocks, cx.height()));
            before.saturating_add(altered) > limit
        };
        if altered == 0 {
            Brake::Off
        } else if changes > 0 && beyond(changes, self.tallies.get(organisation)) {
            Brake::Organisation
        } else if zone_changes > 0 && beyond(zone_changes, self.zone_tally.get()) {
            Brake::Zone
        } else {
            Brake::Off
        }
    }

    /// Counts what a registry changed, while there is a brake.
    pub(crate) fn tally(&mut self, cx: &Ctx, organisation: &OrganisationId, altered: u32) {
        let HoldSettings { changes, zone_changes, window_blocks, .. } = self.settings();
        if altered == 0 || (changes == 0 && zone_changes == 0) {
            return;
        }
        let own = self.tallies.get(organisation).unwrap_or_default();
        self.tallies.put(organisation, &with(own, altered, window_blocks, cx.height()));
        let zone = self.zone_tally.get().unwrap_or_default();
        self.zone_tally.put(&with(zone, altered, window_blocks, cx.height()));
    }
}
