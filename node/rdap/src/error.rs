//! What can go wrong, with stable numbers: 1xx configuration, 2xx files, 3xx chain, 4xx published data, 5xx serving.
//! What an upstream does wrong is no fault of this program: see [`crate::fetch::FetchFault`].

use std::{io, path::PathBuf};

/// A fault of the access node. The number never changes its meaning.
#[derive(Debug, thiserror::Error)]
pub enum RdapFault {
    /// The configuration file cannot be read or is no TOML of the right shape.
    #[error("R101 configuration file {}: {reason}", file.display())]
    ConfigFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value of the configuration breaks a rule.
    #[error("R102 {field} is {value}: {rule}")]
    Config {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// The rule.
        rule: String,
    },
    /// A file cannot be read or written.
    #[error("R201 cannot {action} {}: {error}", file.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// What a node of a chain says is not proven.
    #[error("R301 {chain}: not proven: {reason}")]
    NotProven {
        /// The chain.
        chain: String,
        /// Why.
        reason: String,
    },
    /// No node of a chain answers.
    #[error("R302 {chain}: no node answers: {reason}")]
    Unreachable {
        /// The chain.
        chain: String,
        /// Why.
        reason: String,
    },
    /// A node left something out.
    #[error("R303 {chain}: {found} {what} were found, {proven} are proven to be there")]
    Incomplete {
        /// The chain.
        chain: String,
        /// What is counted.
        what: &'static str,
        /// How many were found.
        found: u64,
        /// How many there are.
        proven: u64,
    },
    /// A value of the state does not have the form that the contract promises.
    #[error("R304 {chain}: state entry {key}: {reason}")]
    Entry {
        /// The chain.
        chain: String,
        /// Its key, hexadecimal.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// A chain changed at every attempt to read it as a whole.
    #[error("R305 {chain}: changed during each of {attempts} readings")]
    Moving {
        /// The chain.
        chain: String,
        /// Readings.
        attempts: usize,
    },
    /// A chain did not answer in time.
    #[error("R306 {chain}: no answer within {ms} ms")]
    Slow {
        /// The chain.
        chain: String,
        /// The limit.
        ms: u64,
    },
    /// A published file cannot be fetched.
    #[error("R401 {what} from {place}: {reason}")]
    NotFetched {
        /// Which file.
        what: &'static str,
        /// From where.
        place: String,
        /// Why not.
        reason: String,
    },
    /// A published file is not what it should be; the last good copy stays in use.
    #[error("R402 {what}: {reason}")]
    Published {
        /// Which file.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A socket cannot be listened on.
    #[error("R501 cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        error: io::Error,
    },
    /// The certificate or key of the server cannot be used.
    #[error("R502 {}: {reason}", file.display())]
    Tls {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl RdapFault {
    /// A configured value that breaks a rule.
    pub fn config(field: impl Into<String>, value: impl Into<String>, rule: impl Into<String>) -> Self {
        Self::Config { field: field.into(), value: value.into(), rule: rule.into() }
    }
    /// A file that cannot be read or written.
    pub fn file(action: &'static str, file: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::File { action, file: file.into(), error }
    }
}

/// A result of this crate.
pub type Result<T, E = RdapFault> = std::result::Result<T, E>;
