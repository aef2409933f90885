//! Printing: results to standard output, as text or JSON; notes to standard error.
//!
//! Owns the look of sizes, times and tables. What reaches the terminal goes through `terminal.rs`.

use crate::args::{Global, Verbosity};
use crate::terminal;
use anyhow::Result;
use serde::Serialize;
use std::fmt::Arguments;
use std::io::IsTerminal;
use std::time::{Duration, UNIX_EPOCH};

/// How this run prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) verbosity: Verbosity,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        Self { json: global.json, verbosity: global.verbosity() }
    }

    /// Something worth knowing that is not the result.
    pub(crate) fn note(self, note: Arguments<'_>) {
        if self.verbosity > Verbosity::Quiet {
            terminal::say(format_args!("keepsake: {note}"));
        }
    }
}

pub(crate) use crate::terminal::line;

/// A whole result as JSON, spread over lines for a person at a terminal.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    terminal::json(&if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    })
}

/// One of several results as JSON, on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Result<()> {
    terminal::json(&serde_json::to_string(value)?)
}

/// Rows under a heading, in columns.
pub(crate) fn table(heading: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([heading[column].len()]).max().unwrap_or(0)
        })
        .collect();
    let heading = heading.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    for row in std::iter::once(&heading).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        line(format_args!("{}", cells.collect::<Vec<_>>().join("  ").trim_end()))?;
    }
    Ok(())
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A time for people, in UTC.
pub(crate) fn time(at_ns: u64) -> String {
    if at_ns == 0 {
        return "-".to_owned();
    }
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_nanos(at_ns)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_700_000_000_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(time(0), "-");
    }
}
