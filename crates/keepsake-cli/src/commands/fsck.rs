//! `keepsake fsck`: is a data directory sound? Owns the report for people and the exit codes; checks nothing itself.

use crate::args::Fsck;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, bytes};
use anyhow::{Error, Result};
use keepsake_node::data_dir::DataDirError;
use keepsake_node::fsck::bucket::{BucketCheckError, BucketReport, Finding, compare};
use keepsake_node::fsck::{FsckError, FsckReport, check};
use keepsake_s3::Bucket;
use serde_json::{Value, json};
use std::io::IsTerminal;

/// A line of progress for every so many bytes that were read.
const PROGRESS_STEP_BYTES: u64 = 1 << 30;

/// Findings that are told in JSON; their numbers are told of all.
const FINDINGS_IN_JSON_MAX: usize = 1_000;

/// Checks, prints, and fails with [`Exit::Failed`] where something is broken.
pub(crate) async fn run(args: &Fsck, output: Output) -> Result<()> {
    let bucket = bucket(args)?;
    let mut told = 0;
    let progress = |done: u64| {
        if std::io::stderr().is_terminal() && done / PROGRESS_STEP_BYTES > told {
            told = done / PROGRESS_STEP_BYTES;
            output.note(format_args!("{} read", bytes(done)));
        }
    };
    let report = check(&args.dir, args.bytes, progress).map_err(not_checked)?;
    let is_sound = report.violations.is_empty();
    // Broken records say nothing about a bucket.
    let compared = match bucket.filter(|_| is_sound) {
        Some(bucket) => Some(with_bucket(args, &bucket, output).await?),
        None => None,
    };
    let printed = if output.json {
        output::json(&shape(&report, compared.as_ref()))
    } else {
        print(&report)
            .and_then(|()| compared.as_ref().map_or(Ok(()), |compared| print_bucket(&compared.report)))
    };
    // Also where nobody reads on: the exit code says whether it is sound.
    let is_sound = is_sound && compared.is_none_or(|compared| compared.report.is_sound());
    if is_sound { printed } else { Err(Failure::already_reported(Exit::Failed).into()) }
}

/// The bucket that the options name.
fn bucket(args: &Fsck) -> Result<Option<Bucket>> {
    let unusable = |error: keepsake_s3::Error| Failure::new(Exit::Usage, error.to_string());
    let named = args.s3.bucket().map_err(unusable)?;
    let opened = named.map(|(options, credentials)| Bucket::open(&options, credentials));
    Ok(opened.transpose().map_err(unusable)?)
}

/// What was found in the bucket.
struct Compared {
    report: BucketReport,
    /// In words, the first of them.
    findings: Vec<String>,
}

async fn with_bucket(args: &Fsck, bucket: &Bucket, output: Output) -> Result<Compared> {
    let (mut findings, mut printed) = (Vec::new(), Ok(()));
    let tell = |finding: &Finding| {
        if output.json {
            if findings.len() < FINDINGS_IN_JSON_MAX {
                findings.push(finding.to_string());
            }
        } else if printed.is_ok() {
            printed = output::line(format_args!("{finding}"));
        }
    };
    let compared = compare(&args.dir, bucket, args.s3_remove_orphans, tell).await;
    let report = compared.map_err(|error| match error {
        BucketCheckError::Store(error) => not_checked(error),
        error => {
            let is_away = matches!(&error, BucketCheckError::Bucket(error) if error.is_passing());
            let exit = if is_away { Exit::Unreachable } else { Exit::Usage };
            Failure::new(exit, format!("{:#}", Error::from(error))).into()
        }
    })?;
    printed.map(|()| Compared { report, findings })
}

fn not_checked(error: FsckError) -> Error {
    let exit = match &error {
        FsckError::NotFound { .. } | FsckError::DataDir(DataDirError::NotADataDir { .. }) => Exit::NotFound,
        FsckError::DataDir(DataDirError::InUse { .. }) => Exit::Conflict,
        FsckError::DataDir(_) | FsckError::Open(_) | FsckError::Io { .. } => Exit::Usage,
    };
    Failure::new(exit, format!("{:#}", Error::from(error))).into()
}

fn shape(report: &FsckReport, compared: Option<&Compared>) -> Value {
    let check = &report.check;
    let read = report.bytes.as_ref().map(|read| {
        json!({
            "blobs": read.blobs,
            "inline_assets": read.inline_assets,
            "sessions": read.sessions,
            "bytes": read.bytes,
        })
    });
    let bucket = compared.map(|Compared { report, findings }| {
        json!({
            "objects": report.objects,
            "bytes": report.bytes,
            "needed": report.needed,
            "unfinished": report.unfinished,
            "losses": report.losses,
            "leftovers": report.leftovers,
            "foreign": report.foreign,
            "removed": report.removed,
            "findings": findings,
        })
    });
    json!({
        "ok": report.violations.is_empty() && compared.is_none_or(|compared| compared.report.is_sound()),
        "commit": report.epoch,
        "capsules": check.capsules,
        "memories": check.memories,
        "blobs": check.blobs,
        "sessions": check.sessions,
        "allocated_bytes": check.allocated_bytes,
        "idle_bytes": check.idle_bytes,
        "read": read,
        "bucket": bucket,
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

fn print_bucket(report: &BucketReport) -> Result<()> {
    output::line(format_args!("{:<12}{} objects, {}", "bucket", report.objects, bytes(report.bytes)))?;
    output::line(format_args!("{:<12}{} of them", "needed", report.needed))?;
    if report.unfinished > 0 {
        let what = "uploads in parts, which go on or are removed by the node";
        output::line(format_args!("{:<12}{} {what}", "unfinished", report.unfinished))?;
    }
    if report.removed > 0 {
        output::line(format_args!("{:<12}{} that no record named", "removed", report.removed))?;
    }
    if report.losses > 0 {
        output::line(format_args!(
            "{} lost or wrong. What is missing may be another bucket's, or below another --s3-prefix; an older version of it may be \
             restored under its key. What is newer belongs to newer records: find those before anything is removed.",
            report.losses
        ))?;
    }
    if report.leftovers > 0 {
        output::line(format_args!(
            "{} left over. They cost room and nothing else. `--s3-remove-orphans` removes orphans, where DIR comes from no backup.",
            report.leftovers
        ))?;
    }
    if report.is_sound() {
        output::line(format_args!("the bucket has what the records need"))
    } else {
        Ok(())
    }
}
