//! Contract `load`: the call that `althing bench` measures with. It is part of no chain but the benchmark's.
//!
//! One call reads one key, writes three of about a hundred bytes and emits one event: a light but honest transaction.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

use althing_sdk::prelude::*;

/// The state.
#[contract(name = "load", state_version = 1, events(Recorded))]
pub struct Load {
    /// Calls of each key.
    calls: Map<PublicKey, u64>,
    /// Last note of each key.
    latest: Map<PublicKey, Bytes<128>>,
    /// Last note of each slot.
    slots: Map<u32, Bytes<128>>,
}

/// A note was recorded.
#[derive(Event)]
pub struct Recorded {
    /// By whom.
    #[topic]
    pub by: PublicKey,
    /// In which slot.
    pub slot: u32,
    /// Calls of this key, this one included.
    pub calls: u64,
}

/// Why a call is refused.
#[derive(ContractError)]
pub enum Fail {
    /// The note is empty.
    #[code(1)]
    Empty,
}

#[contract_api]
impl Load {
    /// Records a note.
    #[call]
    fn record(&mut self, cx: &mut Ctx, slot: u32, note: Bytes<128>) -> Result<u64, Fail> {
        ensure!(!note.is_empty(), Fail::Empty);
        let by = cx.signer();
        let calls = self.calls.get(&by).unwrap_or(0).saturating_add(1);
        self.calls.put(&by, &calls);
        self.latest.put(&by, &note);
        self.slots.put(&slot, &note);
        cx.emit(Recorded { by, slot, calls });
        Ok(calls)
    }

    /// Calls of a key so far.
    #[view]
    fn calls(&self, key: PublicKey) -> u64 {
        self.calls.get(&key).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_sdk::testing::{Net, Org};

    #[ledger_test]
    fn each_call_counts(net: Net) {
        let org = Org::new("a", &[]);
        let load = net.deploy::<Load>(org);
        load.by(org).record(1, Bytes::new(vec![7; 100]).unwrap()).gives(1);
        load.by(org).record(2, Bytes::new(vec![7; 100]).unwrap()).gives(2);
        load.by(org).record(2, Bytes::default()).fails_with(Fail::Empty);
        load.by(org).calls(org.key()).gives(2);
    }
}
