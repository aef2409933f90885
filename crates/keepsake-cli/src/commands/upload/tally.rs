//! What came of a run over many files: the counts, the sum that is told at the end, and the exit code. Owns these; tells
//! nothing of single files.

use super::choose::Skip;
use crate::failure::{Exit, combined};
use crate::output::bytes;
use crate::shapes::{SkippedShape, SummaryLine, SummaryShape};
use std::time::{Duration, Instant};

/// The counts so far.
#[derive(Debug)]
pub(super) struct Tally {
    began: Instant,
    /// Files that became memories, and their bytes.
    new: u64,
    new_bytes: u64,
    already_there: u64,
    /// The exit code of each file that failed.
    exits: Vec<Exit>,
    not_tried: u64,
    skipped: SkippedShape,
    /// Why the rest was not tried.
    stopped: Option<String>,
}

impl Tally {
    pub(super) fn new<'a>(skipped: impl IntoIterator<Item = &'a Skip>) -> Self {
        let mut counts = SkippedShape::default();
        for why in skipped {
            *match why {
                Skip::Symlink => &mut counts.symlinks,
                Skip::Special => &mut counts.specials,
                Skip::Empty => &mut counts.empty,
                Skip::Ignored => &mut counts.ignored,
                Skip::Excluded => &mut counts.excluded,
            } += 1;
        }
        Self {
            began: Instant::now(),
            new: 0,
            new_bytes: 0,
            already_there: 0,
            exits: Vec::new(),
            not_tried: 0,
            skipped: counts,
            stopped: None,
        }
    }

    pub(super) fn made(&mut self, bytes: u64) {
        self.new += 1;
        self.new_bytes += bytes;
    }

    pub(super) fn was_there(&mut self) {
        self.already_there += 1;
    }

    pub(super) fn failed(&mut self, exit: Exit) {
        self.exits.push(exit);
    }

    pub(super) fn not_tried(&mut self, files: usize) {
        self.not_tried += files as u64;
    }

    /// No other file is tried; the first reason stays.
    pub(super) fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    pub(super) fn has_met(&self, exit: Exit) -> bool {
        self.exits.contains(&exit)
    }

    /// Files that were there already.
    pub(super) fn already_there(&self) -> u64 {
        self.already_there
    }

    /// All files that were named or found.
    pub(super) fn files(&self) -> u64 {
        self.new + self.already_there + self.exits.len() as u64 + self.not_tried + self.skipped.all()
    }

    /// None where all is well.
    pub(super) fn exit(&self) -> Option<Exit> {
        if self.new + self.already_there > 0 && (!self.exits.is_empty() || self.not_tried > 0) {
            return Some(Exit::Partial);
        }
        combined(&self.exits)
    }

    /// As a JSON line; `interrupted` says that a signal ended the run.
    pub(super) fn line(&self, interrupted: bool) -> SummaryLine {
        let exit = if interrupted { Some(Exit::Interrupted) } else { self.exit() };
        let seconds = self.began.elapsed().as_secs_f64();
        SummaryLine {
            summary: SummaryShape {
                new: self.new,
                already_there: self.already_there,
                failed: self.exits.len() as u64,
                not_tried: self.not_tried,
                skipped: self.skipped,
                bytes: self.new_bytes,
                seconds,
                bytes_per_second: rate(self.new_bytes, seconds),
                stopped: self.stopped.clone(),
                exit_code: exit.map_or(0, |exit| exit as u8),
            },
        }
    }

    /// For people.
    pub(super) fn told(&self) -> String {
        let SkippedShape { symlinks, specials, empty, ignored, excluded } = self.skipped;
        let skipped = [
            (symlinks, "symlink", "symlinks"),
            (specials, "special file", "special files"),
            (empty, "empty", "empty"),
            (ignored, "hidden or the system's", "hidden or the system's"),
            (excluded, "excluded", "excluded"),
        ];
        let skipped: Vec<_> = skipped
            .iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, one, many)| format!("{count} {}", if *count == 1 { one } else { many }))
            .collect();
        let mut parts = vec![format!("{} new", self.new)];
        for (count, what) in [
            (self.already_there, "already there"),
            (self.exits.len() as u64, "failed"),
            (self.not_tried, "not tried"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if !skipped.is_empty() {
            parts.push(format!("{} skipped ({})", self.skipped.all(), skipped.join(", ")));
        }
        let took = self.began.elapsed();
        let speed = match self.new_bytes {
            0 => String::new(),
            count => format!(", {}/s", bytes(rate(count, took.as_secs_f64()))),
        };
        let stopped = self.stopped.as_ref().map(|why| format!("; stopped: {why}")).unwrap_or_default();
        format!("{}; {} in {}{speed}{stopped}", parts.join(", "), bytes(self.new_bytes), seconds(took))
    }
}

fn seconds(took: Duration) -> String {
    let took = match took.as_secs() {
        0..10 => Duration::from_millis(took.as_millis().try_into().unwrap_or(u64::MAX)),
        secs => Duration::from_secs(secs),
    };
    humantime::format_duration(took).to_string()
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
// A rate for people: precision beyond 53 bits does not matter.
fn rate(bytes: u64, seconds: f64) -> u64 {
    (bytes as f64 / seconds.max(0.001)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally() -> Tally {
        Tally::new(&[Skip::Symlink, Skip::Empty, Skip::Ignored, Skip::Ignored])
    }

    #[test]
    fn a_run_in_which_all_failed_alike_has_their_code_and_one_in_which_some_did_its_own() {
        let mut tally = tally();
        assert_eq!(tally.exit(), None, "what is skipped is no failure");
        tally.failed(Exit::Exhausted);
        tally.not_tried(3);
        assert_eq!(tally.exit(), Some(Exit::Exhausted));
        tally.was_there();
        assert_eq!(tally.exit(), Some(Exit::Partial));
    }

    #[test]
    fn files_that_were_not_tried_are_no_success() {
        let mut tally = tally();
        tally.made(5);
        assert_eq!(tally.exit(), None);
        tally.not_tried(1);
        assert_eq!(tally.exit(), Some(Exit::Partial));
    }

    #[test]
    fn the_sum_names_what_there_was_and_nothing_else() {
        let mut tally = tally();
        tally.made(2 << 20);
        tally.stop("the disk is full".to_owned());
        tally.stop("later".to_owned());
        tally.not_tried(7);
        let told = tally.told();
        assert!(
            told.starts_with(
                "1 new, 7 not tried, 4 skipped (1 symlink, 1 empty, 2 hidden or the system's); 2.00 MiB in "
            ),
            "{told}"
        );
        assert!(told.ends_with("; stopped: the disk is full") && !told.contains("failed"), "{told}");
        let line = tally.line(true).summary;
        assert_eq!((line.new, line.not_tried, line.bytes, line.exit_code), (1, 7, 2 << 20, 130));
        assert_eq!(tally.files(), 12);
    }
}
