//! `keepsake upload`: several files, several at once. Owns their choice, and what is said about each.

use crate::args::{Upload, Verbosity};
use crate::context::Context;
use crate::failure::{Exit, Failure, combined, exit_of, is_out_of_room};
use crate::full;
use crate::output::{self, bytes};
use crate::progress::Progress;
use crate::shapes::{FailedLine, UploadLine};
use crate::terminal::Report;
use crate::words::told;
use anyhow::{Result, anyhow};
use keepsake_client::api::{Error as Refusal, Memory, Role};
use keepsake_client::{
    AgentTransport, CallError, CancellationToken, Client, Originals, RetryPolicy, Source, Transience,
    UploadError, UploadOptions, Uploaded, upload_events,
};
use std::collections::{HashSet, VecDeque};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Uploads all files; goes on after one that fails.
pub(crate) async fn run(context: Context, args: Upload) -> Result<()> {
    let progress = Progress::new(context.output.verbosity);
    let mut exits = Vec::new();
    let mut report = Report::default();
    let (files, problems) = choose_files(&args);
    for (file, error) in problems {
        report.told(report_failure(&context, &progress, &file, &error, None, &mut exits).await);
    }
    if files.is_empty() && exits.is_empty() {
        return Err(Failure::new(Exit::Failed, "there is no file to upload").into());
    }
    let cancel = CancellationToken::new();
    cancel_on_interrupt(cancel.clone());
    if !files.is_empty() {
        let client = patient_client(&context, &args).await;
        let capsule_id = tokio::select! {
            capsule_id = capsule(&context, &client) => capsule_id?,
            () = cancel.cancelled() => return Err(interrupted()),
        };
        let known = known(&context, &client, &capsule_id, &args, files.len()).await?;
        let mut uploads = Uploads {
            context: &context,
            progress: &progress,
            args: &args,
            client,
            capsule_id,
            known,
            known_count: 0,
            report,
            cancel: cancel.clone(),
        };
        uploads.run(files, &mut exits).await?;
        uploads.tell_known();
        report = uploads.report;
    }
    if cancel.is_cancelled() {
        return Err(interrupted());
    }
    combined(&exits).map_or_else(|| report.end(), |exit| Err(Failure::already_reported(exit).into()))
}

fn interrupted() -> anyhow::Error {
    let message = "stopped; what was sent is kept: run the same command again to go on from there";
    Failure::new(Exit::Interrupted, message).into()
}

fn cancel_on_interrupt(cancel: CancellationToken) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });
}

/// A client that outlasts a restart of the node.
async fn patient_client(context: &Context, args: &Upload) -> Client<AgentTransport> {
    let unreachable_max = Duration::from_secs(args.retry_for);
    let client = context.client.clone().with_retry(RetryPolicy { unreachable_max, ..RetryPolicy::default() });
    let first = context.client.clone().with_retry(RetryPolicy::never());
    if let Err(CallError::Transport { error, .. }) = first.limits().await
        && error.transience() == Transience::Unreachable
        && args.retry_for > 0
    {
        context.output.note(format_args!(
            "the node does not answer yet; trying for {} s (--retry-for)",
            args.retry_for
        ));
    }
    client
}

async fn capsule(context: &Context, client: &Client<AgentTransport>) -> Result<String> {
    // Waits with the patient client; the other one would give up soon.
    client.limits().await?;
    let capsule_id = context.capsule_to_write().await?;
    if context.names_capsule() {
        require_writable(client, &capsule_id).await?;
    }
    Ok(capsule_id)
}

/// Refuses a capsule that is not there, or that only shows itself.
async fn require_writable(client: &Client<AgentTransport>, capsule_id: &str) -> Result<()> {
    let exit = match client.capsules_read_basic(Some(capsule_id)).await {
        Ok(capsule) if capsule.role > Role::Member => Exit::Unauthorized,
        Ok(_) => return Ok(()),
        Err(error) if matches!(error.refusal(), Some(Refusal::NotFound | Refusal::InvalidArgument(_))) => {
            Exit::NotFound
        }
        Err(error) => return Err(error.into()),
    };
    let message = format!(
        "there is no capsule {capsule_id} that you can write to: `keepsake capsule` lists yours, with your role in each"
    );
    Err(Failure::new(exit, message).into())
}

/// Memories of the capsule that files are compared with, at least.
const KNOWN_MIN: usize = 2_000;

/// More of them for each file: whoever uploads a large folder again looks back further.
const KNOWN_PER_FILE: usize = 20;

/// At most; a hundred fit one message.
const KNOWN_MAX: usize = 100_000;

/// What the capsule holds already, unless it does not matter.
async fn known(
    context: &Context,
    client: &Client<AgentTransport>,
    capsule_id: &str,
    args: &Upload,
    files: usize,
) -> Result<Option<Originals>> {
    if args.again {
        return Ok(None);
    }
    let wanted = files.saturating_mul(KNOWN_PER_FILE).saturating_add(KNOWN_MIN).min(KNOWN_MAX);
    let wanted = u32::try_from(wanted).expect("at most KNOWN_MAX");
    let known = client.originals(capsule_id, wanted).await?;
    if !known.is_complete() && context.output.verbosity > Verbosity::Normal {
        context
            .output
            .note(format_args!("looking for the same bytes among the newest {wanted} memories only"));
    }
    Ok(Some(known))
}

struct Uploads<'a> {
    context: &'a Context,
    progress: &'a Progress,
    args: &'a Upload,
    client: Client<AgentTransport>,
    capsule_id: String,
    known: Option<Originals>,
    /// Files that were there already.
    known_count: usize,
    report: Report,
    cancel: CancellationToken,
}

/// What became of a file.
enum Done {
    Uploaded(Box<Uploaded>),
    /// A memory has its bytes, with this SHA-256.
    Known(Box<Memory>, [u8; 32]),
}

/// One finished file.
struct Outcome {
    file: PathBuf,
    result: Result<Done, UploadError>,
    took: Duration,
}

impl Uploads<'_> {
    async fn run(&mut self, files: Vec<PathBuf>, exits: &mut Vec<Exit>) -> Result<()> {
        let jobs = usize::from(self.args.jobs).min(files.len());
        let in_flight = (usize::from(self.args.in_flight) / jobs).max(1);
        let mut waiting = VecDeque::from(files);
        let mut running = JoinSet::new();
        loop {
            while running.len() < jobs && !self.cancel.is_cancelled() {
                let Some(file) = waiting.pop_front() else { break };
                running.spawn(self.start(file, in_flight));
            }
            match running.join_next().await {
                Some(Ok(outcome)) => {
                    let told = self.tell(outcome, exits).await;
                    self.report.told(told);
                }
                Some(Err(error)) => {
                    return Err(anyhow!(error).context("an upload failed in an unforeseen way"));
                }
                None => return Ok(()),
            }
        }
    }

    fn start(&self, file: PathBuf, in_flight: usize) -> impl Future<Output = Outcome> + use<> {
        let (events, stream) = upload_events();
        let options = UploadOptions {
            capsule_id: Some(self.capsule_id.clone()),
            title: self.args.title.clone(),
            tags: self.args.tag.clone(),
            chunks_in_flight_max: in_flight,
            derive: !self.args.no_derivatives,
            events: Some(events),
            cancel: self.cancel.clone(),
            ..UploadOptions::default()
        };
        let (client, progress) = (self.client.clone(), self.progress.clone());
        let (known, cancel) = (self.known.clone(), self.cancel.clone());
        async move {
            let begun = Instant::now();
            let find = find(&client, known.as_ref(), &file);
            let result = match cancel.run_until_cancelled(find).await.unwrap_or(Err(UploadError::Cancelled)) {
                Ok(Some((memory, sha256))) => Ok(Done::Known(Box::new(memory), sha256)),
                Ok(None) => {
                    let source = Source::file(&file);
                    let follow = progress.follow(source.name().to_owned(), stream);
                    let (result, ()) = tokio::join!(client.upload(source, options), follow);
                    result.map(|uploaded| Done::Uploaded(Box::new(uploaded)))
                }
                Err(error) => Err(error),
            };
            Outcome { file, result, took: begun.elapsed() }
        }
    }

    async fn tell(&mut self, outcome: Outcome, exits: &mut Vec<Exit>) -> Result<()> {
        let file = outcome.file.display().to_string();
        match outcome.result {
            Ok(Done::Uploaded(uploaded)) => {
                if let Some(known) = &self.known {
                    known.add(uploaded.total_len, uploaded.memory_id.clone());
                }
                self.progress.print(|| self.print(file, *uploaded, outcome.took.as_secs_f64()))
            }
            Ok(Done::Known(memory, sha256)) => {
                self.known_count += 1;
                let line = UploadLine::already_there(file, &memory, &sha256, outcome.took.as_secs_f64());
                self.progress.print(|| self.print_known(&line))
            }
            // One message for all of them at the end.
            Err(UploadError::Cancelled) => Ok(()),
            Err(error) => {
                let (file, error, capsule_id) = (outcome.file, error.into(), Some(self.capsule_id.clone()));
                report_failure(self.context, self.progress, &file, &error, capsule_id, exits).await
            }
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

    fn print_known(&self, line: &UploadLine) -> Result<()> {
        if self.context.output.json {
            return output::json_line(line);
        }
        let (id, file) = (&line.memory_id, &line.file);
        output::line(format_args!("{id}  {}  {file}  already there", bytes(line.bytes)))
    }

    /// Once for all files, at the end.
    fn tell_known(&self) {
        let what = match self.known_count {
            0 => return,
            1 => "1 file was there already: its memory stays as it is".to_owned(),
            count => format!("{count} files were there already: their memories stay as they are"),
        };
        self.context.output.note(format_args!("{what} (--again makes another one)"));
    }
}

/// The memory that has the bytes of `file`, if that is to be looked for.
async fn find(
    client: &Client<AgentTransport>,
    known: Option<&Originals>,
    file: &Path,
) -> Result<Option<(Memory, [u8; 32])>, UploadError> {
    match known {
        Some(known) => client.find_original(known, file).await,
        None => Ok(None),
    }
}

async fn report_failure(
    context: &Context,
    progress: &Progress,
    file: &Path,
    error: &anyhow::Error,
    capsule_id: Option<String>,
    exits: &mut Vec<Exit>,
) -> Result<()> {
    exits.push(exit_of(error));
    let (file, why) = (file.display().to_string(), why(error));
    progress.say(&format!("keepsake: {file}: {why}"));
    if !context.output.json {
        return Ok(());
    }
    let mut line = FailedLine { file: Some(file), error: why, ..FailedLine::new(error) };
    if is_out_of_room(error) {
        line.limits = full::limits(context, capsule_id).await;
        line.advice = Some(full::told(&line.limits));
    }
    progress.print(|| output::json_line(&line))
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

/// The files to upload, each once, and what cannot be uploaded.
fn choose_files(args: &Upload) -> (Vec<PathBuf>, Vec<(PathBuf, anyhow::Error)>) {
    let (mut files, mut problems, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for path in &args.files {
        let found = if path.is_dir() { inside(path, args.recursive) } else { vec![Ok(path.clone())] };
        for file in found {
            match file {
                // The same file twice would be two uploads into the same sessions.
                Ok(file) if seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) => {
                    files.push(file);
                }
                Ok(_) => {}
                Err(problem) => problems.push(problem),
            }
        }
    }
    (files, problems)
}

fn inside(dir: &Path, recursive: bool) -> Vec<Result<PathBuf, (PathBuf, anyhow::Error)>> {
    if !recursive {
        let error = Failure::new(Exit::Usage, "this is a folder: give -r to upload what is in it");
        return vec![Err((dir.to_owned(), error.into()))];
    }
    let walk = walkdir::WalkDir::new(dir).sort_by_file_name().into_iter();
    // Hidden files are the system's: previews, indexes, settings.
    let visible = walk
        .filter_entry(|entry| entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.'));
    visible
        .filter_map(|entry| match entry {
            Ok(entry) if entry.file_type().is_file() => Some(Ok(entry.into_path())),
            Ok(_) => None,
            Err(error) => {
                let path = error.path().unwrap_or(dir).to_owned();
                let reason =
                    error.into_io_error().unwrap_or_else(|| std::io::Error::other("links that go round"));
                let error = UploadError::File { path: path.clone(), reason };
                Some(Err((path, error.into())))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    fn upload(args: &[&str]) -> Upload {
        let arguments = Arguments::parse_from(["keepsake", "upload"].iter().chain(args));
        let Command::Upload(upload) = arguments.command else { unreachable!("asked for upload") };
        upload
    }

    #[test]
    fn folders_need_r_and_hidden_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("photos");
        std::fs::create_dir_all(root.join("sub")).unwrap();
        for name in ["b.jpg", "sub/a.jpg", ".hidden"] {
            std::fs::write(root.join(name), "x").unwrap();
        }
        let path = root.to_str().unwrap();
        let (files, problems) = choose_files(&upload(&[path]));
        assert_eq!((files.len(), problems.len()), (0, 1));
        let (files, problems) = choose_files(&upload(&["-r", path]));
        assert_eq!(files, [root.join("b.jpg"), root.join("sub/a.jpg")]);
        assert!(problems.is_empty());
    }

    #[test]
    fn a_file_given_twice_is_uploaded_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        std::fs::write(&file, "x").unwrap();
        let detour = dir.path().join(".").join("a");
        let (files, _) = choose_files(&upload(&[file.to_str().unwrap(), detour.to_str().unwrap()]));
        assert_eq!(files.len(), 1);
    }
}
