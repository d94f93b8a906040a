//! The guest book as it was first deployed: entries without a time. Version 2 migrates its state.
#![cfg_attr(target_arch = "wasm32", no_std)]

use althing_sdk::prelude::*;

/// A guest book.
#[contract(name = "guestbook", state_version = 1, events(Written))]
pub struct Guestbook {
    /// Entries by their number.
    #[key(1)]
    entries: Map<EntryId, Entry>,
    /// Which organisation wrote which entries.
    #[key(2)]
    by_organisation: Index<OrganisationId, EntryId>,
    /// Number of the next entry.
    #[key(3)]
    next: Value<EntryId>,
    /// The book's title.
    #[key(4)]
    title: Value<Text<64>>,
}

/// Number of an entry, from 0.
#[derive(Wire, Key, Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryId(pub u64);

/// One entry.
#[derive(Wire, Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub organisation: OrganisationId,
    /// What it says.
    pub text: Text<280>,
}

/// An entry was written.
#[derive(Event)]
pub struct Written {
    /// Who wrote it.
    #[topic]
    pub organisation: OrganisationId,
    /// Its number.
    pub id: EntryId,
}

/// Why a call is refused.
#[derive(ContractError, Debug)]
pub enum Fail {
    /// Only keys of a member organisation may write.
    #[code(1)]
    NoOrganisation,
    /// An entry must say something.
    #[code(2)]
    Empty,
}

#[contract_api]
impl Guestbook {
    /// Opens the book under a title.
    #[init]
    fn open_book(&mut self, title: Text<64>) {
        self.title.put(&title);
        self.next.put(&EntryId(0));
    }

    /// Writes an entry and gives its number.
    #[call]
    fn write(&mut self, cx: &mut Ctx, text: Text<280>) -> Result<EntryId, Fail> {
        let organisation = cx.organisation().ok_or(Fail::NoOrganisation)?;
        ensure!(!text.is_empty(), Fail::Empty);
        let id = self.next.get().unwrap_or(EntryId(0));
        self.next.put(&EntryId(id.0 + 1));
        self.entries.put(&id, &Entry { organisation: organisation.clone(), text });
        self.by_organisation.add(&organisation, &id);
        cx.emit(Written { organisation, id });
        Ok(id)
    }

    /// One entry.
    #[view]
    fn entry(&self, id: EntryId) -> Option<Entry> {
        self.entries.get(&id)
    }
}
