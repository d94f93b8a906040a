//! Targets of the command line: texts of the root zone, as people and other programs write them.

use althing_cli::zone::{
    changes::{Change, ChangeList},
    master,
};
use althing_interface::zone::Record;
use std::collections::BTreeSet;

/// A record written as a line is read as that record.
fn comes_back(record: &Record) {
    let line = record.to_string();
    assert_eq!(master::parse_line(&line).as_ref(), Ok(record), "{line}");
}

/// A zone's master file: what is accepted can be written and read again.
pub fn zone_file(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(file) = master::parse("zone", &text) else { return };
    file.records.iter().for_each(comes_back);
    let lines: Vec<String> = file.records.iter().map(ToString::to_string).collect();
    let again = master::parse("again", &lines.join("\n")).expect("written lines are a master file");
    assert_eq!(again.records, file.records);
    assert!(again.skipped.is_empty() && again.repeated == 0);
}

/// A list of changes: each serial's records come back, and a zone that followed the list is found at its end.
pub fn change_list(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(list) = ChangeList::parse("changes", &text) else { return };
    let mut zone: BTreeSet<Record> = BTreeSet::new();
    for Change { add, delete, .. } in &list.changes {
        add.iter().chain(delete).for_each(comes_back);
        for record in delete {
            zone.remove(record);
        }
        zone.extend(add.iter().cloned());
    }
    if let Ok(position) = list.position(&zone) {
        assert!(position.done <= list.changes.len());
    }
    let _ = list.position(&BTreeSet::new());
}
