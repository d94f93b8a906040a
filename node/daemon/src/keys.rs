//! The node's own key: a seed in a file that only its owner can read. It has no pass phrase, because a node must be
//! able to start by itself after a power cut.

use althing_types::crypto::SecretKey;
use anyhow::{Context, bail};
use std::{os::unix::fs::PermissionsExt, path::Path};

/// Reads a node key: 64 hexadecimal digits, mode 0600.
///
/// # Errors
/// When the file is missing, readable by others, or holds something else.
pub fn read(path: &Path) -> anyhow::Result<SecretKey> {
    let shown = path.display();
    let metadata = std::fs::metadata(path).with_context(|| format!("node key {shown}"))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        bail!("node key {shown} has mode {mode:03o}: others can read it; run: chmod 600 {shown}");
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("node key {shown}"))?;
    let mut seed = [0u8; 32];
    if hex::decode_to_slice(text.trim(), &mut seed).is_err() {
        bail!("node key {shown} is not 64 hexadecimal digits");
    }
    Ok(SecretKey::from_seed(&seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "07".repeat(32)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap().public(), SecretKey::from_seed(&[7; 32]).public());
    }
}
