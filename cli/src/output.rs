//! What a command prints: one JSON document or readable text on standard output, notes and progress on standard error.

use crate::error::{CliError, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// How to print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Output {
    /// One JSON document instead of text.
    pub json: bool,
    /// No notes and no progress.
    pub quiet: bool,
}

impl Output {
    /// Prints a result: as JSON, or as `human` makes it.
    ///
    /// # Errors
    /// Only when the value has no JSON form.
    pub fn print<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string_pretty(value)
                .map_err(|e| CliError::internal("json", format!("result has no JSON form: {e}")))?
        } else {
            human(value)
        };
        self.line(&text);
        Ok(())
    }

    /// Prints one line of a stream: compact JSON, or as `human` makes it.
    ///
    /// # Errors
    /// Only when the value has no JSON form.
    pub fn stream<T: Serialize>(&self, value: &T, human: impl FnOnce(&T) -> String) -> Result<()> {
        let text = if self.json {
            serde_json::to_string(value)
                .map_err(|e| CliError::internal("json", format!("result has no JSON form: {e}")))?
        } else {
            human(value)
        };
        self.line(&text);
        Ok(())
    }

    /// Prints text as it is. A reader that went away is no fault of ours.
    pub fn line(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
        let _ = out.flush();
    }

    /// An error on standard error.
    pub fn error(&self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// A remark for people on standard error.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// A remark that matters even with `--json` and `--quiet`.
    pub fn warn(&self, text: &str) {
        let line =
            if self.json { serde_json::json!({ "warning": text }).to_string() } else { format!("warning: {text}") };
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// A progress bar; drawn only on a terminal.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        let shown = !self.quiet && !self.json && std::io::stderr().is_terminal();
        let target = if shown { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total), target);
        let template = "{msg:<24} [{bar:32}] {pos}/{len} {per_sec} {eta}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_message(what.to_owned());
        Progress(bar)
    }
}

/// A progress bar that clears itself when dropped.
#[derive(Debug)]
pub struct Progress(ProgressBar);

impl Progress {
    /// Moves to a position.
    pub fn set(&self, position: u64) {
        self.0.set_position(position);
    }
    /// Moves on.
    pub fn advance(&self, by: u64) {
        self.0.inc(by);
    }
    /// Changes the text at the left.
    pub fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Two columns of text, the left one as wide as its widest entry.
pub fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    rows.iter().map(|(label, value)| format!("{label:<width$}  {value}")).collect::<Vec<_>>().join("\n")
}

/// Aligned columns under a heading.
pub fn columns(heading: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = heading.iter().map(|h| h.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<&str>| {
        let padded: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}", width = *width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut out = vec![line(heading.to_vec())];
    out.extend(rows.iter().map(|row| line(row.iter().map(String::as_str).collect())));
    out.join("\n")
}
