//! `cargo xtask bench canister`: what the canister's module costs in instructions, beside the targets.
//!
//! Owns the targets, the report, and `benches/instructions.toml` with the numbers of the last run, which is committed.
//! The counting itself is the example `canister_costs` of `keepsake-conformance`. It runs the module in
//! `keepsake-wasm-host`, whose `cost.rs` has the table of what the Internet Computer charges.

mod record;

use crate::build;
use crate::table;
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use lexopt::prelude::*;
use record::Record;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A number that is kept may be off by so much, as a share.
const STALE_BEYOND: f64 = 0.02;

/// The example of `keepsake-conformance` that counts.
const COUNTING: &str = "canister_costs";

/// One number: its name, what it is, its unit, and what it must not exceed.
struct Figure(&'static str, &'static str, &'static str, Option<f64>);

const PER_BYTE: &str = "instructions/byte";
const EACH: &str = "instructions";
const BYTES: &str = "bytes";
const SMALL_MESSAGE_MAX: Option<f64> = Some(8e5);
const PUBLISH_MAX: Option<f64> = Some(4e6);

const FIGURES: &[Figure] = &[
    Figure("put_chunk_but_hash_per_byte", "put_chunk, all but the hash", PER_BYTE, Some(3.0)),
    Figure("put_chunk_per_byte", "put_chunk with rolling SHA-256", PER_BYTE, Some(66.0)),
    Figure("put_chunk_first_per_byte", "the same, first after an install", PER_BYTE, Some(72.0)),
    Figure("read_chunk_per_byte", "blob_read_chunk, without the reply's 50", PER_BYTE, Some(3.0)),
    Figure("begin_1_mb", "begin, 1 MB", EACH, SMALL_MESSAGE_MAX),
    Figure("begin_10_gb", "begin, 10 GB", EACH, SMALL_MESSAGE_MAX),
    Figure("finish_1_mb", "finish, 1 MB", EACH, SMALL_MESSAGE_MAX),
    Figure("finish_10_gb", "finish, 10 GB", EACH, SMALL_MESSAGE_MAX),
    Figure("abort_1_mb", "abort, 1 MB", EACH, SMALL_MESSAGE_MAX),
    Figure("abort_10_gb", "abort, 10 GB", EACH, SMALL_MESSAGE_MAX),
    Figure("publish_of_4_1_mb", "publish of 4, placeholder inline, 1 MB", EACH, PUBLISH_MAX),
    Figure("publish_of_4_10_gb", "publish of 4, placeholder inline, 10 GB", EACH, PUBLISH_MAX),
    Figure("publish_of_4_sessions_1_mb", "publish of 4, all uploaded, 1 MB", EACH, PUBLISH_MAX),
    Figure("publish_of_4_sessions_10_gb", "publish of 4, all uploaded, 10 GB", EACH, PUBLISH_MAX),
    Figure("publish_carried_1_mb", "publish that carries 4, without their bytes", EACH, PUBLISH_MAX),
    Figure("publish_carried_per_byte_1_mb", "a byte that it carries", PER_BYTE, Some(70.0)),
    Figure("door_device", "a message by a device, more than by its account", EACH, Some(30_000.0)),
    Figure("read_by_guest", "read of a memory by a guest", EACH, None),
    Figure("read_by_link", "the same by a link", EACH, None),
    Figure("begin_among_1000", "begin, among 1,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("finish_among_1000", "finish, among 1,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("abort_among_1000", "abort, among 1,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure(
        "publish_of_4_among_1000",
        "publish of 4, placeholder inline, among 1,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_of_4_sessions_among_1000",
        "publish of 4, all uploaded, among 1,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_carried_among_1000",
        "publish that carries 4, without their bytes, among 1,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure("publish_carried_per_byte_among_1000", "a byte that it carries", PER_BYTE, Some(70.0)),
    Figure("begin_among_10000", "begin, among 10,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("finish_among_10000", "finish, among 10,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("abort_among_10000", "abort, among 10,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure(
        "publish_of_4_among_10000",
        "publish of 4, placeholder inline, among 10,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_of_4_sessions_among_10000",
        "publish of 4, all uploaded, among 10,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_carried_among_10000",
        "publish that carries 4, without their bytes, among 10,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure("publish_carried_per_byte_among_10000", "a byte that it carries", PER_BYTE, Some(70.0)),
    Figure("begin_among_100000", "begin, among 100,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("finish_among_100000", "finish, among 100,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure("abort_among_100000", "abort, among 100,000 photos", EACH, SMALL_MESSAGE_MAX),
    Figure(
        "publish_of_4_among_100000",
        "publish of 4, placeholder inline, among 100,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_of_4_sessions_among_100000",
        "publish of 4, all uploaded, among 100,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure(
        "publish_carried_among_100000",
        "publish that carries 4, without their bytes, among 100,000 photos",
        EACH,
        PUBLISH_MAX,
    ),
    Figure("publish_carried_per_byte_among_100000", "a byte that it carries", PER_BYTE, Some(70.0)),
    Figure("list_page_of_1000", "list page of 50 out of 1,000", EACH, Some(12e6)),
    Figure("list_page_of_100000", "list page of 50 out of 100,000", EACH, Some(12e6)),
    Figure("upgrade_large_store", "upgrade: 100,000 memories, 10,000 sessions, 100 GB", EACH, Some(20e6)),
    Figure("wasm_heap_bytes_after_20_mb", "wasm heap after 20 MB by both lanes", BYTES, Some(16_777_216.0)),
    Figure("wasm_heap_bytes_after_2_gb", "wasm heap after 2 GB by both lanes", BYTES, Some(16_777_216.0)),
    Figure("module_gzipped_bytes", "module, gzipped", BYTES, Some(614_400.0)),
];

/// # Errors
/// When the module cannot be measured, or with `--check` when the numbers that are kept are stale.
pub(super) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let (mut module, mut check) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("module") => module = Some(PathBuf::from(arguments.value()?)),
            Long("check") => check = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let module = module.map_or_else(|| build::canister(None), |path| Ok(std::path::absolute(path)?))?;
    if check {
        return compare(&module);
    }
    let mut measured = measure(&module, false)?;
    measured.compiler = build::compiler()?;
    let missed = report(&measured);
    let path = path();
    measured.write(&path)?;
    println!("\nWritten to {}.", path.display());
    if missed > 0 {
        println!("{missed} of the numbers miss their target.");
    }
    Ok(())
}

/// Why numbers of a module that is built here say nothing about those that are kept, if so: another compiler.
pub(crate) fn incomparable() -> Result<Option<String>> {
    let (kept, here) = (Record::read(&path())?.compiler, build::compiler()?);
    Ok((kept != here).then(|| format!("the counts that are kept are of {kept}, here is {here}")))
}

/// Measures what takes seconds and compares it with what is kept.
///
/// # Errors
/// When a number is off by more than 2 %, or missing.
pub(crate) fn compare(module: &Path) -> Result<()> {
    let measured = measure(module, true)?;
    let kept = Record::read(&path())?;
    let mut stale = Vec::new();
    for Figure(name, ..) in FIGURES {
        let Some(now) = measured.value(name) else { continue };
        match kept.value(name) {
            Some(then) if (now - then).abs() <= then * STALE_BEYOND => {}
            Some(then) => stale.push(format!("{name}: {now}, kept is {then}")),
            None => stale.push(format!("{name}: {now}, none is kept")),
        }
    }
    if !stale.is_empty() {
        bail!(
            "{} is stale; run `cargo xtask bench canister` and commit it:\n  {}",
            path().display(),
            stale.join("\n  ")
        );
    }
    println!("{} numbers are within 2 % of those that are kept", measured.len());
    Ok(())
}

fn path() -> PathBuf {
    workspace::root().join("benches/instructions.toml")
}

fn measure(module: &Path, quick: bool) -> Result<Record> {
    println!("Counting the instructions of {} …", module.display());
    let counting = workspace::build(&["build", "--quiet", "--example", COUNTING])?.program(COUNTING)?;
    let mut command = Command::new(counting);
    command.arg(module);
    if quick {
        command.arg("--quick");
    }
    let output = command.stderr(Stdio::inherit()).output().context("cannot start the counting")?;
    ensure!(output.status.success(), "the counting failed, see above");
    let measured = Record::parse(&String::from_utf8(output.stdout)?, ' ')?;
    if !quick
        && let Some(Figure(name, ..)) = FIGURES.iter().find(|Figure(name, ..)| measured.value(name).is_none())
    {
        bail!("nothing came for {name}");
    }
    Ok(measured)
}

/// Prints the table and says how many targets are missed.
fn report(measured: &Record) -> usize {
    let mut missed = 0;
    let mut rows = Vec::new();
    for Figure(name, what, unit, most) in FIGURES {
        let value = measured.value(name).expect("each figure was measured");
        let verdict = match most {
            Some(most) if value > *most => {
                missed += 1;
                "MISSED"
            }
            Some(_) => "met",
            None => "",
        };
        let most = most.map_or(String::new(), |most| format!("≤ {}", record::shown(most)));
        rows.push(vec![
            (*what).to_owned(),
            record::shown(value),
            most,
            (*unit).to_owned(),
            verdict.to_owned(),
        ]);
    }
    println!();
    table::print(&["WORK", "VALUE", "TARGET", "UNIT", ""], &rows);
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_figure_is_kept_and_nothing_else() {
        let kept = Record::read(&path()).unwrap();
        assert_eq!(kept.len(), FIGURES.len(), "benches/instructions.toml has other figures");
        for Figure(name, ..) in FIGURES {
            assert!(kept.value(name).is_some(), "{name} is not kept");
        }
        assert!(!kept.compiler.is_empty());
    }
}
