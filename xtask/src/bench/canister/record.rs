//! Numbers by name, in a file of lines. Owns the form of `benches/instructions.toml`.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

const HEAD: &str = "\
# What the canister's module costs on the Internet Computer: instructions, instructions per byte, or bytes.
# Written by `cargo xtask bench canister`, which also knows the targets. `cargo xtask test` fails where a number is off
# by more than 2 %. Counted with dirty pages of the heap; `crates/keepsake-wasm-host/src/cost.rs` says what counts.
";

/// Begins the line that names what compiled the module.
const COMPILER: &str = "# compiler: ";

/// Numbers by name.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Record {
    numbers: BTreeMap<String, f64>,
    /// What compiled the module: another compiler makes other counts.
    pub(super) compiler: String,
}

impl Record {
    /// Reads lines of `name`, `separator`, number; other lines begin with `#`.
    ///
    /// # Errors
    /// When a line is something else.
    pub(super) fn parse(text: &str, separator: char) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let numbers = lines.map(|line| {
            let (name, value) =
                line.split_once(separator).with_context(|| format!("`{line}` is no name with a number"))?;
            let value = value.trim().parse().with_context(|| format!("`{line}` has no number"))?;
            Ok((name.trim().to_owned(), value))
        });
        let compiler = text.lines().find_map(|line| line.strip_prefix(COMPILER)).unwrap_or_default();
        Ok(Self { numbers: numbers.collect::<Result<_>>()?, compiler: compiler.to_owned() })
    }

    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: run `cargo xtask bench canister` first", path.display()))?;
        Self::parse(&text, '=')
    }

    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().context("a file lies in a folder")?;
        std::fs::create_dir_all(folder)?;
        std::fs::write(path, self.text()).with_context(|| path.display().to_string())
    }

    fn text(&self) -> String {
        let mut text = format!("{HEAD}{COMPILER}{}\n", self.compiler);
        for (name, value) in &self.numbers {
            writeln!(text, "{name} = {value}").expect("text grows");
        }
        text
    }

    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }
}

/// A number for people: digits in groups, two after the point where it is small.
pub(super) fn shown(value: f64) -> String {
    if value < 1_000.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_from_its_file() {
        let mut record = Record::parse("one 65.2\ntwo 3000000\n", ' ').unwrap();
        record.compiler = "rustc 1".to_owned();
        assert_eq!(record.value("two"), Some(3e6));
        assert_eq!(Record::parse(&record.text(), '=').unwrap(), record);
        assert!(Record::parse("one = x", '=').is_err());
        assert!(Record::parse("one", '=').is_err());
    }

    #[test]
    fn numbers_are_shown_in_groups() {
        assert_eq!(shown(1_234_567.0), "1,234,567");
        assert_eq!(shown(512_000.0), "512,000");
        assert_eq!(shown(65.2), "65.20");
    }
}
