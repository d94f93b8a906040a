//! Exit codes: documented, stable, one per kind of outcome, so that scripts need not read texts.

use std::process::ExitCode;

/// What a command ends with. Numbers never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// The command line is wrong: an unknown option, a bad argument, arguments that do not fit the contract's ABI.
    Usage = 2,
    /// The ledger refused the transaction, or its receipt says that it failed.
    Refused = 3,
    /// A proof, certificate or signature did not verify: the node's answer must not be trusted.
    Proof = 4,
    /// The node could not be reached, or its answer could not be read.
    Network = 5,
    /// The outcome was not known in time; the transaction may still become final.
    Timeout = 6,
    /// There is no such thing: no such key, block, transaction, contract or name.
    NotFound = 7,
    /// A key could not be opened: wrong pass phrase, damaged file, or no pass phrase at hand.
    Key = 8,
    /// A file that was read is not what it should be; the message has the line.
    Data = 9,
    /// A fault of this program or of the machine: a file could not be written, a process not be started.
    Internal = 70,
    /// Stopped by Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// Every code, for the documentation.
    pub const ALL: [Self; 11] = [
        Self::Success,
        Self::Usage,
        Self::Refused,
        Self::Proof,
        Self::Network,
        Self::Timeout,
        Self::NotFound,
        Self::Key,
        Self::Data,
        Self::Internal,
        Self::Interrupted,
    ];

    /// The number.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// What it means, in a few words.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done",
            Self::Usage => "wrong command line or arguments",
            Self::Refused => "refused by the ledger",
            Self::Proof => "a proof did not verify",
            Self::Network => "node not reached or not understood",
            Self::Timeout => "outcome not known in time",
            Self::NotFound => "no such thing",
            Self::Key => "key cannot be opened",
            Self::Data => "malformed input file",
            Self::Internal => "fault of this program or machine",
            Self::Interrupted => "stopped by Ctrl-C",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_lists_every_code() {
        let guide = include_str!("../../docs/guides/command-line.md");
        for exit in Exit::ALL {
            let row = format!("| {} | {} |", exit.number(), exit.meaning());
            assert!(guide.contains(&row), "{row}");
        }
    }
}
