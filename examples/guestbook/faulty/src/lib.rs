//! A version 2 of the guest book that goes wrong when somebody wants it to, for trying out upgrades.
//!
//! Its migration traps at an entry that says `trap`, and its invariant is broken by one that says `lie`. With neither it
//! does what version 2 does, and lists all entries anew, a part at a time.
#![cfg_attr(target_arch = "wasm32", no_std)]

use althing_sdk::prelude::*;

/// Entries that are listed in one step of the migration.
const PART: usize = 256;

/// A guest book.
#[contract(name = "guestbook", state_version = 2, events(Written))]
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
    /// When it was written, in milliseconds since 1970; nothing for entries of version 1.
    pub written_ms: Option<u64>,
}

/// One entry of version 1.
#[derive(Wire, Clone, Debug, PartialEq, Eq)]
pub struct OldEntry {
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
        let id = self.next.get().unwrap_or(EntryId(0));
        self.next.put(&EntryId(id.0 + 1));
        let entry = Entry { organisation: organisation.clone(), text, written_ms: Some(cx.time_ms()) };
        self.entries.put(&id, &entry);
        self.by_organisation.add(&organisation, &id);
        cx.emit(Written { organisation, id });
        Ok(id)
    }

    /// One entry.
    #[view]
    fn entry(&self, id: EntryId) -> Option<Entry> {
        self.entries.get(&id)
    }

    /// No entry tells a lie. For so many entries as an invariant can look at.
    #[invariant]
    fn nobody_lies(&self) -> bool {
        self.entries.iter().take(PART).all(|(_, entry)| entry.text.as_str() != "lie")
    }

    /// Entries of version 1 knew no time.
    #[migrate(from = 1)]
    fn add_time(old: OldEntry) -> Entry {
        assert!(old.text.as_str() != "trap", "an entry says trap");
        Entry { organisation: old.organisation, text: old.text, written_ms: None }
    }

    /// Lists the entries after a place anew; gives the place to which it came when there are more.
    #[migrate(from = 1)]
    fn list_anew(&mut self, at: Option<EntryId>) -> Option<EntryId> {
        let rest = match at {
            Some(last) => self.entries.iter_after(&last),
            None => self.entries.iter(),
        };
        let mut last = None;
        for (id, entry) in rest.take(PART) {
            self.by_organisation.add(&entry.organisation, &id);
            last = Some(id);
        }
        last
    }
}
