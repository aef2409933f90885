//! The only way to the terminal: lines to standard output and standard error.
//!
//! Owns that text which others wrote (names of files, answers of servers, errors that quote them) cannot steer the
//! terminal or hide what a line says. Every line passes [`plain`] here, so that no caller has to think of it; clippy
//! refuses `println!` and its kin everywhere in this crate. Knows no layout: that is `output.rs`.
//!
//! Both may go away at any time, with the program at the other end of a pipe or with the terminal. Standard error is
//! never missed. What standard output does not take is an error of its own kind, [`NotPrinted`]: it ends a command
//! that reads, but not one that changes things ([`Report`]).

mod bars;

pub(crate) use bars::bars;

use anyhow::Result;
use std::fmt::{Arguments, Write as _};
use std::io::{self, Write};

/// Standard output does not take what was to be printed.
#[derive(Debug)]
pub(crate) struct NotPrinted(io::Error);

impl NotPrinted {
    /// Whoever read it has seen enough.
    pub(crate) fn is_reader_gone(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl std::fmt::Display for NotPrinted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

impl std::error::Error for NotPrinted {}

/// What a command that changes things tells of each of them. That nobody takes it does not stop the work.
#[derive(Debug, Default)]
pub(crate) struct Report {
    failed: Option<anyhow::Error>,
}

impl Report {
    /// Notes what became of printing.
    pub(crate) fn told(&mut self, printed: Result<()>) {
        if let Err(error) = printed {
            self.failed.get_or_insert(error);
        }
    }

    /// When all is done: an error where something was not printed that somebody waits for.
    pub(crate) fn end(self) -> Result<()> {
        self.failed.map_or(Ok(()), |error| Err(error.context("all is done, but not all of it was told")))
    }
}

/// One line of a result, to standard output.
pub(crate) fn line(line: Arguments<'_>) -> Result<()> {
    print(format!("{}\n", plain(&line.to_string())).as_bytes())
}

/// JSON, to standard output. What a terminal would obey is escaped; a reader of JSON gets the same text.
pub(crate) fn json(text: &str) -> Result<()> {
    print(format!("{}\n", escaped(text)).as_bytes())
}

/// Bytes as they are, to standard output.
pub(crate) fn print(bytes: &[u8]) -> Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| NotPrinted(error).into())
}

/// One line of anything else, to standard error.
pub(crate) fn say(line: Arguments<'_>) {
    // Where nobody reads it any more, nobody misses it.
    let _ = writeln!(io::stderr().lock(), "{}", plain(&line.to_string()));
}

/// A question to standard error; the answer is typed behind it.
pub(crate) fn ask(question: &str) -> Result<()> {
    let mut stderr = io::stderr().lock();
    write!(stderr, "{} ", plain(question))?;
    Ok(stderr.flush()?)
}

/// Text without what a terminal would obey, and without what hides text or turns it round.
pub(crate) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut before = None;
    while let Some(c) = rest.next() {
        let joins =
            c == JOINER && before.is_some_and(is_symbol) && rest.peek().copied().is_some_and(is_symbol);
        shown.push(if is_steering(c) && !joins { char::REPLACEMENT_CHARACTER } else { c });
        before = Some(c);
    }
    shown
}

/// Whether a character is none to be seen, but makes a terminal or the text around it do something: control characters
/// (ASCII's and [C1](https://www.unicode.org/charts/PDF/U0080.pdf)), separators of lines, marks of
/// [direction](https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters), and what has no width.
pub(crate) fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Makes one picture of two: only between symbols it hides nothing.
const JOINER: char = '\u{200d}';

fn is_symbol(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}')
}

/// JSON leaves control characters out of strings, but not DEL, C1 and the others: they are only ever inside of strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_steering(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(text, "\\u{unit:04x}").expect("writing to memory does not fail");
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Standard error for a log, whose own colours pass.
pub(crate) struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Whoever logs would complain of an error to standard error itself, and stop the program with that.
        let _ = io::stderr().lock().write_all(log_text(&String::from_utf8_lossy(bytes)).as_bytes());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stderr().flush();
        Ok(())
    }
}

fn log_text(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let mut parts = line.split('\x1b');
        let mut shown = plain(parts.next().unwrap_or_default());
        for part in parts {
            shown.push(if is_colour(part) { '\x1b' } else { char::REPLACEMENT_CHARACTER });
            shown.push_str(&plain(part));
        }
        shown
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether this, after ESC, begins with a code that only changes the look: `[`, numbers, `m`.
fn is_colour(after_escape: &str) -> bool {
    let Some(rest) = after_escape.strip_prefix('[') else { return false };
    rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal_or_hide() {
        for (text, shown) in [
            ("a\x1b[2Jb\nc\r", "a\u{fffd}[2Jb\u{fffd}c\u{fffd}"),
            ("\x1b]0;title\x07", "\u{fffd}]0;title\u{fffd}"),
            ("\u{9b}31m\u{85}\u{7f}", "\u{fffd}31m\u{fffd}\u{fffd}"),
            ("photo\u{202e}gpj.exe", "photo\u{fffd}gpj.exe"),
            ("a\u{2066}b\u{2069}\u{200e}\u{200f}\u{61c}", "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}\u{fffd}"),
            ("one\u{2028}two\u{2029}", "one\u{fffd}two\u{fffd}"),
            ("a\u{200b}\u{200d}b\u{feff}\u{2060}\u{ad}", "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}\u{fffd}"),
            ("\u{e0041}\u{e0100}", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(plain(text), shown, "{text:?}");
        }
    }

    #[test]
    fn letters_and_pictures_stay_as_they_are() {
        for text in ["Größe, 大きさ, حجم", "👩‍👧‍👦 ❤️‍🔥 👍🏽", "a\u{301}"] {
            assert_eq!(plain(text), text);
        }
    }

    #[test]
    fn json_holds_the_same_text_and_nothing_that_a_terminal_obeys() {
        let texts = ["\x1b[2J\x7f\u{9b}", "\u{202e}\u{2028}\u{200b}", "\u{e0041}é\"\\"];
        let shown = escaped(&serde_json::to_string(&texts).unwrap());
        assert!(!shown.chars().any(is_steering), "{shown:?}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&shown).unwrap(), texts);
        let spread = serde_json::to_string_pretty(&texts).unwrap();
        assert!(escaped(&spread).contains('\n'));
    }

    #[test]
    fn a_log_keeps_its_colours_only() {
        let text = "\x1b[2m12:00\x1b[0m \x1b[1;31mERROR\x1b[0m a\x1b[2Jb\u{202e}\n";
        let shown = "\x1b[2m12:00\x1b[0m \x1b[1;31mERROR\x1b[0m a\u{fffd}[2Jb\u{fffd}\n";
        assert_eq!(log_text(text), shown);
    }
}
