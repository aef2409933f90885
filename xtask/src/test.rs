//! `cargo xtask test`: everything that has to pass, step by step. Owns the steps and their summary.
//!
//! All cargo steps share one profile and one target directory, so that a machine builds once.

mod deny;
pub(crate) mod s3;
mod steps;
mod tour;

use crate::table;
use anyhow::{Result, bail};
use lexopt::prelude::*;
use std::time::{Duration, Instant};

/// How a step ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    /// It cannot run here; why.
    Skipped(String),
}

/// One step.
pub(crate) struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Outcome>,
}

struct Done {
    name: &'static str,
    result: Result<Outcome>,
    took: Duration,
}

/// # Errors
/// When a step fails.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let mut chosen = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("list") => {
                let rows = steps::ALL.iter().map(|step| vec![step.name.to_owned(), step.about.to_owned()]);
                table::print(&["STEP", "WHAT"], &rows.collect::<Vec<_>>());
                return Ok(());
            }
            Value(name) => chosen.push(name.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    if let Some(unknown) = chosen.iter().find(|name| steps::ALL.iter().all(|step| step.name != **name)) {
        bail!("there is no step `{unknown}`; `cargo xtask test --list` names them");
    }
    let wanted = |step: &&Step| chosen.is_empty() || chosen.iter().any(|name| name == step.name);
    summary(&steps::ALL.iter().filter(wanted).map(perform).collect::<Vec<_>>())
}

fn perform(step: &Step) -> Done {
    println!("\n── {}: {}", step.name, step.about);
    let begun = Instant::now();
    let result = (step.run)();
    if let Err(error) = &result {
        println!("xtask: {}: {error:#}", step.name);
    }
    Done { name: step.name, result, took: begun.elapsed() }
}

/// The last line is the count of steps.
fn summary(done: &[Done]) -> Result<()> {
    let rows = done.iter().map(|done| {
        let (how, why) = match &done.result {
            Ok(Outcome::Passed) => ("passed", String::new()),
            Ok(Outcome::Skipped(why)) => ("skipped", why.clone()),
            Err(error) => ("FAILED", error.to_string()),
        };
        vec![done.name.to_owned(), how.to_owned(), format!("{:.1}", done.took.as_secs_f64()), why]
    });
    println!();
    table::print(&["STEP", "RESULT", "SECONDS", ""], &rows.collect::<Vec<_>>());
    let failed = done.iter().filter(|done| done.result.is_err()).count();
    let skipped = done.iter().filter(|done| matches!(done.result, Ok(Outcome::Skipped(_)))).count();
    let passed = done.len() - failed - skipped;
    let tail = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
    println!("\n{passed} passed, {failed} failed{tail}");
    if failed > 0 {
        bail!("not everything passed");
    }
    Ok(())
}
