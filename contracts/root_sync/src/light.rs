//! The light client: what a delivery proves to one who trusts one authority list of the peer chain.
//!
//! ```text
//!  trusted list --decides--> header --certificate: quorum of the list--> state root --proofs--> messages, end, cursor
//!                              '--names another list for the next height--> next list, from height + 1 on
//! ```
//!
//! Lists are followed in sequence: a header of any other list than the trusted one is refused. A list that was left is
//! never trusted again unless its successors name it, since only the newest header seen may change the list. Nothing is
//! stored here, and nothing is believed before all of the delivery was checked.

use althing_interface::{
    layout,
    root_sync::{
        self, Message, Peer, PeerStatus, TrustedList,
        delivery::{Delivery, RefusalCode},
    },
};
use althing_sdk::{
    prelude::*,
    types::{
        block::{HEADER_VERSION, Header},
        certificate::CertificateError,
        codec::{decode, encode},
        hash::{Tag, preimage_of},
        id::ChainId,
        keyspace,
        proof::StateProof,
    },
};

/// Why a delivery is refused.
pub(crate) struct Wrong {
    pub(crate) code: RefusalCode,
    pub(crate) reason: String,
    /// Height of its header, as far as it could be read.
    pub(crate) header: Height,
    /// Hash of its header, when the authorities certified it and another one of the same height.
    pub(crate) fork: Option<Hash>,
}

/// What a delivery has proven.
pub(crate) struct Proven {
    pub(crate) header: Header,
    pub(crate) block: Hash,
    /// The list that is trusted from the next height on, when it is another one.
    pub(crate) next: Option<TrustedList>,
    /// Messages in their order, from the first one that was not received.
    pub(crate) messages: Vec<Message>,
    /// Whether there is no further message at the header's height.
    pub(crate) end: bool,
    /// What the peer has received.
    pub(crate) acknowledged: Option<u64>,
}

/// What the receiver knows before.
pub(crate) struct Known<'a> {
    pub(crate) own: &'a ChainId,
    pub(crate) peer: &'a Peer,
    pub(crate) trusted: &'a TrustedList,
    pub(crate) received: u64,
}

/// Checks all of a delivery.
pub(crate) fn check(cx: &Ctx, known: &Known<'_>, bytes: &[u8]) -> Result<Proven, Wrong> {
    let mut height = Height(0);
    let (code, reason, fork) = match check_parts(cx, known, bytes, &mut height) {
        Ok(proven) => return Ok(proven),
        Err(Fault::Fork(block)) => {
            let first = known.peer.seen_block;
            (RefusalCode::Forked, format!("block {first} was seen, block {block} is certified too"), Some(block))
        }
        Err(Fault::Wrong(code, reason)) => (code, reason, None),
    };
    Err(Wrong { code, reason, header: height, fork })
}

enum Fault {
    Wrong(RefusalCode, String),
    Fork(Hash),
}

fn wrong<T>(code: RefusalCode, reason: String) -> Result<T, Fault> {
    Err(Fault::Wrong(code, reason))
}

fn check_parts(cx: &Ctx, known: &Known<'_>, bytes: &[u8], height: &mut Height) -> Result<Proven, Fault> {
    if known.peer.status != PeerStatus::Trusted {
        return wrong(RefusalCode::NotTrusted, format!("the peer is {:?}", known.peer.status));
    }
    let delivery: Delivery = match decode("delivery", bytes, bytes.len()) {
        Ok(delivery) => delivery,
        Err(error) => return wrong(RefusalCode::Malformed, error.to_string()),
    };
    *height = delivery.header.height;
    // What costs little comes first; all of it is checked before anything is believed.
    check_place(known, &delivery)?;
    let messages = read_messages(known, &delivery)?;
    let block = check_certificate(cx, known, &delivery)?;
    let next = check_next(cx, known, &delivery)?;
    let acknowledged = check_proofs(cx, known, &delivery, &messages)?;
    let Delivery { header, end, .. } = delivery;
    let end = end.is_some();
    let new = !messages.is_empty()
        || next.is_some()
        || (end && header.height > known.peer.checked)
        || acknowledged.is_some_and(|received| received > known.peer.acknowledged);
    if !new {
        return wrong(RefusalCode::Nothing, "no message, no change of the list, no later height".to_owned());
    }
    Ok(Proven { header, block, next, messages, end, acknowledged })
}

/// Chain and height of header and certificate.
fn check_place(known: &Known<'_>, delivery: &Delivery) -> Result<(), Fault> {
    let (header, certificate) = (&delivery.header, &delivery.certificate);
    if header.version != HEADER_VERSION {
        return wrong(RefusalCode::Malformed, format!("header of version {}", header.version));
    }
    for chain in [&header.chain, &certificate.chain] {
        if *chain != known.peer.chain {
            return wrong(RefusalCode::WrongChain, format!("header or certificate is of chain {chain}"));
        }
    }
    if header.height < known.trusted.since {
        let text =
            format!("height {} lies before {}, since when the list is trusted", header.height, known.trusted.since);
        return wrong(RefusalCode::Stale, text);
    }
    Ok(())
}

/// Messages with the numbers that are due.
fn read_messages(known: &Known<'_>, delivery: &Delivery) -> Result<Vec<Message>, Fault> {
    let mut messages = Vec::new();
    let mut due = known.received;
    for proven in delivery.messages.iter() {
        let message: Message = match decode("message", &proven.message, root_sync::MAX_MESSAGE) {
            Ok(message) => message,
            Err(error) => return wrong(RefusalCode::Malformed, error.to_string()),
        };
        due = due.saturating_add(1);
        let found = message.sequence;
        if found != due {
            let code = match () {
                () if !messages.is_empty() => RefusalCode::Malformed,
                () if found < due => RefusalCode::Replayed,
                () => RefusalCode::Gap,
            };
            return wrong(code, format!("message {found} where {due} is due"));
        }
        messages.push(message);
    }
    Ok(messages)
}

/// The header's list and certificate; gives the header's hash.
fn check_certificate(cx: &Ctx, known: &Known<'_>, delivery: &Delivery) -> Result<Hash, Fault> {
    let Delivery { header, certificate, .. } = delivery;
    let TrustedList { list, .. } = known.trusted;
    let trusted = cx.sha3(&preimage_of(Tag::Authorities, list));
    if header.authorities != trusted {
        let text = format!("height {} is decided by list {}, trusted is {trusted}", header.height, header.authorities);
        return wrong(RefusalCode::UnknownList, text);
    }
    let block = cx.sha3(&preimage_of(Tag::Header, header));
    if certificate.block != block || certificate.height != header.height {
        return wrong(RefusalCode::Forged, format!("the certificate is of block {}", certificate.block));
    }
    let good = certificate.check(&known.peer.chain, list, |key, message, signature| {
        cx.signature_is_good(key, signature, &cx.sha3(message).0)
    });
    match good {
        Ok(()) => {}
        Err(error @ CertificateError::TooFew { .. }) => return wrong(RefusalCode::TooFew, error.to_string()),
        Err(error) => return wrong(RefusalCode::Forged, error.to_string()),
    }
    let seen = known.peer.seen_block;
    if header.height == known.peer.seen && seen != Hash::ZERO && seen != block {
        return Err(Fault::Fork(block));
    }
    Ok(block)
}

/// The list of the next height, when the header names another one.
fn check_next(cx: &Ctx, known: &Known<'_>, delivery: &Delivery) -> Result<Option<TrustedList>, Fault> {
    let Delivery { header, next_list, .. } = delivery;
    let changes = header.next_authorities != header.authorities;
    let list = match (changes, next_list) {
        (false, None) => return Ok(None),
        (false, Some(_)) => return wrong(RefusalCode::WrongNextList, "the header names no other list".to_owned()),
        (true, None) => return wrong(RefusalCode::WrongNextList, "the header names another list".to_owned()),
        (true, Some(list)) => list,
    };
    let found = cx.sha3(&preimage_of(Tag::Authorities, list));
    if found != header.next_authorities {
        let text = format!("the header names list {}, this is {found}", header.next_authorities);
        return wrong(RefusalCode::WrongNextList, text);
    }
    if header.height < known.peer.seen {
        let text = format!("height {} would change the list, height {} was seen", header.height, known.peer.seen);
        return wrong(RefusalCode::Stale, text);
    }
    Ok(Some(TrustedList { list: list.clone(), since: header.height.next() }))
}

/// Proofs of messages, of their end, and of the peer's cursor; gives the cursor.
fn check_proofs(cx: &Ctx, known: &Known<'_>, delivery: &Delivery, messages: &[Message]) -> Result<Option<u64>, Fault> {
    let Ok(contract) = ContractId::new(root_sync::ID) else { return Ok(None) };
    let proves = |what: &str, proof: &StateProof, key: &[u8], value: Option<&[u8]>| {
        let key = keyspace::storage(&contract, key);
        match proof.check(&delivery.header.state_root, &key, value, |bytes| cx.sha3(bytes)) {
            Ok(()) => Ok(()),
            Err(error) => wrong(RefusalCode::NotProven, format!("{what}: {error}")),
        }
    };
    let mut last = known.received;
    for (message, proven) in messages.iter().zip(delivery.messages.iter()) {
        last = message.sequence;
        let key = layout::outbox_key(known.own, last);
        proves(&format!("message {last}"), &proven.proof, &key, Some(&proven.message))?;
    }
    if let Some(proof) = &delivery.end {
        let key = layout::outbox_key(known.own, last.saturating_add(1));
        proves("the end", proof, &key, None)?;
    }
    let Some(cursor) = &delivery.acknowledged else { return Ok(None) };
    proves("the cursor", &cursor.proof, &layout::received_key(known.own), Some(&encode(&cursor.received)))?;
    if cursor.received > known.peer.sent {
        let text = format!("the peer received {} of {} messages", cursor.received, known.peer.sent);
        return wrong(RefusalCode::WrongCursor, text);
    }
    Ok(Some(cursor.received))
}
