//! Options of `althing recovery`: going on after the quorum is lost for good.

use althing_types::id::OrganisationId;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `althing recovery`.
#[derive(Debug, Subcommand)]
pub enum RecoveryCommand {
    /// Write a plan: who decides from the height after the last final one on.
    Draft(RecoveryDraft),
    /// Sign a plan for an organisation; needs no node.
    Sign(RecoverySign),
    /// Put the signatures of several files of one plan into one.
    #[command(
        after_help = "Examples:\n  althing recovery merge plan-a.json plan-b.json --out plan.json\n  althing recovery merge signed/*.json --out plan.json --json"
    )]
    Merge {
        /// The files.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Leave the signature of this organisation out, for one that `recovery show` finds wrong; again for each.
        #[arg(long, value_name = "ID")]
        without: Vec<OrganisationId>,
    },
    /// Show a plan and who signed it; with a node at hand, also whether it is good.
    #[command(
        after_help = "Examples:\n  althing recovery show plan.json\n  althing --api http://127.0.0.1:8100 recovery show plan.json --json\n\nWithout a node, nothing but the file itself is looked at."
    )]
    Show {
        /// The plan.
        file: PathBuf,
    },
    /// Give a plan to a node, which checks it, goes on by it, and tells the other nodes.
    #[command(
        after_help = "Examples:\n  althing --api http://127.0.0.1:8100 recovery apply plan.json\n  althing --home net recovery apply plan.json --no-wait --json"
    )]
    Apply {
        /// The plan with its signatures.
        file: PathBuf,
        /// Do not wait until a block is final under it.
        #[arg(long)]
        no_wait: bool,
    },
}

/// Options of `recovery draft`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing --api http://127.0.0.1:8100 recovery draft --authorities registry-1,registry-2,registry-5 --reason 'two sites burnt down' --out plan.json\n  althing --home net recovery draft --authorities 3b6a...29,registry-2 --reason 'no quorum since Monday' --out plan.json --number 2"
)]
pub struct RecoveryDraft {
    /// Member nodes that are to decide: node ids, or ids of organisations that run one node each.
    #[arg(long, required = true, value_delimiter = ',', value_name = "ID,..")]
    pub authorities: Vec<String>,
    /// Why, for people; at most 1024 bytes.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// File to write.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Number of the plan; a greater one replaces one of the same height [default: one more than that of the plan in
    /// force on the node].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4095))]
    pub number: Option<u16>,
}

/// Options of `recovery sign`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing recovery sign plan.json --key registry-1\n  althing recovery sign plan.json --key voter --organisation registry-1 --out plan-registry-1.json\n\nRead the plan with `althing recovery show` before. An organisation signs one plan per height."
)]
pub struct RecoverySign {
    /// The plan.
    pub file: PathBuf,
    /// Key of the home folder that signs; it must be a voter key of the organisation.
    #[arg(long, value_name = "NAME")]
    pub key: String,
    /// The organisation [default: the key's name].
    #[arg(long, value_name = "ID")]
    pub organisation: Option<OrganisationId>,
    /// File to write [default: the plan itself].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Sign although this organisation has signed another plan for this height.
    #[arg(long)]
    pub replace: bool,
}
