//! What a registry decides once for all names, and the words for it.

use super::DAY_MS;
use crate::describe::{values, words};
use althing_types::codec::List;

words! {
    /// What happens when a term is over.
    Expiry {
        /// The name is renewed by a year.
        AutoRenew = 0 "auto_renew",
        /// The name goes into redemption.
        Delete = 1 "delete",
    }
    /// What happens when a transfer was neither approved nor rejected in time.
    TransferDefault {
        /// It is carried out.
        Approve = 0 "approve",
        /// It ends.
        Reject = 1 "reject",
    }
    /// A period after an event in which a deletion undoes it (RFC 3915 3.1).
    GraceKind {
        /// After the registration: a deletion frees the name at once.
        Add = 0 "addPeriod",
        /// After a renewal.
        Renew = 1 "renewPeriod",
        /// After a renewal by expiry: a deletion takes the year back.
        AutoRenew = 2 "autoRenewPeriod",
        /// After a transfer.
        Transfer = 3 "transferPeriod",
    }
    /// Scripts in which labels may be written; Japanese and Korean are Han with the scripts written beside it. Letters
    /// a to z, digits and hyphens are always allowed.
    Script {
        /// Latin beyond a to z.
        Latin = 0 "latin",
        /// Han, Hiragana and Katakana.
        Japanese = 1 "japanese",
        /// Han and Hangul.
        Korean = 2 "korean",
        /// Arabic.
        Arabic = 3 "arabic",
        /// Armenian.
        Armenian = 4 "armenian",
        /// Bengali.
        Bengali = 5 "bengali",
        /// Cyrillic.
        Cyrillic = 6 "cyrillic",
        /// Devanagari.
        Devanagari = 7 "devanagari",
        /// Ethiopic.
        Ethiopic = 8 "ethiopic",
        /// Georgian.
        Georgian = 9 "georgian",
        /// Greek.
        Greek = 10 "greek",
        /// Gujarati.
        Gujarati = 11 "gujarati",
        /// Gurmukhi.
        Gurmukhi = 12 "gurmukhi",
        /// Hebrew.
        Hebrew = 13 "hebrew",
        /// Kannada.
        Kannada = 14 "kannada",
        /// Khmer.
        Khmer = 15 "khmer",
        /// Lao.
        Lao = 16 "lao",
        /// Malayalam.
        Malayalam = 17 "malayalam",
        /// Myanmar.
        Myanmar = 18 "myanmar",
        /// Oriya.
        Oriya = 19 "oriya",
        /// Sinhala.
        Sinhala = 20 "sinhala",
        /// Tamil.
        Tamil = 21 "tamil",
        /// Telugu.
        Telugu = 22 "telugu",
        /// Thai.
        Thai = 23 "thai",
        /// Thaana.
        Thaana = 24 "thaana",
    }
}

values! {
    /// What a registry decides once for all names. Changed by the chain's members. Times are in milliseconds.
    Settings {
        /// Length of a year; 0 for years of the calendar (networks for trials have shorter ones).
        year_ms: u64,
        /// After a registration, a deletion frees the name at once.
        add_grace_ms: u64,
        /// After a renewal.
        renew_grace_ms: u64,
        /// After a renewal by expiry, a deletion takes the year back.
        auto_renew_grace_ms: u64,
        /// After a transfer.
        transfer_grace_ms: u64,
        /// A deleted name can be restored.
        redemption_ms: u64,
        /// After redemption, until the name is free.
        pending_delete_ms: u64,
        /// The losing registrar can approve or reject a transfer.
        transfer_pending_ms: u64,
        /// What happens then.
        transfer_default: TransferDefault,
        /// Years that a transfer adds to the term: 0 or 1.
        transfer_years: u8,
        /// After a registration or a transfer there is no other transfer.
        transfer_lock_ms: u64,
        /// What happens at the end of a term.
        expiry: Expiry,
        /// Fewest name servers of a domain that has any.
        min_ns: u8,
        /// Time to live of the NS records of domains, in seconds.
        ns_ttl: u32,
        /// Time to live of the DS records of domains, in seconds.
        ds_ttl: u32,
        /// Time to live of the addresses of subordinate hosts, in seconds.
        host_ttl: u32,
        /// Fewest characters of a label.
        min_label: u8,
        /// Scripts of labels.
        scripts: List<Script, 25>,
    }
}

impl Default for Settings {
    /// What registries under contract with ICANN have: years of the calendar, 5 days for grace periods and transfers (45
    /// after an automatic renewal), 30 days of redemption, 5 days of pending delete, 60 days without transfer.
    fn default() -> Self {
        let days = |count: u64| count.saturating_mul(DAY_MS);
        Self {
            year_ms: 0,
            add_grace_ms: days(5),
            renew_grace_ms: days(5),
            auto_renew_grace_ms: days(45),
            transfer_grace_ms: days(5),
            redemption_ms: days(30),
            pending_delete_ms: days(5),
            transfer_pending_ms: days(5),
            transfer_default: TransferDefault::Approve,
            transfer_years: 1,
            transfer_lock_ms: days(60),
            expiry: Expiry::AutoRenew,
            min_ns: 1,
            ns_ttl: 86_400,
            ds_ttl: 86_400,
            host_ttl: 86_400,
            min_label: 1,
            scripts: List::new(alloc::vec![Script::Latin]).unwrap_or_default(),
        }
    }
}

impl Settings {
    /// For networks in which somebody tries things out: periods of a minute or two, transfers at once after a
    /// registration, years of the calendar.
    pub fn for_trials() -> Self {
        Self {
            add_grace_ms: 60_000,
            renew_grace_ms: 60_000,
            auto_renew_grace_ms: 60_000,
            transfer_grace_ms: 60_000,
            redemption_ms: 120_000,
            pending_delete_ms: 60_000,
            transfer_pending_ms: 120_000,
            transfer_lock_ms: 0,
            ..Self::default()
        }
    }
}
