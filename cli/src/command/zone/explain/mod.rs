//! `althing zone explain`: from a record of the zone to the block, transaction, signer, votes and certificate behind it.
//!
//! ```text
//!   state entry --proof--> records                                    [sought]
//!   records <-- the event that last set them                          [history]
//!   event --in--> receipt --under--> receipts root   '.
//!   transaction --under--> transactions root          +-- header --> certificate --> authorities   [block]
//!   at a block's end: proposal --> opening, votes    -'               [votes]
//! ```
//! Nothing is called verified that was not checked here; what a node alone says is told in `notes`.

mod block;
mod history;
mod sought;
mod votes;

use self::{
    block::{Blocks, CertificateSigner, signed},
    history::Present,
    sought::{Frame, Sought},
    votes::Decision,
};
use crate::{
    ca::date,
    call::{Abis, event_text},
    chain::{Chain, typed},
    command::Context,
    error::{CliError, Result},
    output::table,
};
use althing_interface::{layout::registrations as keys, registrations};
use althing_types::{
    crypto::PublicKey,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    keyspace::{self, storage},
    name::DomainName,
    organisation::KeyEntry,
    transaction::Content,
};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Explained {
    zone: DomainName,
    name: DomainName,
    #[serde(rename = "type")]
    record_type: &'static str,
    records: Vec<String>,
    /// Where the records were read with proof.
    state: Place,
    /// Header of the block that set them.
    block: Hash,
    height: Height,
    time_ms: u64,
    /// Position of the receipt in the block, which is that of the transaction unless the chain itself did it.
    index: usize,
    /// The signed transaction: what set the records, or what opened the proposal that did.
    transaction_hash: Option<Hash>,
    signer: Option<PublicKey>,
    organisation: Option<OrganisationId>,
    contract: Option<ContractId>,
    method: Option<String>,
    postscript: Option<String>,
    event: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<Decision>,
    certificate_signers: Vec<CertificateSigner>,
    certificate_round: u64,
    certificate_needed: usize,
    verified: bool,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct Place {
    key: String,
    height: Height,
    block: Option<Hash>,
}

/// Explains a record set.
///
/// # Errors
/// When there is no such record, no event leads to it, no node answers, or a proof fails.
pub(super) async fn run(
    context: &Context,
    name: &DomainName,
    record_type: &str,
    zone: Option<&DomainName>,
) -> Result<()> {
    let chain = super::chain_of(context, zone).await?;
    let zone = super::zone_of(&chain, zone)?;
    let frame = frame(&chain, &zone).await?;
    let sought = Sought::new(&zone, name, record_type, frame)?;
    let explained = explain(&chain, zone, &sought).await?;
    context.output.print(&explained, human)
}

/// Reads what is to be known of a TLD chain first.
async fn frame(chain: &Chain, zone: &DomainName) -> Result<Frame> {
    if zone.is_root() {
        return Ok(Frame::default());
    }
    let id = ContractId::new(registrations::ID)?;
    let read = chain.read(&[storage(&id, &keys::settings_key()), storage(&id, &keys::apex_key())], None).await?;
    let value = |index: usize| read.values.get(index).and_then(Option::as_deref);
    Ok(Frame { settings: typed("settings", value(0))?.unwrap_or_default(), apex: typed("apex", value(1))? })
}

async fn explain(chain: &Chain, zone: DomainName, sought: &Sought) -> Result<Explained> {
    let contract = sought.contract()?;
    let keys = [sought.key()?, sought.counts_key()?];
    let present = chain.read(&keys, None).await?;
    let value = |index: usize| present.values.get(index).and_then(Option::as_deref);
    let records = sought.records(value(0))?;
    if records.is_empty() {
        return Err(CliError::not_found(
            "no_record",
            format!("zone '{zone}' has no {} record of '{}' at height {}", sought.kind, sought.owner, present.height),
        )
        .field("NAME")
        .value(sought.owner.to_string())
        .rule("an owner with records of this type; see althing zone export"));
    }
    let last_change = sought.last_change(value(1))?;
    let tip = present.height;
    let now = Present { records: &records, image: sought.image(value(0))?, height: tip };
    let cause = history::cause(chain, sought, now).await?.ok_or_else(|| history::no_event(sought))?;
    let (at, event) = (cause.event.id, &cause.event.event);
    let mut notes = Vec::new();
    let mut verified = chain.verifies() && cause.after_known;
    if !chain.verifies() {
        notes.push("nothing was checked: --no-verify".into());
    }
    if !cause.after_known {
        notes.push(format!(
            "the entry led to something else than it gives now, and the state of height {} is no longer kept: that these \
             very records are from then is as the node tells it",
            at.height
        ));
    }
    if !cause.before_proven {
        notes.push(format!(
            "that no earlier call set the same records is as the node tells it: the state of height {} is not there to \
             be compared",
            at.height.previous()
        ));
    }
    if last_change != Some(at.height) {
        notes.push(format!(
            "the records are proven at height {tip}; that nothing changed them and changed them back since height {} is \
             as the node tells it",
            at.height
        ));
    }
    notes.extend(sought.condition().map(str::to_owned));
    let mut blocks = Blocks::new(chain);
    let whole = blocks.of(at.height).await?.clone();
    let standing = whole.standing(at.index, event).ok_or_else(|| {
        CliError::new(
            crate::exit_code::Exit::Proof,
            "not_proven",
            format!("the event that the node tells of is in no receipt of block {}", at.height),
        )
        .field("event")
        .value(format!("{}:{}", at.height, at.index))
        .rule("an event of a receipt under the header's receipts root")
    })?;
    let mut proposal = None;
    let transaction = match standing.transaction {
        Some(transaction) => Some(transaction.clone()),
        None => {
            proposal = votes::decision(chain, &mut blocks, at, event, sought).await?;
            match &proposal {
                Some(decision) => {
                    verified &= decision.is_whole();
                    notes.push(format!(
                        "carried out at the end of block {} by decision of the members; transaction and signer are those \
                         that opened the proposal",
                        at.height
                    ));
                    notes.push(
                        "a block's receipt does not say which proposal did what: this is the first to end from that \
                         block on whose calls name this contract and owner"
                            .into(),
                    );
                }
                None => notes.push(format!(
                    "done by the chain itself at the end of block {}: no transaction asked for it, and no proposal whose \
                     calls name it was found",
                    at.height
                )),
            }
            proposal.as_ref().and_then(|decision| decision.opening.clone())
        }
    };
    let mut organisation = None;
    if let Some(transaction) = &transaction {
        signed(transaction)?;
        let key = transaction.value.operator;
        let entry = [keyspace::key_entry(&key)];
        let entries = match chain.read_kept(&entry, at.height).await? {
            Some(entries) => entries,
            None => {
                notes.push(format!("the signer's organisation is that of height {tip}: older state is not kept"));
                chain.read(&entry, Some(tip)).await?
            }
        };
        organisation =
            typed::<KeyEntry>("key", entries.values.first().and_then(Option::as_deref))?.map(|e| e.organisation);
        if organisation.is_none() {
            notes.push(format!("the signer's key belongs to no member at height {}", entries.height));
        }
    }
    let (called, method) = match transaction.as_ref().map(|t| &t.value.content) {
        Some(Content::Call { contract, method, .. }) => (Some(contract.clone()), Some(method.to_string())),
        _ => (None, None),
    };
    if standing.transaction.is_some() && called.as_ref().is_some_and(|called| *called != contract) {
        notes.push(format!("the transaction called another contract, which called '{contract}'"));
    }
    let explained = Explained {
        zone,
        name: sought.owner.clone(),
        record_type: sought.kind,
        records,
        state: Place { key: keys.first().map(hex::encode).unwrap_or_default(), height: tip, block: present.block },
        block: whole.hash(),
        height: at.height,
        time_ms: whole.header.timestamp_ms,
        index: standing.index,
        transaction_hash: transaction.as_ref().map(|t| t.value.hash()),
        signer: transaction.as_ref().map(|t| t.value.operator),
        organisation,
        contract: called,
        method,
        postscript: transaction.as_ref().map(|t| t.value.postscript.to_string()).filter(|text| !text.is_empty()),
        event: Abis::new(chain).event(event).await,
        proposal,
        certificate_signers: whole.certificate_signers(),
        certificate_round: u64::from(whole.certificate.round.0),
        certificate_needed: whole.quorum(),
        verified,
        notes,
    };
    Ok(explained)
}

fn human(e: &Explained) -> String {
    let none = || "none".to_owned();
    let signers: Vec<&str> = e.certificate_signers.iter().map(|s| s.organisation.as_str()).collect();
    let mut rows = vec![
        ("zone", e.zone.to_string()),
        ("records", e.records.join("\n             ")),
        ("read", format!("at height {}{}", e.state.height, if e.verified { " with proof" } else { "" })),
        ("set", format!("in block {}, receipt {}", e.height, e.index)),
        ("block", e.block.to_string()),
        ("time", date(e.time_ms)),
        ("transaction", e.transaction_hash.map_or_else(none, |h| h.to_string())),
        ("signer", e.signer.map_or_else(none, |s| s.to_string())),
        ("organisation", e.organisation.as_ref().map_or_else(none, ToString::to_string)),
        (
            "call",
            format!(
                "{}.{}",
                e.contract.as_ref().map_or("", ContractId::as_str),
                e.method.as_deref().unwrap_or_default()
            ),
        ),
        ("event", event_text(&e.event)),
    ];
    if let Some(proposal) = &e.proposal {
        rows.push(("proposal", proposal.text()));
    }
    rows.push(("certificate", format!("{} of {} needed: {}", signers.len(), e.certificate_needed, signers.join(", "))));
    rows.push(("verified", e.verified.to_string()));
    rows.extend(e.notes.iter().map(|note| ("note", note.clone())));
    table(&rows)
}
