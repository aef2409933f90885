//! `cargo xtask bench roads`: bytes on their way from a client to durable storage, beside raw disk, tus and the targets. One run,
//! medians of its rounds; asserts nothing but that all of it works.
//!
//! Owns the order and the table. Each kind of work has its file; the JavaScript SDK's rows belong beside those of the CLI in
//! `large.rs` and `lines.rs`, and beside `photos.rs`.

mod large;
mod lines;
mod photos;
mod proxy;
mod tus;

use super::process::Usage;
use crate::child::StopFlag;
use crate::run::node::{Node, Program};
use crate::table;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use lexopt::prelude::*;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Size {
    rounds: usize,
    /// Of the large file.
    mib: u64,
    /// Small ones.
    photos: usize,
    /// Rounds over slow lines: the slowest takes five and a half minutes.
    line_rounds: usize,
}

/// A row: what was measured, and what it is to be.
pub(super) struct Row {
    what: String,
    figure: String,
    target: &'static str,
}

impl Row {
    fn new(what: impl Into<String>, figure: impl Into<String>, target: &'static str) -> Self {
        Self { what: what.into(), figure: figure.into(), target }
    }
}

/// Where a measurement runs.
struct Place<'a> {
    folder: &'a Path,
    keepsake: &'a Path,
    fault_proxy: &'a Path,
    stop: &'a StopFlag,
}

impl Place<'_> {
    /// An empty node and a program with a key and a capsule.
    fn node(&self, name: &str) -> Result<(Node, Program)> {
        let at = |what: &str| self.folder.join(format!("{name}-{what}"));
        let listen = "127.0.0.1:0".parse().expect("the address parses");
        let node = Node::start(self.keepsake, &at("data"), listen, &at("node.log"), self.stop)?;
        let program = Program::new(self.keepsake.to_owned(), node.url.clone(), at("identity"));
        program.ask(&["capsule", "create"])?;
        Ok((node, program))
    }
}

/// # Errors
/// When a step fails; never because something is slow.
pub(super) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let mut size = Size { rounds: 5, mib: 512, photos: 2_000, line_rounds: 5 };
    let mut data = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => size.rounds = arguments.value()?.parse()?,
            Long("mib") => size.mib = arguments.value()?.parse()?,
            Long("photos") => size.photos = arguments.value()?.parse()?,
            Long("line-rounds") => size.line_rounds = arguments.value()?.parse()?,
            Long("data") => data = Some(PathBuf::from(arguments.value()?)),
            _ => return Err(argument.unexpected().into()),
        }
    }
    ensure!(size.mib > 0 && size.photos > 0, "--mib and --photos must be at least 1");
    let folder =
        data.map_or_else(|| Ok(workspace::target_dir()?.join("keepsake-bench")), Ok::<_, anyhow::Error>)?;
    let stop = StopFlag::install()?;
    let [keepsake, fault_proxy] = programs()?;
    std::fs::create_dir_all(&folder)?;
    let tus = tus::Tus::install(&folder)?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(folder)?;
    let place = Place { folder: folder.path(), keepsake: &keepsake, fault_proxy: &fault_proxy, stop: &stop };
    let mut rows = Vec::new();
    if size.rounds > 0 {
        rows.extend(large::measure(&place, &size, tus.as_ref())?);
        rows.extend(photos::measure(&place, &size)?);
    }
    if size.line_rounds > 0 {
        rows.extend(lines::measure(&place, &size)?);
    }
    println!("\nMedians of {} rounds, of {} over lines; release build\n", size.rounds, size.line_rounds);
    let rows: Vec<_> =
        rows.into_iter().map(|row| vec![row.what, row.figure, row.target.to_owned()]).collect();
    table::print(&["WORK", "HERE", "TARGET"], &rows);
    Ok(())
}

/// The `keepsake` program and the fault proxy.
fn programs() -> Result<[PathBuf; 2]> {
    println!("Building the programs for release (the first time takes minutes) …");
    let mut command = workspace::cargo();
    command.args(["build", "--release", "--package", "keepsake-cli", "--bin", "keepsake"]);
    command.args(["--package", "keepsake-fault-proxy", "--bin", "keepsake-fault-proxy"]);
    ensure!(
        command.status().context("cannot start cargo")?.success(),
        "the programs do not build, see above"
    );
    let folder = workspace::target_dir()?.join("release");
    Ok(["keepsake", "keepsake-fault-proxy"].map(|name| folder.join(name)))
}

/// Of an odd number the middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn secs(values: &[Duration]) -> f64 {
    median(values.iter().map(Duration::as_secs_f64).collect())
}

/// User and system time.
fn processor_secs(usage: Usage) -> f64 {
    usage.user_secs + usage.system_secs
}
