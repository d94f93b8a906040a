//! Root-zone data as the command line sees it: records, files, change lists, and what differs between two zones.
//!
//! Pure: bytes in, values out. [`record`] is one record, [`master`] reads master files, [`changes`] reads change lists
//! and finds how far the ledger has followed one, [`root`] is the whole zone by delegation and host.

pub mod changes;
pub mod master;
pub mod record;
pub mod root;

use crate::error::{CliError, Result};
use std::{io::Read, path::Path};

/// Longest file that is read, after decompression, in bytes.
pub const MAX_FILE: u64 = 512 * 1024 * 1024;

/// Reads a file that is plain or gzipped, whatever its name says.
///
/// # Errors
/// When it cannot be read, does not decompress, is not UTF-8, or is longer than [`MAX_FILE`].
pub fn read_text(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).map_err(|e| CliError::file("open", path, &e))?;
    let mut reader = std::io::BufReader::new(file);
    let mut magic = [0u8; 2];
    let length = reader.read(&mut magic).map_err(|e| CliError::file("read", path, &e))?;
    let start = magic.get(..length).unwrap_or_default();
    let source = std::io::Cursor::new(start.to_vec()).chain(reader);
    let mut bytes = Vec::new();
    let read = if start == [0x1f, 0x8b] {
        flate2::read::MultiGzDecoder::new(source).take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)
    } else {
        source.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes)
    };
    read.map_err(|e| {
        CliError::data("unreadable_file", format!("cannot read {}: {e}", path.display()))
            .field("FILE")
            .value(path.display().to_string())
            .rule("plain text or gzip")
    })?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(CliError::data("file_too_large", format!("{} is too large", path.display()))
            .field("FILE")
            .rule(format!("at most {MAX_FILE} bytes after decompression")));
    }
    String::from_utf8(bytes).map_err(|e| {
        CliError::data("not_text", format!("{} is not UTF-8: {e}", path.display())).field("FILE").rule("UTF-8 text")
    })
}
