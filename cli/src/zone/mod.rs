//! Root-zone data as the command line sees it: records, files, change lists, and what differs between two zones.
//!
//! Pure: bytes in, values out. [`master`] reads master files, [`changes`] reads change lists and finds how far the
//! ledger has followed one, [`follow`] turns each change into calls. Records, the zone as a value and the calls from one
//! zone to another are the contracts' own words: `althing_interface::zone`.

pub mod changes;
pub mod follow;
pub mod load;
pub mod master;

use crate::error::{CliError, Result};
use althing_interface::zone::{Record, Zone};
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

/// The root zone's records as lines in byte order, each ended by a line feed.
pub fn to_lines(zone: &Zone) -> String {
    lines_of(&zone.records())
}

/// Records as lines in byte order, each ended by a line feed.
pub fn lines_of(records: &[Record]) -> String {
    let mut lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    let mut out = lines.join("\n");
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_by_bytes() {
        let text = "b. 1 IN NS x.\na-c. 1 IN NS x.\na.b. 1 IN A 1.2.3.4\na. 1 IN NS x.\n";
        let file = master::parse("f", text).unwrap();
        let zone = Zone::from_records(&file.records).unwrap();
        assert_eq!(to_lines(&zone), "a-c. 1 IN NS x.\na. 1 IN NS x.\na.b. 1 IN A 1.2.3.4\nb. 1 IN NS x.\n");
    }

    #[test]
    fn gzipped_and_plain_files_read_alike() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let (plain, packed) = (folder.path().join("plain.gz"), folder.path().join("packed"));
        std::fs::write(&plain, "text\n").unwrap();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"text\n").unwrap();
        std::fs::write(&packed, encoder.finish().unwrap()).unwrap();
        assert_eq!(read_text(&plain).unwrap(), read_text(&packed).unwrap());
    }
}
