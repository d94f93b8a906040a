//! A contract in the place of `domain_records` and `registrations`: it keeps images, and does what a test tells it.

use althing_interface::root_sync::{self, Outcome, TldImage, Urls};
use althing_sdk::prelude::*;

/// What the contract does with what `root_sync` brings.
pub(super) const APPLY: u8 = 0;
pub(super) const HOLD: u8 = 1;
pub(super) const REFUSE: u8 = 2;
pub(super) const BREAK: u8 = 3;
pub(super) const TELL_MUCH: u8 = 4;
pub(super) const ECHO: u8 = 5;

/// Keeps images.
#[contract(name = "stub", state_version = 1, events(Told))]
pub(crate) struct Stub {
    images: Map<DomainName, TldImage>,
    mode: Value<u8>,
}

/// Something.
#[derive(Event)]
pub(crate) struct Told {
    number: u64,
}

/// Refusals.
#[derive(ContractError)]
pub(crate) enum Fail {
    /// Told to.
    #[code(7)]
    ToldTo,
    /// `root_sync` failed.
    #[code(8)]
    Sync,
}

#[contract_api]
impl Stub {
    /// A change of this chain's own.
    #[call]
    fn change(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Result<Option<u64>, Fail> {
        self.images.put(&tld, &image);
        let sync = ContractId::new(root_sync::ID).map_err(|_| Fail::Sync)?;
        cx.call(&sync, "changed", &(tld, image)).map_err(|_| Fail::Sync)
    }

    /// A bootstrap entry.
    #[call]
    fn bootstrap(&mut self, cx: &mut Ctx, tld: DomainName, urls: Urls) -> Result<Option<u64>, Fail> {
        let sync = ContractId::new(root_sync::ID).map_err(|_| Fail::Sync)?;
        cx.call(&sync, "bootstrap_changed", &(tld, urls)).map_err(|_| Fail::Sync)
    }

    /// What to do with changes that are brought.
    #[call]
    fn set_mode(&mut self, mode: u8) {
        self.mode.put(&mode);
    }

    /// As `domain_records` has it.
    #[call]
    fn apply_synced(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Result<Outcome, Fail> {
        self.take(cx, tld, image)
    }

    /// As `registrations` has it.
    #[call]
    fn apply_root(&mut self, cx: &mut Ctx, image: TldImage) -> Result<Outcome, Fail> {
        let tld = DomainName::parse("lab").map_err(|_| Fail::ToldTo)?;
        self.take(cx, tld, image)
    }

    /// The image.
    #[view]
    fn image(&self, tld: DomainName) -> Option<TldImage> {
        self.images.get(&tld)
    }
}

impl Stub {
    fn take(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Result<Outcome, Fail> {
        ensure!(cx.caller().is_some_and(|caller| caller.as_str() == root_sync::ID), Fail::ToldTo);
        match self.mode.get().unwrap_or(APPLY) {
            HOLD => return Ok(Outcome::Held),
            REFUSE => return Err(Fail::ToldTo),
            BREAK => panic!("broken"),
            TELL_MUCH => (0..100).for_each(|number| cx.emit(Told { number })),
            ECHO => {
                let sync = ContractId::new(root_sync::ID).map_err(|_| Fail::Sync)?;
                let told = cx.call::<Option<u64>>(&sync, "changed", &(tld.clone(), image.clone()));
                ensure!(told.is_err(), Fail::Sync);
            }
            _ => {}
        }
        self.images.put(&tld, &image);
        Ok(Outcome::Applied)
    }
}
