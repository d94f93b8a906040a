//! A block with everything recomputed: header under its certificate, transactions and receipts under the header's roots,
//! and where an event stands in it.

use crate::{
    chain::Chain,
    command::block::check,
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_types::{
    authority::AuthorityList,
    block::Header,
    certificate::QuorumCertificate,
    event::Event,
    hash::Hash,
    id::{Height, OrganisationId},
    receipt::Receipt,
    transaction::SignedTransaction,
};
use serde::Serialize;
use std::collections::BTreeMap;

/// A final block.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    pub(super) header: Header,
    pub(super) certificate: QuorumCertificate,
    pub(super) transactions: Vec<SignedTransaction>,
    pub(super) receipts: Vec<Receipt>,
    /// Who decided it.
    authorities: AuthorityList,
}

/// An authority whose precommit is in a certificate.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CertificateSigner {
    pub(super) organisation: OrganisationId,
    node: String,
}

/// Where an event stands.
#[derive(Clone, Debug)]
pub(super) struct Standing<'a> {
    /// The transaction; `None` for what the chain itself did at the block's end.
    pub(super) transaction: Option<&'a SignedTransaction>,
    /// Position of its receipt and, where there is one, of the transaction, from 0.
    pub(super) index: usize,
}

/// Blocks that were fetched.
#[derive(Debug)]
pub(super) struct Blocks<'a> {
    chain: &'a Chain,
    known: BTreeMap<Height, Whole>,
}

fn not_proven(message: String) -> CliError {
    CliError::new(Exit::Proof, "not_proven", message)
        .rule("an answer that follows from the trusted genesis document")
        .hint("ask another node")
}

impl<'a> Blocks<'a> {
    /// None yet.
    pub(super) const fn new(chain: &'a Chain) -> Self {
        Self { chain, known: BTreeMap::new() }
    }

    /// A block, checked unless nothing is.
    ///
    /// # Errors
    /// When no node answers, or anything in it is not what authorities certified.
    pub(super) async fn of(&mut self, height: Height) -> Result<&Whole> {
        if !self.known.contains_key(&height) {
            let whole = self.fetch(height).await?;
            self.known.insert(height, whole);
        }
        self.known.get(&height).ok_or_else(|| CliError::internal("no_block", "a block that was fetched is gone"))
    }

    async fn fetch(&self, height: Height) -> Result<Whole> {
        let name = height.to_string();
        let document = self.chain.client.block(&name, true).await?;
        let headers = self.chain.client.headers(height, 1).await?.headers;
        let authorities = headers.into_iter().next().and_then(|h| h.authorities).ok_or_else(|| {
            CliError::new(Exit::Network, "bad_answer", format!("no authority list came with header {height}"))
        })?;
        let mut certificate = document.certificate.clone();
        if let Some(verifier) = self.chain.verifier() {
            let known = verifier.header(height).await?;
            check(&name, &document, &known.header().hash())?;
            if authorities.hash() != known.header().authorities {
                return Err(not_proven(format!("the authority list of height {height} is not the header's")));
            }
            // The node may hold another good certificate of the same block; this one was checked.
            certificate = known.certificate().clone();
        }
        let transactions = document.transactions.unwrap_or_default();
        let receipts = document.receipts.unwrap_or_default();
        if receipts.len() < transactions.len() {
            return Err(not_proven(format!("block {height} has fewer receipts than transactions")));
        }
        for (transaction, receipt) in transactions.iter().zip(&receipts) {
            if receipt.transaction != transaction.value.hash() {
                return Err(not_proven(format!("a receipt of block {height} is of another transaction")));
            }
        }
        Ok(Whole { header: document.header, certificate, transactions, receipts, authorities })
    }
}

impl Whole {
    /// Where an event stands, by its number in the block.
    pub(super) fn standing(&self, number: u32, event: &Event) -> Option<Standing<'_>> {
        let mut left = usize::try_from(number).ok()?;
        for (index, receipt) in self.receipts.iter().enumerate() {
            match receipt.events.get(left) {
                Some(found) if found == event => {
                    return Some(Standing { transaction: self.transactions.get(index), index });
                }
                Some(_) => return None,
                None => left = left.checked_sub(receipt.events.len())?,
            }
        }
        None
    }

    /// The transaction in whose receipt an event is that a test finds.
    pub(super) fn with_event(&self, mut is: impl FnMut(&Event) -> bool) -> Option<&SignedTransaction> {
        let mut pairs = self.transactions.iter().zip(&self.receipts);
        pairs.find(|(_, receipt)| receipt.events.iter().any(&mut is)).map(|(transaction, _)| transaction)
    }

    /// Who signed the certificate.
    pub(super) fn certificate_signers(&self) -> Vec<CertificateSigner> {
        let members = self.authorities.members();
        let signatures = self.certificate.signatures.iter();
        signatures
            .filter_map(|signature| {
                let authority = members.iter().find(|a| a.node == signature.voter)?;
                Some(CertificateSigner {
                    organisation: authority.organisation.clone(),
                    node: authority.node.to_string(),
                })
            })
            .collect()
    }

    /// How many signatures make a certificate.
    pub(super) fn quorum(&self) -> usize {
        self.authorities.quorum()
    }

    /// The header's hash.
    pub(super) fn hash(&self) -> Hash {
        self.header.hash()
    }
}

/// Checks a transaction's signature.
///
/// # Errors
/// When it does not verify.
pub(super) fn signed(transaction: &SignedTransaction) -> Result<()> {
    let checked = transaction.clone().verify();
    checked
        .map(|_| ())
        .map_err(|_| not_proven(format!("the signature of transaction {} does not verify", transaction.value.hash())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::{
        authority::{Authority, Threshold},
        block::NodeInstruction,
        codec::{Bytes, List, Text},
        crypto::NodeId,
        id::{ChainId, ContractId, Round},
        receipt::Status,
    };

    fn event(name: &str) -> Event {
        let (topic, data) = (Bytes::default(), Bytes::default());
        Event { contract: ContractId::new("c").unwrap(), name: Text::new(name).unwrap(), topic, data }
    }

    fn receipt(events: &[&str]) -> Receipt {
        Receipt {
            transaction: Hash::ZERO,
            status: Status::Succeeded,
            fuel_used: 0,
            result: Bytes::default(),
            events: List::new(events.iter().map(|name| event(name)).collect()).unwrap(),
        }
    }

    /// A block without transactions: what it has was done at its end.
    fn whole(receipts: &[&[&str]]) -> Whole {
        let (chain, node) = (ChainId::new("c").unwrap(), NodeId([1; 32]));
        let header = Header {
            version: 1,
            chain: chain.clone(),
            height: Height(1),
            previous: Hash::ZERO,
            packer: node,
            transactions_root: Hash::ZERO,
            state_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            authorities: Hash::ZERO,
            next_authorities: Hash::ZERO,
            timestamp_ms: 0,
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        };
        let organisation = OrganisationId::new("registry-1").unwrap();
        Whole {
            certificate: QuorumCertificate {
                chain,
                height: Height(1),
                round: Round(0),
                block: header.hash(),
                signatures: List::default(),
            },
            header,
            transactions: Vec::new(),
            receipts: receipts.iter().map(|events| receipt(events)).collect(),
            authorities: AuthorityList::new(vec![Authority { node, organisation }], Threshold::TwoThirds).unwrap(),
        }
    }

    #[test]
    fn an_event_stands_where_its_number_says_or_nowhere() {
        let whole = whole(&[&["A", "B"], &[], &["C"]]);
        let place = |number, name| whole.standing(number, &event(name)).map(|standing| standing.index);
        assert_eq!([place(0, "A"), place(1, "B"), place(2, "C")], [Some(0), Some(0), Some(2)]);
        for (number, name) in [(0, "B"), (2, "B"), (1, "C"), (3, "C"), (u32::MAX, "A")] {
            assert_eq!(place(number, name), None, "{number} {name}");
        }
        assert!(whole.standing(2, &event("C")).unwrap().transaction.is_none());
    }
}
