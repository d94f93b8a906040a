//! Options of `althing remediation`.

use super::SignOptions;
use althing_types::id::{Height, OrganisationId};
use clap::Subcommand;
use std::path::PathBuf;

fn height(text: &str) -> Result<Height, String> {
    text.parse().map(Height).map_err(|_| "a height is a number".into())
}

/// `althing remediation`.
#[derive(Debug, Subcommand)]
pub enum RemediationCommand {
    /// Compute what would put right what a member did since a height: values, marks, lost transactions.
    #[command(
        after_help = "Examples:\n  althing remediation plan --organisation registry-5 --from 120\n  althing remediation plan --organisation registry-5 --from 120 --out plan.json\n  althing remediation plan --organisation registry-5 --from 120 --json\n\nThe node that is asked computes it; another node gives the same plan for the same heights."
    )]
    Plan {
        /// The member, or the former one.
        #[arg(long, value_name = "ID")]
        organisation: OrganisationId,
        /// The first height that is looked at.
        #[arg(long, value_name = "H", value_parser = height)]
        from: Height,
        /// The last height that is looked at [default: the node's last one].
        #[arg(long, value_name = "H", value_parser = height)]
        base: Option<Height>,
        /// Write the plan to this file, for `remediation propose`.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Upload a plan and propose it.
    #[command(after_help = "Examples:\n  althing remediation propose plan.json --key registry-1")]
    Propose {
        /// File that `remediation plan --out` wrote.
        file: PathBuf,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Compute a proposal's plan again with the node that is asked, and compare.
    #[command(
        after_help = "Examples:\n  althing --api http://127.0.0.1:8100 remediation check 7\n\nExit code 0: it is the same plan. 4: it is another one; vote against it."
    )]
    Check {
        /// The proposal's number.
        proposal: u64,
    },
}
