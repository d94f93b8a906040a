//! The command tree. Each noun has a file here with its options and one under `command/` that does the work.

mod bootstrap;
mod ca;
mod chain;
mod contract;
mod domain;
mod govern;
mod ledger;
mod local;
mod node;
mod record;
mod recovery;
mod remediation;
mod sync;

pub use bootstrap::{
    AccreditationCommand, BootstrapCommand, BootstrapExport, BootstrapLoad, RdapCommand, RegistrarCommand, RegistrarSet,
};
pub use ca::{CaCommand, IssueOptions, Subject};
pub use chain::{BlockArgs, EventsArgs, QueryCommand, TxCommand};
pub use contract::{ContractCommand, SendOptions};
pub use domain::{Content, DomainCommand, Held, HostAddresses, One, TransferCommand};
pub use govern::{
    Accused, AuthorityCommand, ComplaintCommand, MemberCommand, MemberKeyCommand, MemberRequest, OpenCommand,
    ProposalCommand, ReviewCommand, SignOptions, UpgradeCommand, VoteCommand,
};
pub use ledger::{AuditArgs, ChainCommand};
pub use local::{
    BenchArgs, DevnetAdd, DevnetCommand, DevnetDir, DevnetProfile, DevnetUp, ImportTerms, KeyCommand, ZoneCommand,
};
pub use node::{HostPort, NodeCommand, NodeInit};
pub use record::{RecordChange, RecordCommand};
pub use recovery::{RecoveryCommand, RecoveryDraft, RecoverySign};
pub use remediation::RemediationCommand;
pub use sync::{Ends, SyncCommand, SyncRelay};

use althing_types::id::ChainId;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Text after the top-level help: exit codes.
const AFTER: &str = "\
Exit codes:
  0 done   2 usage   3 refused by the ledger   4 a proof failed   5 network   6 timeout   7 not found
  8 key cannot be opened   9 malformed input file   70 fault of this program or machine   130 Ctrl-C

With --json, results are one JSON document on standard output and errors are
{\"error\": {\"code\", \"message\", \"field\", \"value\", \"rule\", \"hint\"}} on standard error.

Examples:
  althing devnet up --dir net --authorities 4 --detach
  althing --home net zone import root.zone.gz
  althing --home net query tld se";

/// The command line of the Althing ledger.
#[derive(Debug, Parser)]
#[command(name = "althing", version, about, after_help = AFTER, max_term_width = 110, propagate_version = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Base URL of a node's API [default: the first running node of the home folder's network].
    #[arg(long, global = true, value_name = "URL", env = "ALTHING_API")]
    pub api: Option<String>,
    /// The chain, where the home folder knows several, such as `tld-alpha`; of a new network its id [default: the first one].
    #[arg(long, global = true, value_name = "ID", env = "ALTHING_CHAIN")]
    pub chain: Option<ChainId>,
    /// Folder with keys, the genesis document and a local network [default: ~/.althing].
    #[arg(long, global = true, value_name = "DIR", env = "ALTHING_HOME")]
    pub home: Option<PathBuf>,
    /// Print one JSON document; errors too are JSON, on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// Believe the node: do not check proofs and certificates.
    #[arg(long, global = true)]
    pub no_verify: bool,
    /// No notes and no progress bars.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Give up after so many seconds of waiting for an answer or for a final block.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Genesis document to trust [default: genesis.json of the home folder, else pinned at first use].
    #[arg(long, global = true, value_name = "FILE", env = "ALTHING_GENESIS")]
    pub genesis: Option<PathBuf>,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make and look at signing keys.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Run the consortium's authority: certify keys of members, revoke, look at certificates.
    #[command(subcommand)]
    Ca(CaCommand),
    /// Run a network of separate node processes on this machine.
    #[command(subcommand)]
    Devnet(DevnetCommand),
    /// Make the files of a node that is to join a chain.
    #[command(subcommand)]
    Node(NodeCommand),
    /// Show members and their nodes; ask for a node to be admitted.
    #[command(subcommand)]
    Member(MemberCommand),
    /// Show what members vote on; propose something.
    #[command(subcommand)]
    Proposal(ProposalCommand),
    /// Vote on a proposal.
    #[command(subcommand)]
    Vote(VoteCommand),
    /// Show who decides on blocks, and how nodes are doing.
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Complain of a member, and see what others complain of.
    #[command(subcommand)]
    Complaint(ComplaintCommand),
    /// Open a review: a vote on the removal of a member or of one of its nodes.
    #[command(subcommand)]
    Review(ReviewCommand),
    /// Put right what a removed member did: compute a plan, propose it, check a proposed one.
    #[command(subcommand)]
    Remediation(RemediationCommand),
    /// Propose new code of a contract, and see where that is.
    #[command(subcommand)]
    Upgrade(UpgradeCommand),
    /// Go on after the quorum is lost for good, by a plan that the member organisations sign.
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// Carry messages between root chain and TLD chains, and see how far that is.
    #[command(subcommand)]
    Sync(SyncCommand),
    /// Bring the root zone into the ledger, follow its changes, and write it out again.
    #[command(subcommand)]
    Zone(ZoneCommand),
    /// Register names below a TLD and look after them: renew, update, transfer, delete, restore.
    #[command(subcommand)]
    Domain(DomainCommand),
    /// Change a TLD in the root zone; see changes that wait; consent, object, withdraw.
    #[command(subcommand)]
    Record(RecordCommand),
    /// Say where a TLD's registration data are asked for (RDAP), and see what is said.
    #[command(subcommand)]
    Bootstrap(BootstrapCommand),
    /// Be a registrar on the chain: claim an IANA id, and say where your registration data are asked for.
    #[command(subcommand)]
    Registrar(RegistrarCommand),
    /// Keep the list of accredited registrars on the chain.
    #[command(subcommand)]
    Accreditation(AccreditationCommand),
    /// Ask an access node about a domain.
    #[command(subcommand)]
    Rdap(RdapCommand),
    /// Show the node: chain, height, roots, authorities, peers.
    #[command(after_help = "Examples:\n  althing status\n  althing --api http://127.0.0.1:8100 status --json")]
    Status,
    /// Show a block, with its certificate checked.
    Block(BlockArgs),
    /// Ask for state, proof-verified unless --no-verify is given.
    #[command(subcommand)]
    Query(QueryCommand),
    /// Send transactions and see what became of them.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Show events, from a cursor, and follow new ones.
    Events(EventsArgs),
    /// Write, check, deploy, call and upgrade contracts.
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Write the whole chain into a file.
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Compute an exported chain again from its genesis, offline, and compare every root.
    Audit(AuditArgs),
    /// Measure throughput and latency of a network of its own.
    Bench(BenchArgs),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Examples:\n  althing completions bash > /etc/bash_completion.d/althing\n  althing completions zsh > ~/.zfunc/_althing"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Leaves the terminal's session and becomes another program; `devnet` starts nodes with it.
    #[command(name = crate::devnet::process::DETACHED, hide = true)]
    RunDetached {
        /// The program.
        program: PathBuf,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_tree_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_and_examples() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments() {
                let id = argument.get_id().as_str();
                assert!(argument.get_help().is_some() || matches!(id, "help" | "version"), "{path} {id} has no help");
            }
            if command.has_subcommands() {
                command
                    .get_subcommands()
                    .filter(|c| c.get_name() != "help" && !c.is_hide_set())
                    .for_each(|c| check(c, &path));
            } else {
                let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(text.contains("Examples:"), "{path} has no examples");
            }
        }
        check(&Cli::command(), "");
    }
}
