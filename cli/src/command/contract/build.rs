//! `althing contract build`: a contract crate to WebAssembly.

use super::Context;
use crate::error::{CliError, Result};
use std::path::Path;

/// Builds the crate.
///
/// # Errors
/// When it does not build.
pub(super) fn run(_context: &Context, _manifest: &Path, _out: Option<&Path>) -> Result<()> {
    Err(CliError::internal("unfinished", "not written yet"))
}
