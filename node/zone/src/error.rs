//! What can go wrong, with stable numbers: 1xx configuration, 2xx state folder, 3xx source, 4xx content, 5xx serving.

use std::{io, path::PathBuf};

/// A fault of the zone server. The number never changes its meaning.
#[derive(Debug, thiserror::Error)]
pub enum ZoneFault {
    /// The configuration file cannot be read or is no TOML of the right shape.
    #[error("Z101 configuration file {}: {reason}", file.display())]
    ConfigFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A value of the configuration breaks a rule.
    #[error("Z102 {field} is {value}: {rule}")]
    Config {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// The rule.
        rule: String,
    },
    /// A file of the state folder cannot be read or written.
    #[error("Z201 cannot {action} {}: {error}", file.display())]
    File {
        /// What was to be done.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// A file of the state folder is damaged.
    #[error("Z202 {} is damaged at byte {at}: {reason}; restore the folder, or move it away and set serial_floor above the serial that secondaries hold", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// Where.
        at: u64,
        /// What is wrong.
        reason: String,
    },
    /// Another process uses the state folder.
    #[error("Z203 state folder {} is in use by another process", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The state folder is that of another zone.
    #[error("Z204 state folder {} holds zone {found}, not {expected}", folder.display())]
    OtherZone {
        /// The folder.
        folder: PathBuf,
        /// The zone in it.
        found: String,
        /// The zone wanted.
        expected: String,
    },
    /// The source gave no answer.
    #[error("Z301 source {source_name}: {reason}")]
    Unreachable {
        /// Which source.
        source_name: String,
        /// Why.
        reason: String,
    },
    /// The source's answer is not proven.
    #[error("Z302 source {source_name}: not proven: {reason}")]
    NotProven {
        /// Which source.
        source_name: String,
        /// The first thing that is not.
        reason: String,
    },
    /// The source left entries out.
    #[error("Z303 source gave {found} {what}, the proven total is {proven}")]
    Incomplete {
        /// Of what.
        what: &'static str,
        /// How many came.
        found: u64,
        /// How many there are.
        proven: u64,
    },
    /// The zone could not be read as it is at one height: the nodes keep states for too short a time, or something that
    /// is about all entries changed each time.
    #[error("Z304 the state of its height was gone, or all of it changed, {attempts} times while the zone was read")]
    Moving {
        /// Readings.
        attempts: usize,
    },
    /// An entry of the source that is not understood.
    #[error("Z305 entry {key} of the source is not understood: {reason}")]
    Entry {
        /// Its key.
        key: String,
        /// Why.
        reason: String,
    },
    /// The zone cannot be served.
    #[error("Z401 zone {zone}: {record}: {rule}")]
    Content {
        /// The zone.
        zone: String,
        /// The record or owner concerned.
        record: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// What was written does not read as what was meant.
    #[error("Z402 zone {zone}: its {form} reads differently: {reason}")]
    Misread {
        /// The zone.
        zone: String,
        /// Text or messages.
        form: &'static str,
        /// The first difference.
        reason: String,
    },
    /// No message of this size can carry a record.
    #[error("Z403 record {record} does not fit into a message of {limit} octets")]
    RecordTooLong {
        /// The record.
        record: String,
        /// The limit.
        limit: usize,
    },
    /// An address cannot be listened on.
    #[error("Z501 cannot listen on {address}: {error}")]
    Listen {
        /// The address.
        address: String,
        /// Why not.
        error: io::Error,
    },
}

impl ZoneFault {
    /// The stable number.
    pub const fn number(&self) -> u16 {
        match self {
            Self::ConfigFile { .. } => 101,
            Self::Config { .. } => 102,
            Self::File { .. } => 201,
            Self::Damaged { .. } => 202,
            Self::InUse { .. } => 203,
            Self::OtherZone { .. } => 204,
            Self::Unreachable { .. } => 301,
            Self::NotProven { .. } => 302,
            Self::Incomplete { .. } => 303,
            Self::Moving { .. } => 304,
            Self::Entry { .. } => 305,
            Self::Content { .. } => 401,
            Self::Misread { .. } => 402,
            Self::RecordTooLong { .. } => 403,
            Self::Listen { .. } => 501,
        }
    }

    /// A file error.
    pub fn file(action: &'static str, file: impl Into<PathBuf>, error: io::Error) -> Self {
        Self::File { action, file: file.into(), error }
    }
    /// A configuration error.
    pub fn config(field: impl Into<String>, value: impl ToString, rule: impl Into<String>) -> Self {
        Self::Config { field: field.into(), value: value.to_string(), rule: rule.into() }
    }
}

/// Outcome of what can fail with a [`ZoneFault`].
pub type Result<T, E = ZoneFault> = std::result::Result<T, E>;
