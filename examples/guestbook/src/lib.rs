//! A guest book: everyone writes entries, finds those of an organisation, and a registry takes entries down.
//!
//! It shows a map, an index, events, numbered errors, a role, an initialiser with an argument, paging, an invariant, and a
//! migration: version 1 ([`v1`]) had no time in its entries.
#![cfg_attr(target_arch = "wasm32", no_std)]

pub mod v1;

use althing_sdk::prelude::*;

/// Most entries of one page.
pub const PAGE: usize = 32;

/// A guest book.
#[contract(name = "guestbook", state_version = 2, events(Written, Removed))]
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

/// An entry was written.
#[derive(Event)]
pub struct Written {
    /// Who wrote it.
    #[topic]
    pub organisation: OrganisationId,
    /// Its number.
    pub id: EntryId,
}

/// An entry was taken down.
#[derive(Event)]
pub struct Removed {
    /// Its number.
    #[topic]
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
    /// There is no entry of this number.
    #[code(3)]
    NoSuchEntry,
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
        let entry = Entry { organisation: organisation.clone(), text, written_ms: Some(cx.time_ms()) };
        self.entries.put(&id, &entry);
        self.by_organisation.add(&organisation, &id);
        cx.emit(Written { organisation, id });
        Ok(id)
    }

    /// Takes an entry down.
    #[call(role = "registry")]
    fn remove(&mut self, cx: &mut Ctx, id: EntryId) -> Result<(), Fail> {
        let entry = self.entries.get(&id).ok_or(Fail::NoSuchEntry)?;
        self.entries.remove(&id);
        self.by_organisation.remove(&entry.organisation, &id);
        cx.emit(Removed { id });
        Ok(())
    }

    /// The book's title.
    #[view]
    fn title(&self) -> Text<64> {
        self.title.get().unwrap_or_default()
    }

    /// One entry.
    #[view]
    fn entry(&self, id: EntryId) -> Option<Entry> {
        self.entries.get(&id)
    }

    /// A page of entries in the order of their numbers: those after `after`, or from the first one.
    #[view]
    fn entries(&self, after: Option<EntryId>) -> List<(EntryId, Entry), PAGE> {
        self.entries.page(after.as_ref())
    }

    /// Numbers of an organisation's entries, the first ones of them.
    #[view]
    fn entries_of(&self, organisation: OrganisationId) -> List<EntryId, PAGE> {
        List::new(self.by_organisation.members(&organisation).take(PAGE).collect()).unwrap_or_default()
    }

    /// Every entry has a number below the next one.
    #[invariant]
    fn numbers_are_below_the_next(&self) -> bool {
        self.next.get().is_some_and(|next| !self.entries.has(&next) && self.entries.iter_after(&next).next().is_none())
    }

    /// Entries of version 1 knew no time.
    #[migrate(from = 1)]
    fn add_time(old: v1::Entry) -> Entry {
        Entry { organisation: old.organisation, text: old.text, written_ms: None }
    }
}
