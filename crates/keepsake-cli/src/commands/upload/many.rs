//! The uploads of a run, several at once, and what is told of each. Owns their order, and the end of a run in which no other
//! file can fare better.

use super::ahead::{Ahead, Lookup, Next};
use super::tally::Tally;
use crate::args::Upload;
use crate::context::Context;
use crate::failure::{Exit, advice_on_bucket, ends_a_run, exit_of, is_out_of_room};
use crate::full;
use crate::output::{self, bytes};
use crate::progress::Progress;
use crate::shapes::{FailedLine, UploadLine};
use crate::terminal::Report;
use crate::words::told;
use anyhow::{Result, anyhow};
use keepsake_client::api::{IfPresent, LimitUse, Memory};
use keepsake_client::{
    AgentTransport, CancellationToken, Client, EventStream, Source, Turn, Turns, UploadError, UploadOptions,
    Uploaded, text_of, upload_events,
};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// So many refusals for want of room in a row end a run, whatever the limits say.
const REFUSALS_MAX: u32 = 3;

/// A run.
pub(super) struct Uploads<'a> {
    context: &'a Context,
    progress: &'a Progress,
    args: &'a Upload,
    pub(super) tally: Tally,
    pub(super) report: Report,
    pub(super) cancel: CancellationToken,
    /// Where the files go, once that is known.
    capsule_id: Option<String>,
    /// Files not begun yet.
    ahead: Ahead,
    /// Refusals for want of room since the last file that fitted.
    refusals: u32,
    /// What was full at the last of them.
    full: Vec<LimitUse>,
}

/// What all files have in common.
struct Target<'a> {
    client: &'a Client<AgentTransport>,
    capsule_id: &'a str,
    turns: Turns,
    in_flight: usize,
}

/// What became of a file.
enum Done {
    Uploaded(Box<Uploaded>),
    Known(Known),
}

/// A memory has the bytes of the file.
struct Known {
    memory_id: String,
    bytes: u64,
    sha256: [u8; 32],
    /// Where more is to be told of it.
    memory: Option<Box<Memory>>,
}

/// One finished file.
struct Outcome {
    file: PathBuf,
    result: Result<Done, UploadError>,
    took: Duration,
}

impl<'a> Uploads<'a> {
    pub(super) fn new(context: &'a Context, progress: &'a Progress, args: &'a Upload, tally: Tally) -> Self {
        Self {
            context,
            progress,
            args,
            tally,
            report: Report::default(),
            cancel: CancellationToken::new(),
            capsule_id: None,
            ahead: Ahead::default(),
            refusals: 0,
            full: Vec::new(),
        }
    }

    /// Until all files are tried, or no other can fare better, or a signal comes.
    pub(super) async fn run(
        &mut self,
        client: &Client<AgentTransport>,
        capsule_id: &str,
        files: Vec<PathBuf>,
    ) -> Result<()> {
        let jobs = usize::from(self.args.jobs).min(files.len());
        let in_flight = (usize::from(self.args.in_flight) / jobs).max(1);
        let target = Target { client, capsule_id, turns: Turns::default(), in_flight };
        self.capsule_id = Some(capsule_id.to_owned());
        let cancel = self.cancel.clone();
        let lookup = Lookup {
            client: client.clone(),
            capsule_id: capsule_id.to_owned(),
            hosting: self.args.hosting.into(),
            cancel: cancel.clone(),
            progress: self.progress.clone(),
            is_told: Arc::default(),
        };
        self.ahead = Ahead::new(files, (!self.args.again).then_some(lookup));
        let (mut running, mut is_last) = (JoinSet::new(), false);
        loop {
            let is_over = is_last || cancel.is_cancelled() || self.tally.is_stopped();
            tokio::select! {
                Some(ended) = running.join_next() => match ended {
                    Ok(outcome) => self.tell(outcome).await,
                    Err(error) => {
                        return Err(anyhow!(error).context("an upload failed in an unforeseen way"));
                    }
                },
                next = self.ahead.next(), if !is_over && running.len() < jobs => match next {
                    Some(next) => drop(running.spawn(self.start(&target, next))),
                    None => is_last = true,
                },
                () = cancel.cancelled(), if !is_over => {}
                else => break,
            }
        }
        self.tally.not_tried(self.ahead.files().count());
        Ok(())
    }

    fn start(&self, target: &Target<'_>, next: Next) -> impl Future<Output = Outcome> + use<> {
        let (events, stream) = upload_events();
        let options = UploadOptions {
            capsule_id: Some(target.capsule_id.to_owned()),
            title: self.args.title.clone(),
            tags: self.args.tag.clone(),
            chunks_in_flight_max: target.in_flight,
            road: self.args.road.into(),
            hosting: self.args.hosting.into(),
            derive: !self.args.no_derivatives,
            if_present: if self.args.again { IfPresent::Duplicate } else { IfPresent::Return },
            events: Some(events),
            cancel: self.cancel.clone(),
            ..UploadOptions::default()
        };
        let (progress, is_json) = (self.progress.clone(), self.context.output.json);
        let (client, turns) = (target.client.clone(), target.turns.clone());
        async move {
            let (begun, file) = (Instant::now(), next.file.clone());
            let mut result = upload(&client, &turns, next, options, (progress, stream)).await;
            if let Ok(Done::Known(known)) = &mut result
                && is_json
            {
                match client.memories_read(&known.memory_id).await {
                    Ok(memory) => known.memory = Some(Box::new(memory)),
                    Err(error) => result = Err(error.into()),
                }
            }
            Outcome { file, result, took: begun.elapsed() }
        }
    }

    async fn tell(&mut self, outcome: Outcome) {
        let file = text_of(&outcome.file);
        match outcome.result {
            Ok(Done::Uploaded(uploaded)) => {
                self.tally.made(uploaded.total_len);
                self.refusals = 0;
                let printed = self.progress.print(|| self.print(file, *uploaded, outcome.took.as_secs_f64()));
                self.report.told(printed);
            }
            Ok(Done::Known(known)) => {
                self.tally.was_there();
                let printed = self.progress.print(|| print_known(file, &known, outcome.took.as_secs_f64()));
                self.report.told(printed);
            }
            // One message for all of them at the end.
            Err(UploadError::Cancelled) => self.tally.not_tried(1),
            Err(error) => self.tell_failure(&outcome.file, &error.into()).await,
        }
    }

    /// Tells why a file failed, and stops the run where no other can fare better.
    pub(super) async fn tell_failure(&mut self, file: &Path, error: &anyhow::Error) {
        self.tally.failed(exit_of(error));
        let (name, why) = (text_of(file), why(error));
        self.progress.say(&format!("keepsake: {name}: {why}"));
        let mut line = FailedLine { file: Some(name), error: why, ..FailedLine::new(error) };
        if let Some(why) = ends_a_run(error) {
            self.tally.stop(why);
        }
        if let Some(advice) = advice_on_bucket(error) {
            self.progress.note(advice);
            line.advice = Some(advice.to_owned());
        }
        if is_out_of_room(error) {
            self.full = full::limits(self.context, self.capsule_id.clone()).await;
            self.refusals += 1;
            line.advice = Some(full::told(&self.full));
            line.limits.clone_from(&self.full);
            if self.refusals >= REFUSALS_MAX || is_full(&self.full, smallest(self.ahead.files())) {
                self.tally.stop("there is no room for more".to_owned());
            }
        }
        if self.context.output.json {
            let printed = self.progress.print(|| output::json_line(&line));
            self.report.told(printed);
        }
    }

    /// Once for all files, at the end.
    pub(super) fn tell_sum(&mut self, interrupted: bool) {
        let output = self.context.output;
        if self.tally.files() > 1 || self.args.recursive {
            output.note(format_args!("{}", self.tally.told()));
            if output.json {
                self.report.told(output::json_line(&self.tally.line(interrupted)));
            }
        }
        let and_not = match (self.args.tag.is_empty(), self.args.title.is_none()) {
            (true, true) => "",
            (false, true) => ", without the tag given here",
            (true, false) => ", without the title given here",
            (false, false) => ", without the tag and title given here",
        };
        match self.tally.already_there() {
            0 => {}
            1 => output.note(format_args!(
                "1 file was there already: its memory stays as it is{and_not} (--again makes another one)"
            )),
            count => output.note(format_args!(
                "{count} files were there already: their memories stay as they are{and_not} (--again makes others)"
            )),
        }
        // Where all failed for want of room, that is told with the exit code.
        if self.tally.has_met(Exit::Exhausted) && self.tally.exit() != Some(Exit::Exhausted) {
            full::told(&self.full).lines().for_each(|line| output.note(format_args!("{line}")));
        }
    }

    fn print(&self, file: String, uploaded: Uploaded, seconds: f64) -> Result<()> {
        let output = self.context.output;
        if output.json {
            return output::json_line(&UploadLine::new(file, uploaded, seconds));
        }
        let assets = uploaded.assets.len();
        let plural = if assets == 1 { "" } else { "s" };
        output::line(format_args!(
            "{}  {}  {}  {assets} asset{plural}",
            uploaded.memory_id,
            bytes(uploaded.total_len),
            file
        ))
    }
}

fn print_known(file: String, known: &Known, seconds: f64) -> Result<()> {
    match &known.memory {
        Some(memory) => output::json_line(&UploadLine::already_there(file, memory, &known.sha256, seconds)),
        None => {
            output::line(format_args!("{}  {}  {file}  already there", known.memory_id, bytes(known.bytes)))
        }
    }
}

/// One file: found, or sent. Where its like is under way, that one first.
async fn upload(
    client: &Client<AgentTransport>,
    turns: &Turns,
    next: Next,
    options: UploadOptions,
    (progress, events): (Progress, EventStream),
) -> Result<Done, UploadError> {
    let Next { file, source, found, claim: _claim } = next;
    let source = source?;
    let turn = options.cancel.run_until_cancelled(turn(turns, &source)).await;
    let mut turn = turn.ok_or(UploadError::Cancelled)?;
    let before = || turn.as_ref().and_then(|turn| turn.memory_id()).map(str::to_owned);
    if let (Some(memory_id), Some(sha256)) = (found.or_else(before), source.sha256()) {
        let bytes = source.hashed_len().unwrap_or_default();
        return Ok(Done::Known(Known { memory_id, bytes, sha256: *sha256, memory: None }));
    }
    // Two files in two folders may have one name.
    let follow = progress.follow(text_of(&file), events);
    let (uploaded, ()) = tokio::join!(client.upload(source, options), follow);
    let uploaded = uploaded?;
    if let Some(turn) = &mut turn {
        turn.made(&uploaded.memory_id);
    }
    if uploaded.already {
        let Uploaded { memory_id, total_len: bytes, sha256, .. } = uploaded;
        return Ok(Done::Known(Known { memory_id, bytes, sha256, memory: None }));
    }
    Ok(Done::Uploaded(Box::new(uploaded)))
}

/// The turn of a file that is hashed: of others it does not matter.
async fn turn(turns: &Turns, source: &Source) -> Option<Turn> {
    match source.sha256() {
        Some(sha256) => Some(turns.of(sha256).await),
        None => None,
    }
}

/// Why a file is not uploaded, to be read after its name.
fn why(error: &anyhow::Error) -> String {
    match error.downcast_ref() {
        Some(UploadError::File { reason, .. }) => match reason.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::PermissionDenied => "you may not read it".to_owned(),
            _ => format!("cannot read it: {reason}"),
        },
        Some(UploadError::Empty { .. }) => "it is empty: there is nothing to upload".to_owned(),
        _ => told(error),
    }
}

/// Nothing as long as `bytes` fits, or nothing at all.
fn is_full(limits: &[LimitUse], bytes: u64) -> bool {
    limits.iter().any(|limit| if limit.code.contains("bytes") { limit.left < bytes } else { limit.left == 0 })
}

/// Length of the shortest file, bytes; of none, none fits.
fn smallest<'a>(files: impl Iterator<Item = &'a Path>) -> u64 {
    let lengths = files.filter_map(|file| std::fs::metadata(file).ok()).map(|metadata| metadata.len());
    lengths.min().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_the_shortest_file_does_not_fit_and_not_for_a_long_one() {
        let limit = |code: &str, left: u64| LimitUse { code: code.to_owned(), used: 0, max: 1_000_000, left };
        assert!(is_full(&[limit("heap_bytes", 4_999)], 5_000));
        assert!(!is_full(&[limit("heap_bytes", 5_000)], 5_000));
        assert!(is_full(&[limit("sessions_per_caller", 0)], 1));
        assert!(!is_full(&[limit("sessions_per_caller", 1)], 5_000));
        assert!(!is_full(&[], 5_000));
    }
}
