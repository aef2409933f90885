//! `cargo xtask soak`: the model, the killed node, the crowd, the bucket and the film, at full length. Owns sizes, time and the
//! summary; the checks are tests of the packages, run with larger numbers (see [`part`]).
//!
//! The build is the one that `cargo xtask test` makes: nothing new to compile, and overflow checks stay on.
//! `--release` runs what users run instead.

mod part;

use crate::child::StopFlag;
use crate::table;
use anyhow::{Result, bail, ensure};
use lexopt::prelude::*;
use part::{Found, Programs, TestRun};
use serde_json::Value as Json;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const OPERATIONS: u64 = 1_000_000;
const ROUNDS: u64 = 200;
const UPLOADS: u64 = 10_000;
/// Into a bucket.
const BUCKET_UPLOADS: u64 = 200;
const FILM_MIB: u64 = 2_048;
/// Kills of the node while the crowd uploads.
const CROWD_KILLS: u64 = 10;
/// The test that holds the service to the model.
const MODEL: &str = "model::interleaving_uploads";
/// Operations of one process of the model, so that there are lines of progress and a place to stop.
const SLICE_OPERATIONS: u64 = 10_000;

#[derive(Debug)]
struct Options {
    minutes: Option<u64>,
    seed: u64,
    release: bool,
    operations: u64,
    rounds: u64,
    uploads: u64,
    bucket: u64,
    film_mib: u64,
}

/// What one part did.
#[derive(Debug, Default)]
struct Done {
    name: &'static str,
    what: String,
    uploads: u64,
    faults: u64,
    violations: u64,
    again: String,
    took: Duration,
}

/// # Errors
/// When a violation is found, or something does not build or start.
pub(crate) fn command(arguments: lexopt::Parser) -> Result<()> {
    let options = Options::parse(arguments)?;
    let stop = StopFlag::install()?;
    let programs = Programs::build(options.release)?;
    println!("soak: seed {}, again with: cargo xtask soak --seed {}", options.seed, options.seed);
    let mut parts = Vec::new();
    // Shares of the time: the model is the widest net, so it gets the most.
    for (size, share, run) in [
        (
            options.operations,
            35,
            model as fn(&Options, &Programs, Option<Duration>, &StopFlag) -> Result<Done>,
        ),
        (options.rounds, 25, torture),
        (options.uploads, 25, crowd),
        (options.bucket, 15, bucket),
        // It is one file: it takes the time that it takes.
        (options.film_mib, 0, film),
    ] {
        if size > 0 {
            let begun = Instant::now();
            let limit = options.minutes.map(|minutes| Duration::from_secs(minutes * 60 * share / 100));
            parts.push(Done { took: Duration::ZERO, ..run(&options, &programs, limit, &stop)? });
            parts.last_mut().expect("pushed above").took = begun.elapsed();
        }
    }
    summary(&parts)
}

impl Options {
    fn parse(mut arguments: lexopt::Parser) -> Result<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.subsec_nanos();
        let mut options = Self {
            minutes: None,
            seed: u64::from(now) % 1_000_000,
            release: false,
            operations: OPERATIONS,
            rounds: ROUNDS,
            uploads: UPLOADS,
            bucket: BUCKET_UPLOADS,
            film_mib: FILM_MIB,
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("minutes") => options.minutes = Some(arguments.value()?.parse()?),
                Long("seed") => options.seed = arguments.value()?.parse()?,
                Long("release") => options.release = true,
                Long("operations") => options.operations = arguments.value()?.parse()?,
                Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Long("uploads") => options.uploads = arguments.value()?.parse()?,
                Long("bucket") => options.bucket = arguments.value()?.parse()?,
                Long("film") => options.film_mib = arguments.value()?.parse()?,
                _ => return Err(argument.unexpected().into()),
            }
        }
        ensure!(options.minutes != Some(0), "--minutes must be at least 1");
        Ok(options)
    }
}

/// The service against the reference model, one process per core, each slice with a seed of its own.
fn model(options: &Options, programs: &Programs, limit: Option<Duration>, stop: &StopFlag) -> Result<Done> {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let slices = options.operations.div_ceil(SLICE_OPERATIONS);
    let begun = Instant::now();
    let mut done = Done { name: "model", ..Done::default() };
    let (mut operations, mut next) = (0, 0);
    while next < slices && done.violations == 0 && limit.is_none_or(|limit| begun.elapsed() < limit) {
        let batch: Vec<_> = (next..slices.min(next + cores)).collect();
        next += batch.len() as u64;
        // One run takes five seeds: one for each kind of bounds.
        let seed_of = |slice: &u64| options.seed.wrapping_mul(1_000_003).wrapping_add(slice * 5);
        let start = |slice: &u64| start_slice(programs, seed_of(slice), options.operations);
        let running = batch.iter().map(start).collect::<Result<Vec<_>>>()?;
        for (slice, running) in batch.iter().zip(running) {
            let found = running.finish(stop)?;
            operations += found.lines.iter().filter_map(|line| operations_in(line)).sum::<u64>();
            if !found.passed {
                done.violations += 1;
                found.lines.iter().for_each(|line| println!("{line}"));
                done.again = format!(
                    "KEEPSAKE_MODEL_SEED={} KEEPSAKE_MODEL_OPERATIONS={} cargo test -p keepsake-conformance --test it -- --exact {MODEL}",
                    seed_of(slice),
                    options.operations.min(SLICE_OPERATIONS)
                );
            }
        }
        tell(operations, options.operations, begun, limit);
    }
    done.what = format!("{operations} operations");
    Ok(done)
}

fn start_slice(programs: &Programs, seed: u64, operations: u64) -> Result<TestRun> {
    let operations = operations.min(SLICE_OPERATIONS);
    let sizes = [("KEEPSAKE_MODEL_SEED", seed), ("KEEPSAKE_MODEL_OPERATIONS", operations)];
    TestRun::start(programs, &programs.exam, MODEL, &sizes, false)
}

/// `seed 7: 1050 operations, 0 violations`
fn operations_in(line: &str) -> Option<u64> {
    line.split_once(" operations, 0 violations")?.0.rsplit(' ').next()?.parse().ok()
}

fn tell(done: u64, of: u64, begun: Instant, limit: Option<Duration>) {
    let passed = begun.elapsed();
    let by_work = passed.as_secs() * of.saturating_sub(done) / done.max(1);
    let left = limit.map_or(by_work, |limit| by_work.min(limit.saturating_sub(passed).as_secs()));
    println!("model: {done}/{of} operations, 0 violations, {left} s left");
}

fn torture(options: &Options, programs: &Programs, limit: Option<Duration>, stop: &StopFlag) -> Result<Done> {
    let sizes = [("KEEPSAKE_TORTURE_ROUNDS", options.rounds)];
    let (found, again) = with_a_node(options, programs, "soak::torture", &sizes, limit, stop)?;
    let told = |key| number(found.result.as_ref(), key);
    Ok(Done {
        name: "torture",
        what: format!("{} uploads, {} of them resumed after a kill", told("uploads"), told("resumed")),
        uploads: told("uploads"),
        faults: told("faults"),
        violations: violations(&found),
        again,
        ..Done::default()
    })
}

fn crowd(options: &Options, programs: &Programs, limit: Option<Duration>, stop: &StopFlag) -> Result<Done> {
    let kills = CROWD_KILLS.min(options.uploads / 50);
    let sizes = [("KEEPSAKE_CROWD_UPLOADS", options.uploads), ("KEEPSAKE_CROWD_KILLS", kills)];
    let (found, again) = with_a_node(options, programs, "soak::crowd", &sizes, limit, stop)?;
    let told = |key| number(found.result.as_ref(), key);
    Ok(Done {
        name: "crowd",
        what: format!(
            "{} uploads by 32 clients: {} published, {} lost, {} mixed, sessions left {}; {} others abandoned, {} taken over from a device that was removed",
            told("uploads"),
            told("published"),
            told("lost"),
            told("mixed"),
            told("sessions_left"),
            told("abandoned"),
            told("taken_over"),
        ),
        uploads: told("uploads"),
        faults: told("faults"),
        violations: violations(&found),
        again,
        ..Done::default()
    })
}

fn bucket(options: &Options, programs: &Programs, limit: Option<Duration>, stop: &StopFlag) -> Result<Done> {
    let kills = CROWD_KILLS.min(options.bucket / 10);
    let sizes = [("KEEPSAKE_BUCKET_UPLOADS", options.bucket), ("KEEPSAKE_BUCKET_KILLS", kills)];
    let (found, again) = with_a_node(options, programs, "soak::bucket", &sizes, limit, stop)?;
    let told = |key| number(found.result.as_ref(), key);
    let what = format!(
        "{} uploads by 8 people into a bucket, {} of them resumed; {} objects for {} memories, {} unfinished",
        told("uploads"),
        told("resumed"),
        told("objects"),
        told("memories"),
        told("unfinished"),
    );
    Ok(of_a_bucket("bucket", what, &found, again))
}

fn film(options: &Options, programs: &Programs, _: Option<Duration>, stop: &StopFlag) -> Result<Done> {
    let sizes = [("KEEPSAKE_FILM_MIB", options.film_mib)];
    let (found, again) = with_a_node(options, programs, "soak::film", &sizes, None, stop)?;
    let told = |key| number(found.result.as_ref(), key);
    let what = format!(
        "{} parts, {} sent again around the kill of the server; at most {} MiB resident, the node {} MiB",
        told("parts"),
        told("again"),
        told("resident_mib"),
        told("node_resident_mib"),
    );
    Ok(of_a_bucket("film", what, &found, again))
}

fn of_a_bucket(name: &'static str, what: String, found: &Found, again: String) -> Done {
    let told = |key| number(found.result.as_ref(), key);
    let is_skipped = found.passed && found.result.is_none();
    let what = if is_skipped { "skipped: there is no S3 server".to_owned() } else { what };
    let (uploads, faults, violations) = (told("uploads"), told("faults"), violations(found));
    Done { name, what, uploads, faults, violations, again, ..Done::default() }
}

fn with_a_node(
    options: &Options,
    programs: &Programs,
    test: &str,
    sizes: &[(&str, u64)],
    limit: Option<Duration>,
    stop: &StopFlag,
) -> Result<(Found, String)> {
    let mut sizes = [sizes, &[("KEEPSAKE_TORTURE_SEED", options.seed)]].concat();
    let words: Vec<_> = sizes.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let again = format!("{} cargo test -p keepsake-cli --test it -- --nocapture {test}", words.join(" "));
    sizes.extend(limit.map(|limit| ("KEEPSAKE_SOAK_SECONDS", limit.as_secs())));
    Ok((TestRun::start(programs, &programs.program_tests, test, &sizes, true)?.finish(stop)?, again))
}

fn number(result: Option<&Json>, key: &str) -> u64 {
    result.and_then(|result| result[key].as_u64()).unwrap_or(0)
}

/// A test that fails without a count has found one at least.
fn violations(found: &Found) -> u64 {
    number(found.result.as_ref(), "violations").max(u64::from(!found.passed))
}

fn summary(parts: &[Done]) -> Result<()> {
    let rows = parts.iter().map(|done| {
        let took = format!("{:.0}", done.took.as_secs_f64());
        vec![
            done.name.to_owned(),
            done.violations.to_string(),
            done.faults.to_string(),
            took,
            done.what.clone(),
        ]
    });
    println!();
    table::print(&["PART", "VIOLATIONS", "FAULTS", "SECONDS", ""], &rows.collect::<Vec<_>>());
    let sum = |of: fn(&Done) -> u64| parts.iter().map(of).sum::<u64>();
    let (uploads, faults, violations) = (sum(|d| d.uploads), sum(|d| d.faults), sum(|d| d.violations));
    println!("\n{uploads} uploads done, {faults} faults survived, {violations} violations");
    for done in parts.iter().filter(|done| done.violations > 0) {
        println!("{} again: {}", done.name, done.again);
    }
    if violations > 0 {
        bail!("a promise is broken, see above");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_from_the_lines_of_the_model() {
        assert_eq!(operations_in("test a ... seed 7: 1050 operations, 0 violations"), Some(1_050));
        assert_eq!(operations_in("test a ... ok"), None);
    }

    #[test]
    fn a_test_that_fails_in_silence_counts_as_a_violation() {
        let found = |passed, result| Found { passed, lines: Vec::new(), result };
        assert_eq!(violations(&found(false, None)), 1);
        assert_eq!(violations(&found(false, Some(serde_json::json!({ "violations": 3 })))), 3);
        assert_eq!(violations(&found(true, None)), 0);
    }
}
