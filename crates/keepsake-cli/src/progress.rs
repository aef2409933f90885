//! Progress of uploads on standard error: bars at a terminal, lines elsewhere, nothing when quiet.
//!
//! Owns how events look. Decides nothing.

mod pace;

use crate::args::Verbosity;
use crate::output::bytes;
use crate::shapes::kind;
use crate::terminal::{self, plain};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use keepsake_client::{EventStream, Lane, UploadEvent};
use pace::Pace;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Between two lines about the same file where there are no bars.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Where progress goes.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    Bars(MultiProgress),
    Lines { verbose: bool },
    Silent,
}

impl Progress {
    pub(crate) fn new(verbosity: Verbosity) -> Self {
        match verbosity {
            Verbosity::Quiet => Self::Silent,
            Verbosity::Normal if std::io::stderr().is_terminal() => {
                Self::Bars(MultiProgress::with_draw_target(terminal::bars()))
            }
            verbosity => Self::Lines { verbose: verbosity > Verbosity::Normal },
        }
    }

    /// A line that does not break the bars.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Bars(bars) => bars.suspend(|| terminal::say(format_args!("{line}"))),
            Self::Lines { .. } | Self::Silent => terminal::say(format_args!("{line}")),
        }
    }

    /// As [`Self::say`], unless it is to be quiet.
    pub(crate) fn note(&self, line: &str) {
        if !matches!(self, Self::Silent) {
            self.say(line);
        }
    }

    /// Prints `line` to standard output without breaking the bars.
    pub(crate) fn print(&self, print: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
        match self {
            Self::Bars(bars) => bars.suspend(print),
            Self::Lines { .. } | Self::Silent => print(),
        }
    }

    /// Shows the events of one file until there are no more.
    pub(crate) async fn follow(self, name: String, mut events: EventStream) {
        match self {
            Self::Bars(bars) => {
                let mut file = FileBars::new(bars, &name);
                while let Some(event) = events.next().await {
                    file.show(&event);
                }
                file.finish();
            }
            Self::Lines { verbose } => {
                let mut file = FileLines::new(&name, verbose);
                while let Some(event) = events.next().await {
                    file.show(&event);
                }
            }
            Self::Silent => while events.next().await.is_some() {},
        }
    }
}

/// Two bars for one file: one per lane.
struct FileBars {
    bars: MultiProgress,
    original: ProgressBar,
    derived: Option<ProgressBar>,
    name: String,
}

impl FileBars {
    fn new(bars: MultiProgress, name: &str) -> Self {
        let original = bars.add(new_bar(name, "original"));
        Self { bars, original, derived: None, name: name.to_owned() }
    }

    fn show(&mut self, event: &UploadEvent) {
        match event {
            UploadEvent::Started { total_len, .. } => self.original.set_length(*total_len),
            UploadEvent::SessionOpened { asset, bytes_total, bytes_present, .. } => {
                let bar = self.bar(Lane::of(*asset));
                if Lane::of(*asset) == Lane::Derived {
                    bar.inc_length(*bytes_total);
                }
                bar.inc(*bytes_present);
                // What was there already is not this upload's speed.
                bar.reset_eta();
            }
            UploadEvent::ChunkSent { asset, bytes, .. } => {
                let bar = self.bar(Lane::of(*asset));
                bar.inc(u64::from(*bytes));
                bar.set_message("");
            }
            UploadEvent::PartsMoved { bytes } => {
                self.original.set_position(*bytes);
                self.original.set_message("");
            }
            UploadEvent::Verifying { bytes: read } => {
                self.original.set_message(format!("checked in the bucket: {}", bytes(*read)));
            }
            UploadEvent::BucketShut { reason } => {
                let line = format_args!("{}: it goes to the node itself: {reason}", self.name);
                self.bars.suspend(|| terminal::say(line));
                self.original.set_position(0);
            }
            UploadEvent::Carried { asset, bytes } => {
                let bar = self.bar(Lane::of(*asset));
                if Lane::of(*asset) == Lane::Derived {
                    bar.inc_length(*bytes);
                }
                bar.inc(*bytes);
            }
            UploadEvent::ChunkRetried { asset, reason, .. } => {
                self.bar(Lane::of(*asset)).set_message(format!("trying again: {}", plain(reason)));
            }
            UploadEvent::DerivativeMade { .. } => drop(self.bar(Lane::Derived)),
            UploadEvent::SessionRestarted { asset, .. } => self.bar(Lane::of(*asset)).set_position(0),
            UploadEvent::Publishing => self.original.set_message("publishing"),
            UploadEvent::Published { .. } => self.original.set_message(""),
            UploadEvent::DerivativesSkipped { reason } => {
                let line = format_args!("{}: the original only: {reason}", self.name);
                self.bars.suspend(|| terminal::say(line));
            }
            _ => {}
        }
    }

    fn bar(&mut self, lane: Lane) -> ProgressBar {
        match lane {
            Lane::Original => self.original.clone(),
            Lane::Derived => self
                .derived
                .get_or_insert_with(|| self.bars.insert_after(&self.original, new_bar(&self.name, "derived")))
                .clone(),
        }
    }

    fn finish(self) {
        self.original.finish_and_clear();
        if let Some(derived) = self.derived {
            derived.finish_and_clear();
        }
    }
}

/// Where a line has room for no longer one.
const NAME_CHARS_MAX: usize = 24;

/// The last characters of a path tell files apart, not the first.
fn end_of(path: &str, chars_max: usize) -> String {
    match path.chars().count().checked_sub(chars_max) {
        None | Some(0) => path.to_owned(),
        Some(over) => std::iter::once('…').chain(path.chars().skip(over + 1)).collect(),
    }
}

fn new_bar(name: &str, lane: &'static str) -> ProgressBar {
    let name = end_of(&plain(name), NAME_CHARS_MAX);
    let style = ProgressStyle::with_template(
        "{prefix:24} {lane:8} {bar:24} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4} left {wide_msg}",
    )
    .expect("the template is well-formed")
    .with_key("lane", move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = out.write_str(lane);
    });
    let bar = ProgressBar::new(0).with_style(style).with_prefix(name);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// Lines for one file.
struct FileLines {
    name: String,
    verbose: bool,
    line_at: Instant,
    total: u64,
    done: u64,
    pace: Pace,
    /// What was sent last did not arrive.
    is_retrying: bool,
    /// The node reads it in its bucket.
    is_verifying: bool,
}

impl FileLines {
    fn new(name: &str, verbose: bool) -> Self {
        Self {
            name: name.to_owned(),
            verbose,
            line_at: Instant::now(),
            total: 0,
            done: 0,
            pace: Pace::default(),
            is_retrying: false,
            is_verifying: false,
        }
    }

    fn show(&mut self, event: &UploadEvent) {
        match event {
            UploadEvent::Started { total_len, mime_type, .. } => {
                self.total = *total_len;
                self.say(&format!("{} of {mime_type}", bytes(*total_len)));
            }
            UploadEvent::SessionOpened {
                asset,
                chunks_total,
                chunks_present,
                bytes_present,
                session_id,
                in_bucket,
                ..
            } => {
                let pieces = if *in_bucket { "parts" } else { "chunks" };
                self.opened(Lane::of(*asset), (*chunks_present, *chunks_total, pieces), *bytes_present);
                self.detail(&format!("{} goes into session {session_id}", kind(*asset)));
            }
            UploadEvent::ChunkSent { asset, bytes, .. } if Lane::of(*asset) == Lane::Original => {
                self.done += u64::from(*bytes);
                self.is_retrying = false;
                self.pace.add(Instant::now(), self.done);
                self.progress();
            }
            UploadEvent::PartsMoved { bytes } => {
                self.done = *bytes;
                self.pace.add(Instant::now(), self.done);
                self.progress();
            }
            UploadEvent::PartSent { .. } => self.is_retrying = false,
            UploadEvent::Verifying { bytes: read } => self.verifying(*read),
            UploadEvent::BucketShut { reason } => {
                self.say(&format!("it goes to the node itself: {reason}"));
            }
            UploadEvent::ChunkRetried { asset, index, failures, pause, reason } => {
                self.detail(&format!(
                    "{} chunk {index} failed {failures} times, again in {} ms: {reason}",
                    kind(*asset),
                    pause.as_millis(),
                ));
                self.retried(reason);
            }
            UploadEvent::SessionRestarted { asset, reason } => {
                self.say(&format!("{} is sent anew: {reason}", kind(*asset)));
            }
            UploadEvent::DerivativeMade { asset, width, height, bytes: len } => {
                self.detail(&format!("{}: {width} x {height}, {}", kind(*asset), bytes(*len)));
            }
            UploadEvent::DerivativesSkipped { reason } => {
                self.say(&format!("the original only: {reason}"));
            }
            UploadEvent::DateLeftOut { date } => {
                self.detail(&format!("{date} is before 1970 and left out"));
            }
            UploadEvent::Carried { asset, .. } => {
                self.detail(&format!("{} went along with the publish", kind(*asset)));
            }
            UploadEvent::Published { memory_id, already: false } => {
                self.say(&format!("published as {memory_id}"));
            }
            UploadEvent::Published { memory_id, already: true } => {
                self.say(&format!("is there already, as {memory_id}"));
            }
            _ => {}
        }
    }

    fn opened(&mut self, lane: Lane, (present, total, pieces): (u32, u32, &str), bytes_present: u64) {
        if lane == Lane::Original {
            self.done = bytes_present;
            self.pace.restart(Instant::now(), bytes_present);
            if present > 0 {
                self.say(&format!("going on: {present} of {total} {pieces} are there already"));
            }
        }
    }

    fn progress(&mut self) {
        if self.line_at.elapsed() < LINE_INTERVAL {
            return;
        }
        self.line_at = Instant::now();
        let percent = self.done * 100 / self.total.max(1);
        let pace = self.pace.rate().filter(|rate| *rate > 0).map(|rate| {
            let left = self.total.saturating_sub(self.done) / rate;
            format!(", {}/s, {left} s left", bytes(rate))
        });
        let pace = pace.unwrap_or_default();
        self.say(&format!("{percent}%, {} of {}{pace}", bytes(self.done), bytes(self.total)));
    }

    /// Said once, and from time to time where it takes long.
    fn verifying(&mut self, read: u64) {
        if self.is_verifying && self.line_at.elapsed() < LINE_INTERVAL {
            return;
        }
        self.line_at = Instant::now();
        if std::mem::replace(&mut self.is_verifying, true) {
            self.say(&format!("{} of {} checked in the bucket", bytes(read), bytes(self.total)));
        } else {
            self.say("all of it is in the bucket; the node reads it there once, to check it");
        }
    }

    /// Said once until something arrives again; in detail it is said each time.
    fn retried(&mut self, reason: &str) {
        if !self.verbose && !self.is_retrying {
            self.say(&format!("trying again: {reason}"));
        }
        self.is_retrying = true;
    }

    fn say(&self, text: &str) {
        terminal::say(format_args!("{}: {text}", self.name));
    }

    fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_path_its_end_is_shown() {
        assert_eq!(end_of("a/IMG_1.jpg", 24), "a/IMG_1.jpg");
        assert_eq!(end_of("2019/holiday/IMG_1.jpg", 13), "…ay/IMG_1.jpg");
    }
}
