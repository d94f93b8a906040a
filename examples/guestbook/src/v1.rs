//! What version 1 kept: the types that its migration reads.

use althing_sdk::prelude::*;

/// One entry of version 1.
#[derive(Wire, Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who wrote it.
    pub organisation: OrganisationId,
    /// What it says.
    pub text: Text<280>,
}
