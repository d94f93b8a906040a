//! The smallest contract: a number that everyone may raise.
#![cfg_attr(target_arch = "wasm32", no_std)]

use althing_sdk::prelude::*;

/// Counts.
#[contract(name = "counter", state_version = 1, events(Raised))]
pub struct Counter {
    total: Value<u64>,
}

/// The number was raised.
#[derive(Event)]
pub struct Raised {
    /// Who raised it.
    #[topic]
    pub by: PublicKey,
    /// The new number.
    pub total: u64,
}

/// Why a call is refused.
#[derive(ContractError)]
pub enum Fail {
    /// Raising by nothing changes nothing.
    #[code(1)]
    Nothing,
    /// The number would not fit.
    #[code(2)]
    TooLarge,
}

#[contract_api]
impl Counter {
    /// Raises the number and gives the new one.
    #[call]
    fn add(&mut self, cx: &mut Ctx, amount: u64) -> Result<u64, Fail> {
        ensure!(amount > 0, Fail::Nothing);
        let total = self.total.get().unwrap_or(0).checked_add(amount).ok_or(Fail::TooLarge)?;
        self.total.put(&total);
        cx.emit(Raised { by: cx.signer(), total });
        Ok(total)
    }

    /// The number.
    #[view]
    fn total(&self) -> u64 {
        self.total.get().unwrap_or(0)
    }
}
