//! A contract in the place of `domain_records` and `registrations`: it keeps images.

use althing_interface::root_sync::{self, Outcome, TldImage};
use althing_sdk::prelude::*;

/// Keeps images.
#[contract(name = "stub", state_version = 1, events(Told))]
pub struct Stub {
    images: Map<DomainName, TldImage>,
    much: Value<bool>,
}

/// Something.
#[derive(Event)]
pub struct Told {
    number: u64,
}

#[contract_api]
impl Stub {
    /// A change of this chain's own.
    #[call]
    fn change(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Option<u64> {
        self.images.put(&tld, &image);
        let sync = ContractId::new(root_sync::ID).unwrap();
        cx.call(&sync, "changed", &(tld, image)).unwrap()
    }

    /// From now on changes that are brought emit many events.
    #[call]
    fn tell_much(&mut self) {
        self.much.put(&true);
    }

    /// As `domain_records` has it.
    #[call]
    fn apply_synced(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Outcome {
        self.take(cx, &tld, &image)
    }

    /// As `registrations` has it.
    #[call]
    fn apply_root(&mut self, cx: &mut Ctx, image: TldImage) -> Outcome {
        self.take(cx, &DomainName::parse("lab").unwrap(), &image)
    }

    /// The image.
    #[view]
    fn image(&self, tld: DomainName) -> Option<TldImage> {
        self.images.get(&tld)
    }
}

impl Stub {
    fn take(&mut self, cx: &mut Ctx, tld: &DomainName, image: &TldImage) -> Outcome {
        if self.much.get().unwrap_or(false) {
            (0..100).for_each(|number| cx.emit(Told { number }));
        }
        self.images.put(tld, image);
        Outcome::Applied
    }
}
