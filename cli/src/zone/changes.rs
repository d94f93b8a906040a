//! Change lists: what each serial of the root zone added and deleted, one JSON object a line.
//!
//! A replay may be interrupted anywhere and run again. How far it came is not kept in a file but read from the ledger:
//! every record that a list touches is present or absent after each serial, and [`ChangeList::position`] finds the
//! serial that fits what the ledger holds.

use super::master;
use crate::error::{CliError, Result};
use althing_interface::zone::Record;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    serial: String,
    time: String,
    add: Vec<String>,
    del: Vec<String>,
}

/// What one serial changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The zone's serial.
    pub serial: u32,
    /// When it was published, as the list says.
    pub time: String,
    /// Records that came.
    pub add: Vec<Record>,
    /// Records that went.
    pub delete: Vec<Record>,
}

/// All serials in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeList {
    /// The serials.
    pub changes: Vec<Change>,
}

/// Where the ledger stands in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Serials that are wholly in the ledger's state: the next one to send is `changes[done]`.
    pub done: usize,
    /// Whether the next one is in it in part.
    pub partial: bool,
}

impl ChangeList {
    /// Parses a list.
    ///
    /// # Errors
    /// [`CliError`] with code `bad_change`, the line number, its text and the rule.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let mut changes: Vec<Change> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let number = index.saturating_add(1);
            let fail = |field: &str, value: &str, reason: String, rule: &str| {
                CliError::data("bad_change", format!("{file}, line {number}: {field}: {reason}"))
                    .field(format!("line {number}, {field}"))
                    .value(value)
                    .rule(rule)
            };
            const FORM: &str = "a JSON object with serial, time, add[] and del[]";
            let raw: Line = serde_json::from_str(line).map_err(|e| fail("object", line, e.to_string(), FORM))?;
            let rule = "a 32-bit number, in growing order (RFC 1982)";
            let serial: u32 =
                raw.serial.parse().map_err(|_| fail("serial", &raw.serial, "not a serial".into(), rule))?;
            if let Some(last) = changes.last()
                && !follows(last.serial, serial)
            {
                return Err(fail("serial", &raw.serial, format!("does not follow {}", last.serial), rule));
            }
            let records = |field: &str, lines: &[String]| -> Result<Vec<Record>> {
                lines
                    .iter()
                    .map(|l| master::parse_line(l).map_err(|(reason, rule)| fail(field, l, reason, rule)))
                    .collect()
            };
            let (add, delete) = (records("add", &raw.add)?, records("del", &raw.del)?);
            if let Some(both) = add.iter().find(|r| delete.contains(r)) {
                return Err(fail("add", &both.to_string(), "added and deleted at once".into(), "in one of the two"));
            }
            changes.push(Change { serial, time: raw.time, add, delete });
        }
        Ok(Self { changes })
    }

    /// Finds how far the zone `present` has followed this list.
    ///
    /// # Errors
    /// [`CliError`] with code `no_position` when the zone fits no serial of the list, with the first record that does
    /// not fit the best serial.
    pub fn position(&self, present: &BTreeSet<Record>) -> Result<Position> {
        // Presence of every touched record before the first serial follows from what first happens to it.
        let mut expected: BTreeMap<&Record, bool> = BTreeMap::new();
        for change in &self.changes {
            for record in &change.delete {
                expected.entry(record).or_insert(true);
            }
            for record in &change.add {
                expected.entry(record).or_insert(false);
            }
        }
        let differs = |record: &Record, expected: bool| present.contains(record) != expected;
        let mut wrong: BTreeSet<&Record> =
            expected.iter().filter(|(record, there)| differs(record, **there)).map(|(record, _)| *record).collect();
        let (mut exact, mut partial) = (None, None);
        let mut best: Option<(usize, usize, &Record)> = None;
        for done in 0..=self.changes.len() {
            let next = self.changes.get(done);
            if wrong.is_empty() {
                exact = Some(done);
            } else if let Some(next) = next {
                let touched = |record: &Record| next.add.contains(record) || next.delete.contains(record);
                if wrong.len() <= next.add.len().saturating_add(next.delete.len()) && wrong.iter().all(|r| touched(r)) {
                    partial = Some(done);
                }
            }
            if let Some(first) = wrong.first()
                && best.is_none_or(|(count, _, _)| wrong.len() < count)
            {
                best = Some((wrong.len(), done, first));
            }
            if let Some(next) = next {
                for (record, there) in next.delete.iter().map(|r| (r, false)).chain(next.add.iter().map(|r| (r, true)))
                {
                    if differs(record, there) {
                        wrong.insert(record);
                    } else {
                        wrong.remove(record);
                    }
                }
            }
        }
        match (exact, partial, best) {
            (Some(done), _, _) => Ok(Position { done, partial: false }),
            (None, Some(done), _) => Ok(Position { done, partial: true }),
            (None, None, best) => {
                let (count, done, record) = best.map_or((0, 0, String::new()), |(c, d, r)| (c, d, r.to_string()));
                let serial = done.checked_sub(1).and_then(|i| self.changes.get(i)).map(|c| c.serial);
                let at = serial.map_or("the state before the list".to_owned(), |s| format!("serial {s}"));
                Err(CliError::data(
                    "no_position",
                    format!("the ledger's zone fits no serial of the list; nearest is {at} with {count} records off"),
                )
                .field("CHANGES")
                .value(record)
                .rule("the zone before the first serial, after any serial, or on the way from one to the next")
                .hint("import the zone that the list starts from first: althing zone import FILE"))
            }
        }
    }
}

/// Whether `next` comes after `last` in serial number arithmetic (RFC 1982 3.2).
const fn follows(last: u32, next: u32) -> bool {
    let ahead = next.wrapping_sub(last);
    ahead != 0 && ahead < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"{"serial":"1","time":"t","add":["a. 1 IN NS x."],"del":[]}
{"serial":"2","time":"t","add":["a. 1 IN NS y.","x. 1 IN A 1.1.1.1"],"del":["a. 1 IN NS x."]}
{"serial":"3","time":"t","add":[],"del":[]}
"#;

    fn present(lines: &[&str]) -> BTreeSet<Record> {
        lines.iter().map(|l| master::parse_line(l).unwrap()).collect()
    }

    #[test]
    fn the_ledger_tells_how_far_a_replay_came() {
        let list = ChangeList::parse("f", LIST).unwrap();
        let at = |lines: &[&str]| list.position(&present(lines)).unwrap();
        assert_eq!(at(&["q. 1 IN NS z."]), Position { done: 0, partial: false });
        assert_eq!(at(&["a. 1 IN NS x."]), Position { done: 1, partial: false });
        assert_eq!(at(&["a. 1 IN NS x.", "a. 1 IN NS y."]), Position { done: 1, partial: true });
        assert_eq!(at(&["a. 1 IN NS y.", "x. 1 IN A 1.1.1.1"]), Position { done: 3, partial: false });
    }

    #[test]
    fn a_foreign_zone_has_no_position() {
        let text = r#"{"serial":"1","time":"t","add":["a. 1 IN NS x."],"del":["a. 1 IN NS w."]}
{"serial":"2","time":"t","add":["b. 1 IN NS y."],"del":["b. 1 IN NS x."]}"#;
        let list = ChangeList::parse("f", text).unwrap();
        let error = list.position(&present(&["a. 1 IN NS x.", "a. 1 IN NS w."])).unwrap_err();
        assert_eq!(error.code, "no_position");
    }

    #[test]
    fn errors_name_line_field_and_rule() {
        for (text, field) in [
            ("{}", "line 1, object"),
            (r#"{"serial":"x","time":"t","add":[],"del":[]}"#, "line 1, serial"),
            (r#"{"serial":"1","time":"t","add":["nonsense"],"del":[]}"#, "line 1, add"),
            (r#"{"serial":"1","time":"t","add":[],"del":["a. 1 IN A 1"]}"#, "line 1, del"),
        ] {
            let error = ChangeList::parse("f", text).unwrap_err();
            assert_eq!(error.field.as_deref(), Some(field), "{text}");
        }
        let twice = LIST.replace("\"2\"", "\"1\"");
        assert!(ChangeList::parse("f", &twice).unwrap_err().message.contains("does not follow 1"));
    }

    #[test]
    fn serials_wrap() {
        assert!(follows(u32::MAX, 0));
        assert!(!follows(5, 5));
        assert!(!follows(5, 4));
    }
}
