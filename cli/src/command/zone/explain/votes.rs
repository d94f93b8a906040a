//! The proposal behind what the chain did at a block's end: what it says, who opened it, who voted, each with the signed
//! transaction in its block.

use super::{
    block::{Blocks, signed},
    sought::Sought,
};
use crate::{chain::Chain, error::Result, governed::Governed};
use althing_client::Filter;
use althing_interface::governance::{
    self, Choice, ProposalClass, ProposalExecuted, ProposalKind, ProposalOpened, ProposalStatus, ProposedCall, VoteCast,
};
use althing_types::{
    codec::encode,
    crypto::PublicKey,
    event::{Event, EventId},
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    transaction::SignedTransaction,
};
use borsh::BorshDeserialize;
use serde::Serialize;

/// Proposals that are looked at: those that ended soonest after the block.
const LOOKED_AT: usize = 32;

/// A proposal that was carried out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Decision {
    number: u64,
    class: ProposalClass,
    status: ProposalStatus,
    opener: OrganisationId,
    opened: Height,
    content: Hash,
    agree: u32,
    object: u32,
    needed: u32,
    votes: Vec<Vote>,
    /// The transaction that opened it.
    #[serde(skip)]
    pub(super) opening: Option<SignedTransaction>,
}

/// A vote as it stood in the end.
#[derive(Clone, Debug, Serialize)]
struct Vote {
    organisation: OrganisationId,
    choice: Choice,
    key: PublicKey,
    height: Height,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_hash: Option<Hash>,
}

impl Decision {
    /// Whether opening and votes were all found, signed, in their blocks.
    pub(super) fn is_whole(&self) -> bool {
        self.opening.is_some() && self.votes.iter().all(|vote| vote.transaction_hash.is_some())
    }

    /// Text for people.
    pub(super) fn text(&self) -> String {
        let votes: Vec<String> = self.votes.iter().map(|v| format!("{} {}", v.organisation, v.choice)).collect();
        format!(
            "{} ({}) of {}: {} agree, {} object, {} needed ({})",
            self.number,
            self.status,
            self.opener,
            self.agree,
            self.object,
            self.needed,
            votes.join(", ")
        )
    }
}

/// Finds the proposal that carried out what an event tells; `None` when no vote did.
///
/// # Errors
/// When no node answers or a proof fails.
pub(super) async fn decision(
    chain: &Chain,
    blocks: &mut Blocks<'_>,
    at: EventId,
    event: &Event,
    sought: &Sought,
) -> Result<Option<Decision>> {
    if chain.genesis.governance.is_none() {
        return Ok(None);
    }
    let governed = Governed::of(chain)?;
    let contract = ContractId::new(governance::ID)?;
    let filter = Filter { contract: Some(contract.clone()), name: Some("ProposalExecuted".into()), topic: Vec::new() };
    let page = chain.client.events(at, &filter, LOOKED_AT).await?;
    for document in page.events {
        let Ok(executed) = ProposalExecuted::try_from_slice(&document.event.data) else { continue };
        let asked = governed.proposal(executed.proposal).await?;
        let (ProposalKind::Calls { calls } | ProposalKind::Change { calls }) = &asked.kind else { continue };
        if asked.proposal.opened > at.height || !calls.iter().any(|call| does(call, event, sought)) {
            continue;
        }
        let (asked, cast) = governed.votes(executed.proposal).await?;
        let proposal = asked.proposal;
        let is_opening = |e: &Event| {
            e.contract == contract
                && ProposalOpened::try_from_slice(&e.data)
                    .is_ok_and(|told| told.proposal == proposal.id && told.content == asked.content)
        };
        let opening = blocks.of(proposal.opened).await?.with_event(is_opening).cloned();
        opening.as_ref().map(signed).transpose()?;
        let mut votes = Vec::new();
        for (organisation, record) in cast {
            let is_vote = |e: &Event| {
                e.contract == contract
                    && e.name.as_str() == "VoteCast"
                    && VoteCast::try_from_slice(&e.data).is_ok_and(|told| {
                        told.proposal == proposal.id
                            && told.organisation == organisation
                            && told.choice == record.choice
                    })
            };
            let transaction = blocks.of(record.height).await?.with_event(is_vote);
            transaction.map(signed).transpose()?;
            let transaction_hash = transaction.map(|t| t.value.hash());
            let (choice, key, height) = (record.choice, record.key, record.height);
            votes.push(Vote { organisation, choice, key, height, transaction_hash });
        }
        return Ok(Some(Decision {
            number: proposal.id,
            class: proposal.class,
            status: proposal.status,
            opener: proposal.opener,
            opened: proposal.opened,
            content: asked.content,
            agree: proposal.agree,
            object: proposal.object,
            needed: proposal.electorate.needed,
            votes,
            opening,
        }));
    }
    Ok(None)
}

/// Whether a proposed call is about what an event tells: the same contract, with the owner, or for the root's own
/// records the very value, in its arguments.
fn does(call: &ProposedCall, event: &Event, sought: &Sought) -> bool {
    let wanted = if sought.owner.is_root() { event.data.to_vec() } else { encode(&sought.owner) };
    call.contract == event.contract && call.arguments.windows(wanted.len().max(1)).any(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::zone::explain::sought::Frame;
    use althing_types::{
        codec::{Bytes, Text},
        name::DomainName,
    };

    #[test]
    fn a_call_is_known_by_contract_and_owner_or_for_the_root_by_its_value() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let id = |text: &str| ContractId::new(text).unwrap();
        let call = |contract: &str, arguments: Vec<u8>| ProposedCall {
            contract: id(contract),
            method: Text::new("m").unwrap(),
            arguments: Bytes::new(arguments).unwrap(),
        };
        let event = Event {
            contract: id("records"),
            name: Text::new("Set").unwrap(),
            topic: Bytes::default(),
            data: Bytes::new(vec![9, 8, 7]).unwrap(),
        };
        let sought = |owner: &str| Sought::new(&DomainName::root(), &name(owner), "NS", Frame::default()).unwrap();
        let of_lab = call("records", [vec![1], encode(&name("lab")), vec![2]].concat());
        assert!(does(&of_lab, &event, &sought("lab")));
        assert!(!does(&of_lab, &event, &sought("la")));
        assert!(!does(&call("other", encode(&name("lab"))), &event, &sought("lab")));
        assert!(does(&call("records", vec![1, 9, 8, 7]), &event, &sought(".")));
        assert!(!does(&of_lab, &event, &sought(".")));
    }
}
