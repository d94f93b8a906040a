//! `althing record`: records of a TLD in the root zone, and changes that wait for the consent of other registries or for a
//! vote.
//!
//! All is read with proofs; that no open one is missing in a list follows from the contract's totals.

mod set;

use super::{
    Context,
    proposal::{propose, proposed},
    send,
};
use crate::{
    args::{RecordCommand, SignOptions},
    ca::date,
    chain::{Chain, Entries, Trust, typed},
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    output::{columns, table},
};
use althing_interface::{
    call::Call,
    domain_records::{
        self, Delegation, DelegationChange, Host, RecordsError,
        held::{
            Brake, Consent, HeldChange, HeldContent, HeldCounts, HeldIds, HeldStatus, HoldSettings, MAX_IDS, Object,
            RefuseHeld, ReleaseHeld, SetBrake, SetConsent, Settle, Withdraw,
        },
    },
    governance::ProposalKind,
    layout,
    zone::Zone,
};
use althing_types::{
    codec::List,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    keyspace::storage,
    name::DomainName,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Readings of the list before giving up because it changes all the time.
const ATTEMPTS: usize = 20;

/// Runs a command of `althing record`.
///
/// # Errors
/// The command's failure; when the contract refuses a call, its numbered error.
pub(super) async fn run(context: &Context, command: &RecordCommand) -> Result<()> {
    match command {
        RecordCommand::Set { tld, change, sign } => set::set(context, tld, change, sign).await,
        RecordCommand::Delete { tld, sign } => set::delete(context, tld, sign).await,
        RecordCommand::Held { waiting_for, asked_by, tld, all } => {
            let wanted = |held: &HeldChange| {
                (*all || held.status == HeldStatus::Open)
                    && waiting_for.as_ref().is_none_or(|o| missing(held).contains(o))
                    && asked_by.as_ref().is_none_or(|o| held.organisation == *o)
                    && tld.as_ref().is_none_or(|tld| held.tld == *tld)
            };
            list(context, wanted).await
        }
        RecordCommand::Show { id } => show(context, *id).await,
        RecordCommand::Consent { id, sign } => answer(context, *id, &Consent { id: *id }, sign).await,
        RecordCommand::Object { id, sign } => answer(context, *id, &Object { id: *id }, sign).await,
        RecordCommand::Withdraw { id, sign } => answer(context, *id, &Withdraw { id: *id }, sign).await,
        RecordCommand::Settle { id, sign } => answer(context, *id, &Settle { id: *id }, sign).await,
        RecordCommand::Release { ids, sign } => vote(context, &ReleaseHeld { ids: numbers(ids)? }, sign).await,
        RecordCommand::Refuse { ids, sign } => vote(context, &RefuseHeld { ids: numbers(ids)? }, sign).await,
        RecordCommand::Settings => settings(context).await,
        RecordCommand::Brake { changes, zone_changes, window_blocks, sign } => {
            let (changes, zone_changes, window_blocks) = (*changes, *zone_changes, *window_blocks);
            vote(context, &SetBrake { changes, zone_changes, window_blocks }, sign).await
        }
        RecordCommand::Consents { share_percent, expiry_ms, sign } => {
            vote(context, &SetConsent { share_percent: *share_percent, expiry_ms: *expiry_ms }, sign).await
        }
    }
}

fn key(own: &[u8]) -> Result<Vec<u8>> {
    Ok(storage(&ContractId::new(domain_records::ID)?, own))
}

/// Organisations whose consent a change needs and does not have.
fn missing(held: &HeldChange) -> BTreeSet<OrganisationId> {
    held.needed.iter().filter(|o| !held.consents.contains(*o)).cloned().collect()
}

/// What an open change waits for, or how it ended.
fn standing(held: &HeldChange) -> String {
    if held.status != HeldStatus::Open {
        return match RecordsError::ALL.iter().find(|e| e.number == held.number) {
            Some(error) => format!("{}: {}", held.status, error.name),
            None => held.status.to_string(),
        };
    }
    let missing: Vec<String> = missing(held).iter().map(ToString::to_string).collect();
    let mut waits = Vec::new();
    if !missing.is_empty() {
        waits.push(format!("consent of {}", missing.join(", ")));
    }
    if held.brake != Brake::Off {
        waits.push(format!("a vote (brake: {})", held.brake));
    }
    if waits.is_empty() { "waits to be counted anew".into() } else { format!("waits for {}", waits.join(" and ")) }
}

fn row(held: &HeldChange) -> Vec<String> {
    let hosts: Vec<String> = held.hosts.iter().map(ToString::to_string).collect();
    vec![
        held.id.to_string(),
        held.tld.to_string(),
        held.organisation.to_string(),
        if hosts.is_empty() { "-".into() } else { hosts.join(" ") },
        date(held.expires_ms),
        standing(held),
    ]
}

/// All held changes, proven to be all.
async fn all(chain: &Chain) -> Result<Vec<HeldChange>> {
    for _ in 0..ATTEMPTS {
        let scan = chain.scan(&key(&layout::held_changes_prefix())?).await?;
        let counts: HeldCounts =
            chain.value("held counts", key(&layout::held_counts_key())?).await?.1.unwrap_or_default();
        let mut held = Vec::with_capacity(scan.entries.len());
        for (_, value) in &scan.entries {
            held.extend(typed::<HeldChange>("held change", Some(value))?);
        }
        let open = held.iter().filter(|h| h.status == HeldStatus::Open).count();
        if (open, held.len().saturating_sub(open)) == (counts.open as usize, counts.settled as usize) {
            return Ok(held);
        }
    }
    Err(CliError::new(Exit::Proof, "incomplete", "the node's held changes are not as many as the proven totals say")
        .field("held")
        .rule("as many as the contract counts")
        .hint("ask another node: --api URL"))
}

async fn list(context: &Context, wanted: impl Fn(&HeldChange) -> bool) -> Result<()> {
    let chain = context.chain().await?;
    let all = all(&chain).await?;
    if all.is_empty() {
        chain.needs(domain_records::ID).await?;
    }
    let held: Vec<HeldChange> = all.into_iter().filter(wanted).collect();
    context.output.print(&held, |held| {
        if held.is_empty() {
            return "no change waits".into();
        }
        let rows: Vec<Vec<String>> = held.iter().map(row).collect();
        columns(&["ID", "TLD", "ASKED BY", "SHARED HOSTS", "EXPIRES", "STANDING"], &rows)
    })
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    held: HeldChange,
    missing: BTreeSet<OrganisationId>,
    change: domain_records::Change,
    /// Records that would go and come.
    delete: Vec<String>,
    add: Vec<String>,
    height: Height,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<Hash>,
    verified: bool,
    trust: Trust,
}

/// A held change with its content.
async fn read(chain: &Chain, id: u64) -> Result<(Entries, HeldChange, HeldContent)> {
    let keys = [key(&layout::held_change_key(id))?, key(&layout::held_content_key(id))?];
    let entries = chain.read(&keys, None).await?;
    let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
    match (typed("held change", value(0))?, typed("held content", value(1))?) {
        (Some(held), Some(content)) => Ok((entries, held, content)),
        _ => Err(CliError::not_found("held_unknown", format!("there is no held change {id}"))
            .field("held")
            .value(id.to_string())
            .rule("a number that the chain keeps; settled ones are forgotten after some time")
            .hint("althing record held --all")),
    }
}

/// Records of the zone that a change would delete and add, as things are.
async fn effect(chain: &Chain, held: &HeldChange, content: &HeldContent) -> Result<(Vec<String>, Vec<String>)> {
    let mut keys = vec![key(&layout::delegation_key(&held.tld))?];
    for change in content.change.hosts.iter() {
        keys.push(key(&layout::host_key(&change.host))?);
    }
    let values = chain.read(&keys, None).await?.values;
    let mut values = values.iter().map(Option::as_deref);
    let (mut before, mut after) = (Zone::default(), Zone::default());
    let delegation: Option<Delegation> = typed("delegation", values.next().flatten())?;
    let new = match &content.change.delegation {
        DelegationChange::Keep => delegation.clone(),
        DelegationChange::Set(new) => Some(new.clone()),
        DelegationChange::Delete => None,
    };
    let put = |zone: &mut Zone, tld: &DomainName, value: Option<Delegation>| {
        zone.delegations.extend(value.map(|delegation| (tld.clone(), delegation)));
    };
    put(&mut before, &held.tld, delegation);
    put(&mut after, &held.tld, new);
    for (change, value) in content.change.hosts.iter().zip(values) {
        let old: Option<Host> = typed("host", value)?;
        before.hosts.extend(old.map(|host| (change.host.clone(), host)));
        after.hosts.extend(change.addresses.clone().map(|host| (change.host.clone(), host)));
    }
    let lines = |zone: &Zone| zone.records().iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    let (before, after) = (lines(&before), lines(&after));
    Ok((before.difference(&after).cloned().collect(), after.difference(&before).cloned().collect()))
}

async fn show(context: &Context, id: u64) -> Result<()> {
    let chain = context.chain().await?;
    let (entries, held, content) = read(&chain, id).await?;
    // What a settled one would do now is not what it did.
    let (delete, add) = match held.status {
        HeldStatus::Open => effect(&chain, &held, &content).await?,
        _ => (Vec::new(), Vec::new()),
    };
    let shown = Shown {
        missing: missing(&held),
        change: content.change,
        delete,
        add,
        height: entries.height,
        block_hash: entries.block,
        verified: chain.verifies(),
        trust: chain.trust,
        held,
    };
    context.output.print(&shown, |s| {
        let words = |list: &[OrganisationId]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let asked = format!("{} at height {}", s.held.organisation, s.held.asked);
        let mut text = table(&[
            ("held change", s.held.id.to_string()),
            ("tld", s.held.tld.to_string()),
            ("asked by", if s.held.synced { format!("{asked}, on the TLD's chain") } else { asked }),
            ("standing", standing(&s.held)),
            ("consented", words(&s.held.consents)),
            ("objected", words(&s.held.objections)),
            ("expires", date(s.held.expires_ms)),
        ]);
        for line in s.delete.iter().map(|l| format!("\n- {l}")).chain(s.add.iter().map(|l| format!("\n+ {l}"))) {
            text.push_str(&line);
        }
        text
    })
}

#[derive(Serialize)]
struct Answered {
    #[serde(flatten)]
    held: HeldChange,
    transaction: Hash,
    block: u64,
}

async fn answer<C: Call>(context: &Context, id: u64, call: &C, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let outcome = send::call(context, &chain, sign, call).await?;
    let (_, held, _) = read(&chain, id).await?;
    let answered = Answered { held, transaction: outcome.hash, block: outcome.height };
    context.output.print(&answered, |a| {
        table(&[
            ("held change", a.held.id.to_string()),
            ("tld", a.held.tld.to_string()),
            ("standing", standing(&a.held)),
            ("block", a.block.to_string()),
        ])
    })
}

fn numbers(ids: &[u64]) -> Result<HeldIds> {
    let unique: BTreeSet<u64> = ids.iter().copied().collect();
    List::new(unique.into_iter().collect()).map_err(|_| {
        CliError::usage("too_many", format!("{} held changes at once", ids.len()))
            .field("ID")
            .value(ids.len().to_string())
            .rule(format!("at most {MAX_IDS}"))
    })
}

async fn vote<C: Call>(context: &Context, call: &C, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let calls = List::new(vec![proposed(call)?]).map_err(|e| CliError::internal("too_many", e.to_string()))?;
    propose(context, &governed, ProposalKind::Calls { calls }, sign).await
}

async fn settings(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let (_, found) = chain.value::<HoldSettings>("hold settings", key(&layout::hold_settings_key())?).await?;
    context.output.print(&found.unwrap_or_default(), |s| {
        let limit = |n: u32| if n == 0 { "no brake".to_owned() } else { format!("{n} delegations and hosts") };
        table(&[
            ("consent of", format!("{} % of the other organisations", s.share_percent)),
            ("a change waits", format!("{} s", s.expiry_ms / 1_000)),
            ("brake of one organisation", limit(s.changes)),
            ("brake of all together", limit(s.zone_changes)),
            ("window", format!("{} blocks", s.window_blocks)),
        ])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> HeldChange {
        let organisation = |id: &str| OrganisationId::new(id).unwrap();
        HeldChange {
            id: 7,
            tld: DomainName::parse("lab").unwrap(),
            organisation: organisation("registry-1"),
            status: HeldStatus::Open,
            brake: Brake::Off,
            synced: false,
            hosts: List::new(vec![DomainName::parse("ns.net").unwrap()]).unwrap(),
            needed: List::new(vec![organisation("registry-2"), organisation("registry-3")]).unwrap(),
            consents: List::new(vec![organisation("registry-2")]).unwrap(),
            objections: List::default(),
            asked: Height(3),
            expires_ms: 0,
            settled: Height(0),
            number: 0,
        }
    }

    #[test]
    fn the_standing_says_what_is_missing_or_how_it_ended() {
        assert_eq!(standing(&held()), "waits for consent of registry-3");
        let braked = HeldChange { brake: Brake::Zone, ..held() };
        assert_eq!(standing(&braked), "waits for consent of registry-3 and a vote (brake: zone)");
        let failed = HeldChange { status: HeldStatus::Failed, number: 31, ..held() };
        assert_eq!(standing(&failed), "failed: Overtaken");
        assert_eq!(standing(&HeldChange { status: HeldStatus::Withdrawn, ..held() }), "withdrawn");
    }

    #[test]
    fn numbers_of_a_vote_are_bounded_and_each_once() {
        assert_eq!(numbers(&[9, 7, 9]).unwrap().into_vec(), [7, 9]);
        assert!(numbers(&(0..=MAX_IDS as u64).collect::<Vec<_>>()).is_err());
    }
}
