//! Good transactions that were lost with the bad ones: which of them are packed again, and what they then write.
//!
//! A transaction counts as lost when it failed, and would not have failed without the organisation's transactions. It
//! is executed once more, in the order of the chain, with its signer's rights and its block's time, on the repaired
//! present state: so the contract's own rules hold for what it writes. When it then writes a key that a later
//! good transaction wrote too, the order of the two may matter. It does not where both orders end in the same value,
//! as with a number that both raise; where it does, the transaction is left to whoever sent it.

use super::compute::{Histories, Place, Replay, Stop, Undone, is_restorable};
use crate::{outcome::BlockContext, overlay::Overlay};
use althing_types::{
    hash::Hash, organisation::KeyEntry, receipt::Status, remediation::LeftReason, transaction::Transaction,
};
use std::collections::{BTreeMap, BTreeSet};

/// A good transaction that was lost.
pub(super) struct Lost {
    pub(super) place: Place,
    pub(super) hash: Hash,
    pub(super) transaction: Transaction,
    /// Whose key signed it, then.
    pub(super) member: Option<KeyEntry>,
    pub(super) block: BlockContext,
}

/// What is to be written, and what becomes of the lost ones.
pub(super) struct Packed {
    pub(super) writes: Undone,
    pub(super) packed: Vec<(Place, Hash)>,
    pub(super) left: Vec<(Place, Hash, LeftReason)>,
}

/// Executes the lost transactions on the repaired state. `actual` is the present state, `other` what the chain would be
/// without the bad transactions.
pub(super) fn repackage(
    replay: &Replay<'_>,
    actual: &Overlay<'_>,
    other: &Overlay<'_>,
    undone: &Undone,
    keys: &Histories,
    lost: Vec<Lost>,
) -> Result<Packed, Stop> {
    let governor = replay.governor(actual)?;
    let mut overtaken: BTreeSet<Place> = BTreeSet::new();
    loop {
        replay.go_on()?;
        let mut repaired = Overlay::noting(actual);
        for (key, (value, _)) in undone {
            repaired.write_key(key.clone(), value.clone());
        }
        repaired.finish_transaction();
        repaired.take_written();
        let mut written: BTreeMap<Place, BTreeSet<Vec<u8>>> = BTreeMap::new();
        for one in lost.iter().filter(|one| !overtaken.contains(&one.place)) {
            let runner = replay.runner(&one.block, governor.as_ref());
            let receipt = runner.perform(&mut repaired, &one.transaction, one.hash, one.member.clone())?;
            let own = repaired.take_written();
            if receipt.status == Status::Succeeded {
                written.insert(one.place, own);
            }
        }
        let before = overtaken.len();
        for (place, own) in &written {
            if in_the_way(&repaired, other, keys, *place, own, governor.as_ref())? {
                overtaken.insert(*place);
            }
        }
        // Without those the others may do other things: once more, until nobody is overtaken.
        if overtaken.len() > before {
            continue;
        }
        let mut out = Packed { writes: undone.clone(), packed: Vec::new(), left: Vec::new() };
        for one in &lost {
            match written.get(&one.place) {
                Some(own) => {
                    out.packed.push((one.place, one.hash));
                    for key in own {
                        out.writes.insert(key.clone(), (repaired.read_key(key)?, one.hash));
                    }
                }
                None => {
                    let late = overtaken.contains(&one.place);
                    let reason = if late { LeftReason::Overtaken } else { LeftReason::Fails };
                    out.left.push((one.place, one.hash, reason));
                }
            }
        }
        return Ok(out);
    }
}

/// Whether a lost transaction writes what it may not: a governing contract's key, or one that a later good transaction
/// wrote, with another value than both in their right order would have left.
fn in_the_way(
    repaired: &Overlay<'_>,
    other: &Overlay<'_>,
    keys: &Histories,
    place: Place,
    own: &BTreeSet<Vec<u8>>,
    governor: Option<&althing_types::id::ContractId>,
) -> Result<bool, Stop> {
    for key in own {
        if !is_restorable(key, governor) {
            return Ok(true);
        }
        let later = keys.get(key).and_then(|history| history.good.as_ref()).is_some_and(|good| good.place > place);
        if later && repaired.read_key(key)? != other.read_key(key)? {
            return Ok(true);
        }
    }
    Ok(false)
}
