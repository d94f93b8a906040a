//! Options of the commands by which members govern: members, proposals, votes, authorities, complaints, reviews, upgrades.

use super::{HostPort, SendOptions, ca::kind};
use althing_types::{
    crypto::{NodeId, PublicKey},
    govern::Standing,
    hash::Hash,
    id::{ContractId, OrganisationId},
    name::DomainName,
    organisation::Role,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Most fuel of a call of the governing contracts: far above what the largest of them takes.
const FUEL: u64 = 200_000_000;

/// Whose key signs, and whether the receipt is waited for.
#[derive(Clone, Debug, Args)]
pub struct SignOptions {
    /// Key of the home folder that signs; it must be a member's.
    #[arg(long, value_name = "NAME")]
    pub key: String,
    /// A note that stays with the transaction.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub postscript: String,
}

impl SignOptions {
    /// As options of any transaction.
    pub fn sending(&self) -> SendOptions {
        SendOptions {
            key: self.key.clone(),
            fuel: Some(FUEL),
            expires_in: 1_000,
            postscript: self.postscript.clone(),
            no_wait: false,
        }
    }
}

/// `althing member`.
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// List the nodes of all members, with their organisation and standing.
    #[command(
        after_help = "Examples:\n  althing member list\n  althing --api http://127.0.0.1:8100 member list --json\n  althing member list --organisations"
    )]
    List {
        /// List the member organisations instead, those without a node too: each of them has a vote.
        #[arg(long)]
        organisations: bool,
    },
    /// Show a member organisation: what it is, its keys and nodes.
    #[command(after_help = "Examples:\n  althing member show registry-1\n  althing member show registry-1 --json")]
    Show {
        /// Its id.
        id: OrganisationId,
    },
    /// Ask for a node to be admitted; the members then vote on it.
    Request(MemberRequest),
    /// Change the keys of the organisation whose key signs.
    #[command(subcommand)]
    Key(MemberKeyCommand),
    /// Revoke a certificate on the chain: the node that was admitted with it is cut off at once.
    #[command(
        after_help = "Examples:\n  althing member revoke 7e47...da --reason 'machine stolen' --key registry-6\n\nThe organisation that the certificate names may revoke it, and the coordinator; the coordinator also one that nobody was admitted with. The number is in `althing ca list`, `ca show FILE` and `member show ID`."
    )]
    Revoke {
        /// The certificate's serial number, hexadecimal.
        serial: String,
        /// Why; everybody can read it.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
}

/// `althing member key`.
#[derive(Debug, Subcommand)]
pub enum MemberKeyCommand {
    /// Give the organisation one more key.
    #[command(
        after_help = "Examples:\n  althing member key add --public-key 5c0f...e1 --duty voter --key registry-1\n  althing member key add --new-key robot --duty operator --key registry-1\n\nDuties: operator (records), voter (votes), deployer (code)."
    )]
    Add {
        /// The key, 64 hexadecimal digits.
        #[arg(long, value_name = "HEX", required_unless_present = "new_key", conflicts_with = "new_key")]
        public_key: Option<PublicKey>,
        /// Make the key, and keep it in the home folder under this name.
        #[arg(long, value_name = "NAME")]
        new_key: Option<String>,
        /// What it may do; again for each further duty.
        #[arg(long = "duty", value_name = "DUTY", required = true, value_parser = duty)]
        duties: Vec<Role>,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Take a key away from the organisation. One with the duty voter must remain.
    #[command(after_help = "Examples:\n  althing member key remove 5c0f...e1 --key registry-1")]
    Remove {
        /// The key, 64 hexadecimal digits.
        public_key: PublicKey,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Put a new key in the place of the one that signs, in one step: the old one signs nothing more.
    #[command(
        after_help = "Examples:\n  althing member key rotate --new-key registry-1-b --key registry-1\n\nThe new key gets the duties of the old one. Its file is written before the chain is asked."
    )]
    Rotate {
        /// Make the key, and keep it in the home folder under this name.
        #[arg(long, value_name = "NAME")]
        new_key: String,
        /// Who signs: the key that goes.
        #[command(flatten)]
        sign: SignOptions,
    },
}

fn duty(text: &str) -> Result<Role, String> {
    let may = [Role::Operator, Role::Voter, Role::Deployer];
    may.into_iter().find(|role| role.text() == text).ok_or_else(|| "operator, voter or deployer".into())
}

/// Options of `member request`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing member request --organisation registry-6 --kind registry --node-id 3b6a...29 --address root.example:7000 --public-key 5c0f...e1 --certificate node.crt --key registry-1\n  althing member request --organisation registry-1 --kind registry --node-id 3b6a...29 --address b.example:7000 --certificate node.crt --key registry-1\n\nAny member's key may forward a request. An organisation that is a member already gives no key."
)]
pub struct MemberRequest {
    /// Organisation that runs the node.
    #[arg(long, value_name = "ID")]
    pub organisation: OrganisationId,
    /// What the organisation is: registry, registrar, isp, recursive_operator, coordinator, regulator, observer.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Role,
    /// The node's id, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub node_id: NodeId,
    /// Where other nodes reach it; leave it out for a node that only dials.
    #[arg(long, value_name = "HOST:PORT")]
    pub address: Option<HostPort>,
    /// A new organisation's key, 64 hexadecimal digits; it gets every duty.
    #[arg(long, value_name = "HEX", conflicts_with = "new_key")]
    pub public_key: Option<PublicKey>,
    /// Make the new organisation's key, and keep it in the home folder under this name.
    #[arg(long, value_name = "NAME")]
    pub new_key: Option<String>,
    /// Certificate of the node (PEM or DER), its own first, its issuers after it; again for each further file.
    #[arg(long = "certificate", value_name = "FILE", required = true)]
    pub certificates: Vec<PathBuf>,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignOptions,
}

/// `althing proposal`.
#[derive(Debug, Subcommand)]
pub enum ProposalCommand {
    /// List proposals, the newest first.
    #[command(after_help = "Examples:\n  althing proposal list --open\n  althing proposal list --json")]
    List {
        /// Only those that are not ended.
        #[arg(long)]
        open: bool,
    },
    /// Show a proposal: what is asked, by whom, what it changes, who voted, how many are needed, until when.
    #[command(after_help = "Examples:\n  althing proposal show 3\n  althing proposal show 3 --json")]
    Show {
        /// Its number.
        id: u64,
    },
    /// Show what a proposal changes, beside what is now.
    #[command(after_help = "Examples:\n  althing proposal diff 3\n  althing proposal diff 3 --json")]
    Diff {
        /// Its number.
        id: u64,
    },
    /// Propose something.
    #[command(subcommand)]
    Open(OpenCommand),
}

/// `althing proposal open`.
#[derive(Debug, Subcommand)]
pub enum OpenCommand {
    /// Calls of contracts, made with the role governance when the members agree.
    #[command(
        after_help = "Examples:\n  althing proposal open calls calls.json --key registry-1\n\nThe file is a list: [{\"contract\": \"tld_binding\", \"method\": \"bind\", \"arguments\": {\"tld\": \"lab\", \"organisation\": \"registry-2\"}}]"
    )]
    Calls {
        /// File with the calls.
        file: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Bind a top-level domain to a member; when it is bound to another one, rebind it.
    #[command(after_help = "Examples:\n  althing proposal open bind lab registry-2 --key registry-2")]
    Bind {
        /// The top-level domain.
        tld: DomainName,
        /// The organisation that is to run it.
        organisation: OrganisationId,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Let a node stand as authority. The coordinator's to propose; everyone's when it lets one wait.
    #[command(after_help = "Examples:\n  althing proposal open promote 3b6a...29 --key coordinator")]
    Promote {
        /// The node's id.
        node: NodeId,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Let a node stand as authority no more.
    #[command(after_help = "Examples:\n  althing proposal open demote 3b6a...29 --to ordinary --key registry-1")]
    Demote {
        /// The node's id.
        node: NodeId,
        /// What it is from then on: backup or ordinary.
        #[arg(long, value_name = "STANDING", value_parser = lesser)]
        to: Standing,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Other parameters of the chain.
    #[command(
        after_help = "Examples:\n  althing proposal open parameters parameters.json --key registry-1\n\nThe file is a JSON object; what it does not name stays as it is: {\"empty_block_interval_ms\": 2000}"
    )]
    Parameters {
        /// File with the parameters.
        file: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Other numbers that governance works by.
    #[command(
        after_help = "Examples:\n  althing proposal open settings settings.json --key registry-1\n\nThe file is a JSON object; what it does not name stays as it is: {\"timelock_ms\": 86400000}"
    )]
    Settings {
        /// File with the settings.
        file: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Another member is to lead votes.
    #[command(after_help = "Examples:\n  althing proposal open coordinator registry-1 --key registry-1")]
    Coordinator {
        /// The member.
        organisation: OrganisationId,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Upload a module and propose it as a new contract.
    #[command(
        after_help = "Examples:\n  althing proposal open deploy my_counter counter.wasm --key registry-1\n  althing proposal open deploy my_counter counter.wasm '{\"start\": 5}' --key registry-1"
    )]
    Deploy {
        /// The new contract's id.
        id: ContractId,
        /// The module.
        file: PathBuf,
        /// Arguments of the initialiser, as JSON.
        arguments: Option<String>,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Upload a module and propose it as new code of a contract.
    #[command(after_help = "Examples:\n  althing proposal open upgrade my_counter counter-2.wasm --key registry-1")]
    Upgrade {
        /// The contract.
        id: ContractId,
        /// The new module.
        file: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
}

fn lesser(text: &str) -> Result<Standing, String> {
    [Standing::Backup, Standing::Ordinary]
        .into_iter()
        .find(|standing| standing.text() == text)
        .ok_or_else(|| "a demoted node is backup or ordinary".into())
}

/// `althing vote`.
#[derive(Debug, Subcommand)]
pub enum VoteCommand {
    /// Vote for a proposal. The vote is bound to what the proposal says now.
    #[command(after_help = "Examples:\n  althing vote agree 3 --key registry-1")]
    Agree {
        /// The proposal's number.
        id: u64,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Vote against a proposal.
    #[command(after_help = "Examples:\n  althing vote object 3 --key registry-1")]
    Object {
        /// The proposal's number.
        id: u64,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Take a vote back.
    #[command(after_help = "Examples:\n  althing vote withdraw 3 --key registry-1")]
    Withdraw {
        /// The proposal's number.
        id: u64,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
}

/// `althing authority`.
#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// List the authorities that decide the next block, or that decided one, in the order of their turns.
    #[command(after_help = "Examples:\n  althing authority list\n  althing authority list --height 120 --json")]
    List {
        /// The block.
        #[arg(long, value_name = "H")]
        height: Option<u64>,
    },
    /// Show what is counted of each node: blocks verified, rounds missed, and the score that follows.
    #[command(after_help = "Examples:\n  althing authority score\n  althing authority score --json")]
    Score,
    /// Name the nodes that the organisation wants as authorities, where the chain's policy is election.
    #[command(
        after_help = "Examples:\n  althing authority elect 3b6a...29 01b3...aa --key registry-1\n  althing authority elect --none --key registry-1\n\nCounted every `election_blocks` blocks (althing authority list shows the outcome)."
    )]
    Elect {
        /// The nodes.
        #[arg(value_name = "NODE_ID", required_unless_present = "none", conflicts_with = "none")]
        nodes: Vec<NodeId>,
        /// Take the voice back.
        #[arg(long)]
        none: bool,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
}

/// Whom a complaint or a review is about.
#[derive(Clone, Debug, Args)]
pub struct Accused {
    /// The member.
    #[arg(long, value_name = "ID")]
    pub organisation: OrganisationId,
    /// Only this node of it.
    #[arg(long, value_name = "HEX")]
    pub node: Option<NodeId>,
}

/// `althing complaint`.
#[derive(Debug, Subcommand)]
pub enum ComplaintCommand {
    /// Complain of a member or of one of its nodes.
    #[command(
        after_help = "Examples:\n  althing complaint file --organisation registry-5 --evidence 'serves a wrong zone since 10 May' --key isp-1\n  althing complaint file --organisation registry-5 --node 3b6a...29 --evidence 'see the document' --reference 5c0f...e1 --key isp-1"
    )]
    File {
        /// Of whom.
        #[command(flatten)]
        accused: Accused,
        /// What happened.
        #[arg(long, value_name = "TEXT")]
        evidence: String,
        /// Hash of a document or of a block that shows it.
        #[arg(long, value_name = "HASH")]
        reference: Option<Hash>,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// List complaints of a member, and evidence against its nodes.
    #[command(
        after_help = "Examples:\n  althing complaint list registry-5\n  althing complaint list registry-5 --json"
    )]
    List {
        /// The member.
        organisation: OrganisationId,
    },
}

/// `althing review`.
#[derive(Debug, Subcommand)]
pub enum ReviewCommand {
    /// Open a review. The coordinator's to open; when it is silent, anyone's who has complained.
    #[command(
        after_help = "Examples:\n  althing review open --organisation registry-5 --reason 'two complaints, both confirmed' --key coordinator"
    )]
    Open {
        /// Of whom.
        #[command(flatten)]
        accused: Accused,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show a review and the vote on it.
    #[command(after_help = "Examples:\n  althing review show 4")]
    Show {
        /// The number of its proposal.
        id: u64,
    },
}

/// `althing upgrade`.
#[derive(Debug, Subcommand)]
pub enum UpgradeCommand {
    /// Try a change of code on a fork of the present state: what it would change, and whether it would fail. Nothing is
    /// uploaded or written.
    #[command(
        after_help = "Examples:\n  althing upgrade dry-run my_counter counter-2.wasm\n  althing upgrade dry-run --proposal 3\n  althing upgrade dry-run --proposal 3 --json"
    )]
    DryRun {
        /// The contract; one that does not exist would be deployed.
        #[arg(required_unless_present = "proposal", requires = "file")]
        id: Option<ContractId>,
        /// The new module.
        file: Option<PathBuf>,
        /// Try what a proposal is about, and say whether it still does what the proposal says.
        #[arg(long, value_name = "ID", conflicts_with_all = ["id", "file"])]
        proposal: Option<u64>,
    },
    /// Try a module, upload it and propose it as new code of a contract.
    #[command(
        after_help = "Examples:\n  althing upgrade propose my_counter counter-2.wasm --key registry-1\n  althing upgrade propose my_counter counter-2.wasm --even-if-it-fails --key registry-1"
    )]
    Propose {
        /// The contract.
        id: ContractId,
        /// The new module.
        file: PathBuf,
        /// Propose it although its dry run fails.
        #[arg(long)]
        even_if_it_fails: bool,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Rebuild a proposed module from its source; when the bytes are the same, say so on the chain.
    #[command(after_help = "Examples:\n  althing upgrade attest 3 --source my_counter --key registry-1")]
    Attest {
        /// The proposal's number.
        proposal: u64,
        /// Folder of the contract crate, with its Cargo.lock.
        #[arg(long, value_name = "DIR")]
        source: PathBuf,
        /// Who signs; the key needs the duty deployer.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show a contract's code, a migration under way and the proposals to change it; or one proposal with those who have
    /// rebuilt its module.
    #[command(
        after_help = "Examples:\n  althing upgrade status my_counter\n  althing upgrade status 3\n  althing upgrade status my_counter --json"
    )]
    Status {
        /// The contract, or the number of a proposal.
        #[arg(value_name = "CONTRACT|ID")]
        what: String,
    },
}
