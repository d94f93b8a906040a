//! Keys of the built-in contracts' state: what a client needs to ask for a proof.
//!
//! Each function gives the contract's own key; [`althing_types::keyspace::storage`] with the contract's id makes the key
//! of the chain's state of it. A key is the field's number, then for maps the entry's key in the ordered
//! form of [`althing_types::order`]: names sort by their labels from the right.

use alloc::vec::Vec;
use althing_types::{
    crypto::NodeId,
    id::{ChainId, OrganisationId},
    name::DomainName,
    order::{Key, storage_key},
};

/// Field numbers of `tld_binding`.
pub mod tld_binding {
    /// Map from TLD to `Binding`.
    pub const BINDINGS: u8 = 1;
    /// Value of `BindingCounts`.
    pub const COUNTS: u8 = 2;
}

/// Field numbers of `domain_records`.
pub mod domain_records {
    /// Map from TLD to `Delegation`.
    pub const DELEGATIONS: u8 = 1;
    /// Map from host name to `Host`.
    pub const HOSTS: u8 = 2;
    /// Value of `Apex`.
    pub const APEX: u8 = 3;
    /// Value of `Counts`.
    pub const COUNTS: u8 = 4;
    /// Index from host name to the TLDs that use it.
    pub const USERS: u8 = 5;
    /// Map from number to `HeldChange`.
    pub const HELD: u8 = 6;
    /// Map from number to `HeldContent`.
    pub const HELD_CONTENTS: u8 = 7;
    /// Value of `HeldCounts`.
    pub const HELD_COUNTS: u8 = 8;
    /// Value of `HoldSettings`.
    pub const HOLD_SETTINGS: u8 = 9;
    /// Index from organisation to the numbers of its open held changes.
    pub const HELD_OF: u8 = 10;
    /// Index from expiry to the numbers of open held changes.
    pub const EXPIRIES: u8 = 11;
    /// Index from settlement's height to the numbers of settled changes.
    pub const SETTLED: u8 = 12;
    /// Map from organisation to the `Tally` of its changes.
    pub const TALLIES: u8 = 13;
    /// Value of the `Tally` of all changes.
    pub const ZONE_TALLY: u8 = 14;
    /// Map from TLD to the height since which contract `root_sync` is to be told of it.
    pub const UNTOLD: u8 = 15;
}

/// Field numbers and keys of `registrations`.
pub mod registrations {
    use super::{DomainName, Key, OrganisationId, Vec, field, storage_key};

    /// Map from name to `Domain`.
    pub const DOMAINS: u8 = 1;
    /// Map from host name to `Host`.
    pub const HOSTS: u8 = 2;
    /// Value of `Apex`.
    pub const APEX: u8 = 3;
    /// Value of `Counts`.
    pub const COUNTS: u8 = 4;
    /// Index from host name within the TLD to the domains that name it.
    pub const USERS: u8 = 5;
    /// Index from time in milliseconds to the names for which something is due then.
    pub const DUE: u8 = 6;
    /// Index from sponsoring registrar to its names.
    pub const BY_SPONSOR: u8 = 7;
    /// Map from name to the reason why it is reserved.
    pub const RESERVED: u8 = 8;
    /// Value of `Settings`.
    pub const SETTINGS: u8 = 9;
    /// Value of `Charter`.
    pub const CHARTER: u8 = 10;

    /// A registered name.
    pub fn domain_key(name: &DomainName) -> Vec<u8> {
        storage_key(DOMAINS, name)
    }
    /// Prefix of all registered names.
    pub fn domains_prefix() -> Vec<u8> {
        field(DOMAINS)
    }
    /// A subordinate host.
    pub fn host_key(host: &DomainName) -> Vec<u8> {
        storage_key(HOSTS, host)
    }
    /// Prefix of all subordinate hosts.
    pub fn hosts_prefix() -> Vec<u8> {
        field(HOSTS)
    }
    /// The TLD's own name servers, DS records and glue.
    pub fn apex_key() -> Vec<u8> {
        field(APEX)
    }
    /// The totals.
    pub fn counts_key() -> Vec<u8> {
        field(COUNTS)
    }
    /// The settings.
    pub fn settings_key() -> Vec<u8> {
        field(SETTINGS)
    }
    /// The TLD and its registry.
    pub fn charter_key() -> Vec<u8> {
        field(CHARTER)
    }
    /// Prefix of a registrar's names; the rest of a key is the name's ordered form.
    pub fn by_sponsor_prefix(sponsor: &OrganisationId) -> Vec<u8> {
        storage_key(BY_SPONSOR, sponsor)
    }
    /// Prefix of all reserved names.
    pub fn reserved_prefix() -> Vec<u8> {
        field(RESERVED)
    }
    /// The time and the name of a key of the index of what is due.
    pub fn due_of(key: &[u8]) -> Option<(u64, DomainName)> {
        let mut rest = key.strip_prefix(&[DUE])?;
        let entry = (u64::decode_key(&mut rest)?, DomainName::decode_key(&mut rest)?);
        rest.is_empty().then_some(entry)
    }
}

/// Field numbers of `bootstrap`.
pub mod bootstrap {
    /// Map from TLD to `Entry`.
    pub const ENTRIES: u8 = 1;
    /// Map from registrar id to `Registrar`.
    pub const REGISTRARS: u8 = 2;
    /// Map from registrar id to `Accreditation`.
    pub const ACCREDITATIONS: u8 = 3;
    /// Map from organisation to `Claim`.
    pub const CLAIMS: u8 = 4;
    /// Value of `Counts`.
    pub const COUNTS: u8 = 5;
    /// Value of `Settings`.
    pub const SETTINGS: u8 = 6;
    /// Map from registrar id to the organisation that claims it.
    pub const CLAIMANTS: u8 = 7;
    /// Map from TLD to the organisation, on a chain without contract `tld_binding`.
    pub const BINDINGS: u8 = 8;
    /// Map from TLD and revision to `EntryChange`.
    pub const HISTORY: u8 = 9;
    /// Map from registrar id and revision to `RegistrarChange`.
    pub const REGISTRAR_HISTORY: u8 = 10;
    /// Map from TLD to the height at which contract `root_sync` could not be told of it.
    pub const UNTOLD: u8 = 11;
}

/// Field numbers of `governance`.
pub mod governance {
    /// Map from organisation to `Member`.
    pub const MEMBERS: u8 = 1;
    /// Map from node to `NodeRecord`.
    pub const NODES: u8 = 2;
    /// Map from number to `Proposal`.
    pub const PROPOSALS: u8 = 3;
    /// Map from number to `ProposalKind`.
    pub const CONTENTS: u8 = 4;
    /// Map from number and organisation to `VoteRecord`.
    pub const VOTES: u8 = 5;
    /// Value of `Agenda`.
    pub const AGENDA: u8 = 6;
    /// Value of `Lists`.
    pub const LISTS: u8 = 7;
    /// Value of `Scores`.
    pub const SCORES: u8 = 8;
    /// Value of `GovernanceSettings`.
    pub const SETTINGS: u8 = 9;
    /// Value of `CoordinatorRecord`.
    pub const COORDINATOR: u8 = 10;
    /// Value of `GovernanceCounts`.
    pub const COUNTS: u8 = 11;
    /// Map from key to the organisation whose it is.
    pub const KEYS: u8 = 12;
    /// Map from serial number to `CertificateRecord`.
    pub const CERTIFICATES: u8 = 13;
    /// Map from organisation to the nodes it wants as authorities.
    pub const ELECTIONS: u8 = 14;
    /// Index from code hash to the organisations that rebuilt it.
    pub const ATTESTATIONS: u8 = 15;
    /// Value of `Parameters`.
    pub const PARAMETERS: u8 = 16;
    /// Value of the certificate authority's certificate in DER.
    pub const CERTIFICATE_AUTHORITY: u8 = 17;
}

/// Field numbers of `node_admission`.
pub mod node_admission {
    /// Map from node to `AdmissionRecord`.
    pub const REQUESTS: u8 = 1;
    /// Map from node to `CertificateChain`.
    pub const CERTIFICATES: u8 = 2;
}

/// Field numbers of `node_removal`.
pub mod node_removal {
    /// Map from accused organisation, node (zeros for none) and complainant to `Complaint`.
    pub const COMPLAINTS: u8 = 1;
    /// Map from node, height, round and offence to `EvidenceRecord`.
    pub const EVIDENCE: u8 = 2;
    /// Map from proposal to `Review`.
    pub const REVIEWS: u8 = 3;
    /// Map from accused organisation and node (zeros for none) to the last review's proposal.
    pub const LAST: u8 = 4;
    /// Value of the proposals that the coordinator opened on its own finding and that were not ended.
    pub const FINDINGS: u8 = 5;
}

/// Field numbers of `root_sync`.
pub mod root_sync {
    /// Map from peer chain to `Peer`.
    pub const PEERS: u8 = 1;
    /// Map from peer chain to `TrustedList`.
    pub const LISTS: u8 = 2;
    /// Map from peer chain to the sequence number (u64) of the last message received from it.
    pub const RECEIVED: u8 = 3;
    /// Map from peer chain and sequence number to `Message`.
    pub const OUTBOX: u8 = 4;
    /// Map from TLD to the chain that is spoken to about it.
    pub const TLDS: u8 = 5;
    /// Map from peer chain and number to `RefusalRecord`; from this chain's own id for what was of no peer.
    pub const REFUSALS: u8 = 6;
    /// Map from peer chain to `HeldChange`.
    pub const HELD: u8 = 7;
    /// Map from peer chain to `Deferred`.
    pub const DEFERRED: u8 = 8;
    /// Map from TLD to the base URLs that the root told.
    pub const BOOTSTRAP: u8 = 9;
    /// Value of the number (u64) of refused deliveries of no peer.
    pub const STRANGERS: u8 = 10;
}

fn field(number: u8) -> Vec<u8> {
    alloc::vec![number]
}

/// `tld_binding`: the binding of a TLD.
pub fn binding_key(tld: &DomainName) -> Vec<u8> {
    storage_key(tld_binding::BINDINGS, tld)
}
/// `tld_binding`: prefix of all bindings.
pub fn bindings_prefix() -> Vec<u8> {
    field(tld_binding::BINDINGS)
}
/// `tld_binding`: the totals.
pub fn binding_counts_key() -> Vec<u8> {
    field(tld_binding::COUNTS)
}
/// `domain_records`: the delegation of a TLD.
pub fn delegation_key(tld: &DomainName) -> Vec<u8> {
    storage_key(domain_records::DELEGATIONS, tld)
}
/// `domain_records`: prefix of all delegations.
pub fn delegations_prefix() -> Vec<u8> {
    field(domain_records::DELEGATIONS)
}
/// `domain_records`: a host.
pub fn host_key(host: &DomainName) -> Vec<u8> {
    storage_key(domain_records::HOSTS, host)
}
/// `domain_records`: prefix of all hosts.
pub fn hosts_prefix() -> Vec<u8> {
    field(domain_records::HOSTS)
}
/// `domain_records`: the root's name servers.
pub fn apex_key() -> Vec<u8> {
    field(domain_records::APEX)
}
/// `domain_records`: the totals.
pub fn counts_key() -> Vec<u8> {
    field(domain_records::COUNTS)
}
/// `domain_records`: prefix of the TLDs that use a host; the rest of a key is the TLD's ordered form.
pub fn users_prefix(host: &DomainName) -> Vec<u8> {
    storage_key(domain_records::USERS, host)
}

/// `domain_records`: a held change.
pub fn held_change_key(id: u64) -> Vec<u8> {
    storage_key(domain_records::HELD, &id)
}
/// `domain_records`: prefix of all held changes.
pub fn held_changes_prefix() -> Vec<u8> {
    field(domain_records::HELD)
}
/// `domain_records`: what a held change would do.
pub fn held_content_key(id: u64) -> Vec<u8> {
    storage_key(domain_records::HELD_CONTENTS, &id)
}
/// `domain_records`: the totals of held changes.
pub fn held_counts_key() -> Vec<u8> {
    field(domain_records::HELD_COUNTS)
}
/// `domain_records`: when changes wait.
pub fn hold_settings_key() -> Vec<u8> {
    field(domain_records::HOLD_SETTINGS)
}
/// `bootstrap`: the entry of a TLD.
pub fn bootstrap_entry_key(tld: &DomainName) -> Vec<u8> {
    storage_key(bootstrap::ENTRIES, tld)
}
/// `bootstrap`: prefix of all entries of TLDs.
pub fn bootstrap_entries_prefix() -> Vec<u8> {
    field(bootstrap::ENTRIES)
}
/// `bootstrap`: the entry of a registrar.
pub fn registrar_key(id: u32) -> Vec<u8> {
    storage_key(bootstrap::REGISTRARS, &id)
}
/// `bootstrap`: prefix of all entries of registrars.
pub fn registrars_prefix() -> Vec<u8> {
    field(bootstrap::REGISTRARS)
}
/// `bootstrap`: what the accreditation list says of a registrar id.
pub fn accreditation_key(id: u32) -> Vec<u8> {
    storage_key(bootstrap::ACCREDITATIONS, &id)
}
/// `bootstrap`: prefix of the accreditation list.
pub fn accreditations_prefix() -> Vec<u8> {
    field(bootstrap::ACCREDITATIONS)
}
/// `bootstrap`: an organisation's claim on a registrar id.
pub fn claim_key(organisation: &OrganisationId) -> Vec<u8> {
    storage_key(bootstrap::CLAIMS, organisation)
}
/// `bootstrap`: prefix of all claims on registrar ids.
pub fn claims_prefix() -> Vec<u8> {
    field(bootstrap::CLAIMS)
}
/// `bootstrap`: prefix of its own bindings, on a chain without contract `tld_binding`.
pub fn bootstrap_bindings_prefix() -> Vec<u8> {
    field(bootstrap::BINDINGS)
}
/// `bootstrap`: prefix of the past values of a TLD's entry, oldest first.
pub fn bootstrap_history_prefix(tld: &DomainName) -> Vec<u8> {
    storage_key(bootstrap::HISTORY, tld)
}
/// `bootstrap`: prefix of the past values of a registrar's entry, oldest first.
pub fn registrar_history_prefix(id: u32) -> Vec<u8> {
    storage_key(bootstrap::REGISTRAR_HISTORY, &id)
}
/// `bootstrap`: the totals.
pub fn bootstrap_counts_key() -> Vec<u8> {
    field(bootstrap::COUNTS)
}
/// The registrar id in a key of [`registrars_prefix`] or [`accreditations_prefix`].
pub fn registrar_of(key: &[u8]) -> Option<u32> {
    let mut rest = key.get(1..)?;
    u32::decode_key(&mut rest).filter(|_| rest.is_empty())
}

/// `governance`: a member organisation.
pub fn member_key(organisation: &OrganisationId) -> Vec<u8> {
    storage_key(governance::MEMBERS, organisation)
}
/// `governance`: prefix of all members.
pub fn members_prefix() -> Vec<u8> {
    field(governance::MEMBERS)
}
/// `governance`: a node.
pub fn node_key(node: &NodeId) -> Vec<u8> {
    storage_key(governance::NODES, &node.key())
}
/// `governance`: prefix of all nodes.
pub fn nodes_prefix() -> Vec<u8> {
    field(governance::NODES)
}
/// `governance`: a proposal without its content.
pub fn proposal_key(proposal: u64) -> Vec<u8> {
    storage_key(governance::PROPOSALS, &proposal)
}
/// `governance`: prefix of all proposals.
pub fn proposals_prefix() -> Vec<u8> {
    field(governance::PROPOSALS)
}
/// `governance`: the content of a proposal.
pub fn content_key(proposal: u64) -> Vec<u8> {
    storage_key(governance::CONTENTS, &proposal)
}
/// `governance`: an organisation's vote on a proposal.
pub fn vote_key(proposal: u64, organisation: &OrganisationId) -> Vec<u8> {
    storage_key(governance::VOTES, &(proposal, organisation.clone()))
}
/// `governance`: prefix of all votes on a proposal.
pub fn votes_prefix(proposal: u64) -> Vec<u8> {
    storage_key(governance::VOTES, &proposal)
}
/// `governance`: every proposal that is not ended.
pub fn agenda_key() -> Vec<u8> {
    field(governance::AGENDA)
}
/// `governance`: the authority list and the one before.
pub fn lists_key() -> Vec<u8> {
    field(governance::LISTS)
}
/// `governance`: what is counted of nodes.
pub fn scores_key() -> Vec<u8> {
    field(governance::SCORES)
}
/// `governance`: the settings.
pub fn settings_key() -> Vec<u8> {
    field(governance::SETTINGS)
}
/// `governance`: who leads votes.
pub fn coordinator_key() -> Vec<u8> {
    field(governance::COORDINATOR)
}
/// `governance`: the totals.
pub fn governance_counts_key() -> Vec<u8> {
    field(governance::COUNTS)
}
/// `node_admission`: the last request of a node.
pub fn request_key(node: &NodeId) -> Vec<u8> {
    storage_key(node_admission::REQUESTS, &node.key())
}
/// `node_admission`: the certificates of that request.
pub fn certificates_key(node: &NodeId) -> Vec<u8> {
    storage_key(node_admission::CERTIFICATES, &node.key())
}
/// `node_removal`: prefix of all complaints of an organisation.
pub fn complaints_prefix(accused: &OrganisationId) -> Vec<u8> {
    storage_key(node_removal::COMPLAINTS, accused)
}
/// `node_removal`: prefix of the evidence against a node.
pub fn evidence_prefix(node: &NodeId) -> Vec<u8> {
    storage_key(node_removal::EVIDENCE, &node.key())
}
/// `node_removal`: the review behind a proposal.
pub fn review_key(proposal: u64) -> Vec<u8> {
    storage_key(node_removal::REVIEWS, &proposal)
}

/// `root_sync`: what is known of a peer.
pub fn peer_key(peer: &ChainId) -> Vec<u8> {
    storage_key(root_sync::PEERS, peer)
}
/// `root_sync`: prefix of all peers.
pub fn peers_prefix() -> Vec<u8> {
    field(root_sync::PEERS)
}
/// `root_sync`: the trusted authority list of a peer.
pub fn trusted_list_key(peer: &ChainId) -> Vec<u8> {
    storage_key(root_sync::LISTS, peer)
}
/// `root_sync`: sequence number of the last message received from a peer.
pub fn received_key(peer: &ChainId) -> Vec<u8> {
    storage_key(root_sync::RECEIVED, peer)
}
/// `root_sync`: a message to a peer.
pub fn outbox_key(peer: &ChainId, sequence: u64) -> Vec<u8> {
    storage_key(root_sync::OUTBOX, &(peer.clone(), sequence))
}
/// `root_sync`: the change of a peer that waits for a vote.
pub fn held_key(peer: &ChainId) -> Vec<u8> {
    storage_key(root_sync::HELD, peer)
}
/// `root_sync`: prefix of all changes that wait for a vote.
pub fn all_held_prefix() -> Vec<u8> {
    field(root_sync::HELD)
}
/// `root_sync`: prefix of the refused deliveries of a peer.
pub fn refusals_prefix(peer: &ChainId) -> Vec<u8> {
    storage_key(root_sync::REFUSALS, peer)
}
/// `root_sync`: prefix of all refused deliveries.
pub fn all_refusals_prefix() -> Vec<u8> {
    field(root_sync::REFUSALS)
}
/// `root_sync`: the bootstrap entry that the root told.
pub fn told_bootstrap_key(tld: &DomainName) -> Vec<u8> {
    storage_key(root_sync::BOOTSTRAP, tld)
}

/// The name in a key of a map by names: what [`bindings_prefix`], [`delegations_prefix`] and [`hosts_prefix`] find.
pub fn name_of(key: &[u8]) -> Option<DomainName> {
    let mut rest = key.get(1..)?;
    DomainName::decode_key(&mut rest).filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_documented_and_name_their_entry() {
        let name = DomainName::parse("a.nic.lab").unwrap();
        assert_eq!(host_key(&name), b"\x02lab\0nic\0a\0\0");
        assert_eq!(name_of(&host_key(&name)), Some(name));
        assert_eq!(name_of(&counts_key()), None);
        assert_eq!(binding_key(&DomainName::parse("lab").unwrap()), b"\x01lab\0\0");
    }
}
