//! What contract `governance` refuses, and what it tells the world.

use super::{Choice, MAX_OUTCOME, MAX_REASON, ProposalClass, ProposalStatus, Serial};
use crate::describe::{errors, events};
use alloc::string::String;
use althing_types::{
    authority::AuthorityList,
    codec::Text,
    crypto::{NodeId, PublicKey},
    govern::Standing,
    hash::Hash,
    id::OrganisationId,
};

errors! {
    /// Why a call of `governance` was refused. Numbers never change their meaning.
    GovernanceError {
        /// There is no such proposal.
        1 UnknownProposal("no proposal has the number {proposal}") {
            /// The number given.
            proposal: u64,
        }
        /// The proposal is not voted on any more.
        2 Closed("proposal {proposal} is {status}; its vote is closed") {
            /// The proposal.
            proposal: u64,
            /// Where it is.
            status: ProposalStatus,
        }
        /// The vote came after the last moment.
        3 Late("proposal {proposal} was to be voted on until {closes_ms}; it is {time_ms}") {
            /// The proposal.
            proposal: u64,
            /// The last moment in block time.
            closes_ms: u64,
            /// Block time.
            time_ms: u64,
        }
        /// The organisation does not belong to the electorate.
        4 NotElector("organisation {organisation} may not vote on proposal {proposal}: it {reason}") {
            /// The proposal.
            proposal: u64,
            /// The organisation.
            organisation: OrganisationId,
            /// Why not.
            reason: &'static str,
        }
        /// The organisation has cast this very vote already.
        5 SameVote("organisation {organisation} has voted '{choice}' on proposal {proposal} already") {
            /// The proposal.
            proposal: u64,
            /// The organisation.
            organisation: OrganisationId,
            /// The vote.
            choice: Choice,
        }
        /// The vote names another content than the proposal's on this chain.
        6 WrongContent("proposal {proposal} has the content {expected}, the vote is on {given}") {
            /// The proposal.
            proposal: u64,
            /// Hash of its content on this chain.
            expected: Hash,
            /// Hash that the vote names.
            given: Hash,
        }
        /// There is no vote to take back.
        7 NoVote("organisation {organisation} has no vote on proposal {proposal}") {
            /// The proposal.
            proposal: u64,
            /// The organisation.
            organisation: OrganisationId,
        }
        /// Too many proposals are not ended.
        8 TooManyOpen("{open} proposals are not ended; at most {most} may be") {
            /// How many there are.
            open: u32,
            /// Most.
            most: u32,
        }
        /// Too many proposals of one organisation are not ended.
        9 TooManyOfOne("{open} proposals of organisation {organisation} are not ended; at most {most} may be") {
            /// The organisation.
            organisation: OrganisationId,
            /// How many there are.
            open: u32,
            /// Most.
            most: u32,
        }
        /// The organisation is no member.
        10 NotMember("organisation {organisation} is no member") {
            /// The organisation.
            organisation: OrganisationId,
        }
        /// The signing key belongs to no member, or has not the duty for this.
        11 NoDuty("this needs a member's key with the duty {duty}") {
            /// The duty.
            duty: &'static str,
        }
        /// A proposal of this kind is opened in another way.
        12 WrongWay("a proposal of kind '{class}' is opened by {way}") {
            /// The kind.
            class: ProposalClass,
            /// How it is opened.
            way: &'static str,
        }
        /// Only the organisation that leads votes may do this.
        13 NotCoordinator("organisation {organisation} does not lead votes; {coordinator} does") {
            /// The caller.
            organisation: OrganisationId,
            /// Who leads.
            coordinator: OrganisationId,
        }
        /// The node has not been a member for long enough.
        14 TooEarly("node {node} may be promoted from {from_ms} on; it is {time_ms}") {
            /// The node.
            node: NodeId,
            /// First moment in block time.
            from_ms: u64,
            /// Block time.
            time_ms: u64,
        }
        /// The node is no member's.
        15 UnknownNode("node {node} is no member's") {
            /// The node.
            node: NodeId,
        }
        /// The node stands so already, or cannot be made to stand so in this way.
        16 SameStanding("node {node} stands as {standing}: {rule}") {
            /// The node.
            node: NodeId,
            /// How it stands.
            standing: &'static str,
            /// The rule.
            rule: &'static str,
        }
        /// Too few authorities would be left.
        17 QuorumAtRisk("{left} nodes would be left to stand as authorities; at least {least} must be") {
            /// How many would be left.
            left: u32,
            /// Fewest.
            least: u32,
        }
        /// The node is a member's already.
        18 NodeTaken("node {node} is organisation {organisation}'s already") {
            /// The node.
            node: NodeId,
            /// Whose it is.
            organisation: OrganisationId,
        }
        /// The key is a member's already.
        19 KeyTaken("key {key} is organisation {organisation}'s already") {
            /// The key.
            key: PublicKey,
            /// Whose it is.
            organisation: OrganisationId,
        }
        /// The keys of an organisation break a rule.
        20 BadKeys("keys of organisation {organisation}: {rule}") {
            /// The organisation.
            organisation: OrganisationId,
            /// The rule.
            rule: &'static str,
        }
        /// A number of the settings is out of range.
        21 BadSettings("setting {field} is {value}: must be {low} to {high}") {
            /// The field.
            field: &'static str,
            /// Its value.
            value: u64,
            /// Least.
            low: u64,
            /// Most.
            high: u64,
        }
        /// The chain's parameters break a rule.
        22 BadParameters("{reason}") {
            /// The rule.
            reason: String,
        }
        /// The content of the proposal is too long.
        23 TooLong("the proposal has {found} bytes; at most {most} are allowed") {
            /// Bytes given.
            found: u32,
            /// Most.
            most: u32,
        }
        /// A proposal of calls has none.
        24 NoCalls("the proposal has no calls") {}
        /// A data change calls what was not made for it.
        25 NotReviewable("call {index}, {method}: a data change calls only methods 'reviewed_..' whose first argument is {organisation}") {
            /// Position of the call from 0.
            index: u32,
            /// The method.
            method: String,
            /// The submitter.
            organisation: OrganisationId,
        }
        /// A call of a data change that needs no review failed; nothing of the change was written.
        26 ChangeFailed("call {index} failed: {reason}") {
            /// Position of the call from 0.
            index: u32,
            /// Its failure.
            reason: String,
        }
        /// The organisation that leads votes cannot be removed while it leads.
        27 IsCoordinator("organisation {organisation} leads votes; choose another one first") {
            /// The organisation.
            organisation: OrganisationId,
        }
        /// No node was admitted with this certificate, or it is revoked already.
        28 UnknownSerial("no valid certificate here has the serial number {serial}") {
            /// The serial number in hexadecimal digits.
            serial: String,
        }
        /// The node refused a change of what it reads itself.
        29 Refused("the change was refused: {reason}") {
            /// Why.
            reason: String,
        }
        /// Only the node itself may tell the end of a block.
        30 NotTheNode("only the node itself ends a block") {}
        /// The organisation's roles or the node's break a rule.
        31 BadOrganisation("organisation {organisation}: {rule}") {
            /// The organisation.
            organisation: OrganisationId,
            /// The rule.
            rule: &'static str,
        }
        /// The chain has as many nodes as it may.
        32 TooManyNodes("the chain has {nodes} nodes, as many as it may") {
            /// How many.
            nodes: u32,
        }
        /// Too few members have rebuilt the module.
        33 Unattested("{found} members have rebuilt module {code}; {needed} must have") {
            /// Hash of the module.
            code: Hash,
            /// How many have.
            found: u32,
            /// How many must have.
            needed: u32,
        }
        /// Only one contract may call this.
        34 NotTheContract("only contract {contract} may call this") {
            /// The contract.
            contract: &'static str,
        }
        /// The state lacks what it must have: the contract was not started with a seed.
        35 NotStarted("the contract was started without a seed") {}
        /// A certificate is in use already.
        36 SerialTaken("the certificate with the serial number {serial} is in use already or was revoked") {
            /// The serial number in hexadecimal digits.
            serial: String,
        }
    }
}

impl GovernanceError {
    /// Number of [`GovernanceError::NodeTaken`].
    pub const NODE_TAKEN: u32 = 18;
    /// Number of [`GovernanceError::KeyTaken`].
    pub const KEY_TAKEN: u32 = 19;
}

events! {
    /// An organisation became a member.
    MemberAdded {
        /// The organisation.
        organisation: OrganisationId;
        /// Its first node; `None` for members of the genesis.
        node: Option<NodeId>,
    }
    /// An organisation, or one node of it, left.
    MemberRemoved {
        /// The organisation.
        organisation: OrganisationId;
        /// Only this node of it.
        node: Option<NodeId>,
    }
    /// A node stands in another way, or came in as a backup node.
    StandingChanged {
        /// The node.
        node: NodeId;
        /// Its organisation.
        organisation: OrganisationId,
        /// What it may do from now on.
        standing: Standing,
    }
    /// Members may vote.
    ProposalOpened {
        /// The proposal.
        proposal: u64;
        /// What it is about.
        class: ProposalClass,
        /// Who opened it.
        opener: OrganisationId,
        /// Hash that votes repeat.
        content: Hash,
        /// Last block time at which votes count.
        closes_ms: u64,
    }
    /// An organisation voted, or changed its vote.
    VoteCast {
        /// The proposal.
        proposal: u64;
        /// Who voted.
        organisation: OrganisationId,
        /// The vote.
        choice: Choice,
        /// Who agree now.
        agree: u32,
        /// Who object now.
        object: u32,
    }
    /// An organisation took its vote back.
    VoteWithdrawn {
        /// The proposal.
        proposal: u64;
        /// Who.
        organisation: OrganisationId,
        /// Who agree now.
        agree: u32,
        /// Who object now.
        object: u32,
    }
    /// A vote was decided: waiting or executing when it was accepted, else rejected, expired or vetoed.
    ProposalDecided {
        /// The proposal.
        proposal: u64;
        /// Where it is now.
        status: ProposalStatus,
        /// Who agreed.
        agree: u32,
        /// Who objected.
        object: u32,
    }
    /// A proposal was carried out, or could not be.
    ProposalExecuted {
        /// The proposal.
        proposal: u64;
        /// Done or failed.
        status: ProposalStatus,
        /// Why it failed.
        message: Text<MAX_OUTCOME>,
    }
    /// A part of a plan was carried out: what a removed member had written was put back.
    Remedied {
        /// The proposal.
        proposal: u64;
        /// The plan.
        plan: Hash,
        /// Parts that are carried out.
        done: u32,
        /// Parts that there are.
        parts: u32,
        /// What was done so far.
        message: Text<MAX_OUTCOME>,
    }
    /// Another authority list decides from the next height on.
    AuthoritiesChanged {;
        /// The list.
        authorities: AuthorityList,
    }
    /// The chain had lost its quorum; more than half of the member organisations have signed that another list decides
    /// from this height on, this one included. Standings follow it.
    Recovered {;
        /// The list.
        authorities: AuthorityList,
    }
    /// An organisation has other keys.
    KeysChanged {
        /// The organisation.
        organisation: OrganisationId;
        /// How many it has, those of its nodes included.
        keys: u32,
    }
    /// A certificate is good no more.
    CertificateRevoked {
        /// Its serial number.
        serial: Serial;
        /// The node that was admitted with it, if one was.
        node: Option<NodeId>,
        /// Why.
        reason: Text<MAX_REASON>,
    }
    /// Another organisation leads votes.
    CoordinatorChanged {
        /// Who leads now.
        organisation: OrganisationId;
        /// Who led before.
        previous: OrganisationId,
    }
    /// Governance works by other numbers.
    SettingsChanged {
        /// The proposal that changed them.
        proposal: u64;
    }
    /// The chain works by other parameters from the next block on.
    ParametersChanged {
        /// The proposal that changed them.
        proposal: u64;
    }
}
