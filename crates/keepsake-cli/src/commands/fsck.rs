//! `keepsake fsck`: is a data directory sound? Owns the report for people and the exit codes; checks nothing itself.

use crate::args::Fsck;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, bytes};
use anyhow::{Error, Result};
use keepsake_node::data_dir::DataDirError;
use keepsake_node::fsck::{FsckError, FsckReport, check};
use serde_json::{Value, json};
use std::io::IsTerminal;

/// A line of progress for every so many bytes that were read.
const PROGRESS_STEP_BYTES: u64 = 1 << 30;

/// Checks, prints, and fails with [`Exit::Failed`] where something is broken.
pub(crate) fn run(args: &Fsck, output: Output) -> Result<()> {
    let mut told = 0;
    let progress = |done: u64| {
        if std::io::stderr().is_terminal() && done / PROGRESS_STEP_BYTES > told {
            told = done / PROGRESS_STEP_BYTES;
            output.note(format_args!("{} read", bytes(done)));
        }
    };
    let report = check(&args.dir, args.bytes, progress).map_err(not_checked)?;
    let printed = if output.json { output::json(&shape(&report)) } else { print(&report) };
    // Also where nobody reads on: the exit code says whether it is sound.
    if report.violations.is_empty() { printed } else { Err(Failure::already_reported(Exit::Failed).into()) }
}

fn not_checked(error: FsckError) -> Error {
    let exit = match &error {
        FsckError::NotFound { .. } | FsckError::DataDir(DataDirError::NotADataDir { .. }) => Exit::NotFound,
        FsckError::DataDir(DataDirError::InUse { .. }) => Exit::Conflict,
        FsckError::DataDir(_) | FsckError::Open(_) | FsckError::Io { .. } => Exit::Usage,
    };
    Failure::new(exit, format!("{:#}", Error::from(error))).into()
}

fn shape(report: &FsckReport) -> Value {
    let check = &report.check;
    let read = report.bytes.as_ref().map(|read| {
        json!({
            "blobs": read.blobs,
            "inline_assets": read.inline_assets,
            "sessions": read.sessions,
            "bytes": read.bytes,
        })
    });
    json!({
        "ok": report.violations.is_empty(),
        "commit": report.epoch,
        "capsules": check.capsules,
        "memories": check.memories,
        "blobs": check.blobs,
        "sessions": check.sessions,
        "allocated_bytes": check.allocated_bytes,
        "idle_bytes": check.idle_bytes,
        "read": read,
        "violations": report.violations,
    })
}

fn print(report: &FsckReport) -> Result<()> {
    let check = &report.check;
    let rows = [
        ["capsules", &check.capsules.to_string()],
        ["memories", &check.memories.to_string()],
        ["blobs", &check.blobs.to_string()],
        ["sessions", &check.sessions.to_string()],
        ["blob bytes", &bytes(check.allocated_bytes)],
        ["free bytes", &bytes(check.idle_bytes)],
    ];
    for [what, count] in rows {
        output::line(format_args!("{what:<12}{count}"))?;
    }
    if let Some(read) = &report.bytes {
        output::line(format_args!("{:<12}{}, each byte against its SHA-256", "read", bytes(read.bytes)))?;
    }
    if report.bytes.is_none() {
        output::line(format_args!(
            "{:<12}no byte of a blob: `keepsake fsck --bytes` compares them with their SHA-256",
            "read"
        ))?;
    }
    for violation in &report.violations {
        output::line(format_args!("broken: {violation}"))?;
    }
    match report.violations.len() {
        0 => output::line(format_args!("sound at commit {}", report.epoch)),
        count => output::line(format_args!(
            "{count} broken. Keep a copy of the directory as it is, then restore a backup; what can still be read \
             can be saved with `keepsake serve` and `keepsake get`. Please report it: this is a bug or a bad disk."
        )),
    }
}
