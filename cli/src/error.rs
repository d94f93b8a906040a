//! The one error of the command line: what was wrong, with which value, under which rule.
//!
//! With `--json` it is printed on standard error as `{"error": {"code", "message", "field", "value", "rule"}}`; without,
//! as readable lines. The code is stable; the message is for people.

use crate::exit_code::Exit;
use serde::Serialize;

/// Longest value that an error repeats, in characters.
const MAX_VALUE: usize = 200;

/// Result of everything that a command does.
pub type Result<T, E = CliError> = std::result::Result<T, E>;

/// A command's failure. Its parts are read as if they were fields of its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", parts.message)]
pub struct CliError {
    /// Exit code of the process.
    pub exit: Exit,
    parts: Box<Parts>,
}

/// What a failure says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// Stable name of the error.
    pub code: String,
    /// For people.
    pub message: String,
    /// The argument, option, file or field that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What it was, cut at 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it must be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl std::ops::Deref for CliError {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl std::ops::DerefMut for CliError {
    fn deref_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }
}

impl CliError {
    /// An error with its exit code, stable name and message.
    pub fn new(exit: Exit, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        let parts = Parts { code, message, field: None, value: None, rule: None, hint: None };
        Self { exit, parts: Box::new(parts) }
    }
    /// A wrong argument.
    pub fn usage(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, code, message)
    }
    /// Something that is not there.
    pub fn not_found(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, code, message)
    }
    /// A malformed file.
    pub fn data(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Data, code, message)
    }
    /// A fault of this program or of the machine.
    pub fn internal(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Exit::Internal, code, message)
    }
    /// A file that cannot be read or written.
    pub fn file(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Internal };
        Self::new(exit, "file", format!("cannot {action} {}: {error}", path.display()))
            .value(path.display().to_string())
    }
    /// Changes the exit code.
    #[must_use]
    pub const fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
    /// Names the wrong argument or field.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }
    /// Repeats the wrong value.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        let value: String = value.into();
        self.value = Some(if value.chars().count() > MAX_VALUE {
            value.chars().take(MAX_VALUE).chain(['…']).collect()
        } else {
            value
        });
        self
    }
    /// Says what the value must be.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }
    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Text for standard error.
    pub fn render(&self, json: bool) -> String {
        if json {
            return serde_json::json!({ "error": *self.parts }).to_string();
        }
        let mut text = format!("error[{}]: {}", self.code, self.message);
        for (label, part) in
            [("field", &self.field), ("value", &self.value), ("rule", &self.rule), ("hint", &self.hint)]
        {
            if let Some(part) = part {
                text.push_str(&format!("\n  {label}: {part}"));
            }
        }
        text
    }
}

impl From<althing_types::id::IdError> for CliError {
    fn from(error: althing_types::id::IdError) -> Self {
        Self::usage("bad_id", error.to_string())
            .field(error.what)
            .value(error.text.clone())
            .rule(format!("1 to {} of a-z 0-9 - _ . :, first a letter or digit", error.maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_field_value_and_rule() {
        let error = CliError::usage("bad_name", "no name").field("tld").value("a b").rule("letters only");
        let json: serde_json::Value = serde_json::from_str(&error.render(true)).unwrap();
        assert_eq!(json["error"]["field"], "tld");
        assert_eq!(json["error"]["value"], "a b");
        assert_eq!(json["error"]["rule"], "letters only");
        assert!(error.render(false).contains("rule: letters only"));
    }

    #[test]
    fn a_long_value_is_cut() {
        let error = CliError::usage("x", "x").value("y".repeat(10_000));
        assert!(error.value.clone().unwrap().chars().count() <= MAX_VALUE + 1);
    }
}
