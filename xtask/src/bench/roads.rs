//! `cargo xtask bench roads`: bytes on their way from a client to durable storage, beside raw disk, tus and the targets. One run,
//! medians of its rounds; asserts nothing but that all of it works.
//!
//! Owns the order and the table. Each kind of work has its file.

mod browser;
mod large;
mod lines;
mod photos;
mod photos_by_sdk;
mod proxy;
mod sdk;
mod took;
mod tus;

use self::sdk::Sdk;
use self::tus::Tus;
use super::process::Usage;
use crate::child::StopFlag;
use crate::run::node::{Node, Program};
use crate::table;
use crate::{web, workspace};
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
    line_rounds: usize,
    /// Of the file that goes over slow lines, 1,000,000 bytes each.
    line_mb: u64,
}

/// A kind of work that may be left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part {
    Large,
    Browser,
    Photos,
    SdkPhotos,
    Lines,
}

impl Part {
    const ALL: [(&str, Self); 5] = [
        ("large", Self::Large),
        ("browser", Self::Browser),
        ("photos", Self::Photos),
        ("sdk-photos", Self::SdkPhotos),
        ("lines", Self::Lines),
    ];

    /// Several, with commas.
    fn list(text: &str) -> Result<Vec<Self>> {
        let one = |name: &str| Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, part)| *part);
        let known = Self::ALL.map(|(known, _)| known).join(", ");
        text.split(',').map(|name| one(name).with_context(|| format!("--only knows {known}"))).collect()
    }
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
        let node = self.node_with_app(name, &web::app())?;
        let identity = self.folder.join(format!("{name}-identity"));
        let program = Program::new(self.keepsake.to_owned(), node.url.clone(), identity);
        program.ask(&["capsule", "create"])?;
        Ok((node, program))
    }

    /// An empty node that serves this folder as its page.
    fn node_with_app(&self, name: &str, app: &Path) -> Result<Node> {
        let at = |what: &str| self.folder.join(format!("{name}-{what}"));
        let listen = "127.0.0.1:0".parse().expect("the address parses");
        Node::start_with_app(self.keepsake, &at("data"), listen, &at("node.log"), self.stop, app)
    }
}

/// # Errors
/// When a step fails; never because something is slow.
pub(super) fn command(mut arguments: lexopt::Parser) -> Result<()> {
    let mut size = Size { rounds: 5, mib: 512, photos: 2_000, line_rounds: 5, line_mb: 20 };
    let mut parts = Part::ALL.map(|(_, part)| part).to_vec();
    let (mut data, mut is_debug) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("rounds") => size.rounds = arguments.value()?.parse()?,
            Long("mib") => size.mib = arguments.value()?.parse()?,
            Long("photos") => size.photos = arguments.value()?.parse()?,
            Long("line-rounds") => size.line_rounds = arguments.value()?.parse()?,
            Long("line-mb") => size.line_mb = arguments.value()?.parse()?,
            Long("only") => parts = arguments.value()?.parse_with(Part::list)?,
            Long("debug") => is_debug = true,
            Long("data") => data = Some(PathBuf::from(arguments.value()?)),
            _ => return Err(argument.unexpected().into()),
        }
    }
    ensure!(
        size.mib > 0 && size.photos > 0 && size.line_mb > 0,
        "--mib, --photos and --line-mb must be at least 1"
    );
    parts.retain(|part| if *part == Part::Lines { size.line_rounds > 0 } else { size.rounds > 0 });
    let folder =
        data.map_or_else(|| Ok(workspace::target_dir()?.join("keepsake-bench")), Ok::<_, anyhow::Error>)?;
    let stop = StopFlag::install()?;
    let [keepsake, fault_proxy] = programs(is_debug)?;
    std::fs::create_dir_all(&folder)?;
    let tus = tus::Tus::install(&folder)?;
    let sdk = sdk::Sdk::build(&folder)?;
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(folder)?;
    let place = Place { folder: folder.path(), keepsake: &keepsake, fault_proxy: &fault_proxy, stop: &stop };
    let rows = measure(&place, &size, &parts, sdk.as_ref(), tus.as_ref())?;
    let build = if is_debug { "debug build: no figure means anything" } else { "release build" };
    println!("\nMedians of {} rounds, of {} over lines; {build}\n", size.rounds, size.line_rounds);
    let rows: Vec<_> =
        rows.into_iter().map(|row| vec![row.what, row.figure, row.target.to_owned()]).collect();
    table::print(&["WORK", "HERE", "TARGET"], &rows);
    Ok(())
}

fn measure(
    place: &Place<'_>,
    size: &Size,
    parts: &[Part],
    sdk: Option<&Sdk>,
    tus: Option<&Tus>,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(match (part, sdk) {
            (Part::Large, _) => large::measure(place, size, sdk, tus)?,
            (Part::Photos, _) => photos::measure(place, size)?,
            (Part::Lines, _) => lines::measure(place, size, sdk)?,
            (Part::SdkPhotos, Some(sdk)) => photos_by_sdk::measure(place, size, sdk)?,
            (Part::Browser, Some(sdk)) => browser::measure(place, size, sdk, tus)?,
            (Part::SdkPhotos | Part::Browser, None) => Vec::new(),
        });
    }
    Ok(rows)
}

/// The `keepsake` program and the fault proxy.
fn programs(is_debug: bool) -> Result<[PathBuf; 2]> {
    println!("Building the programs (for release the first time takes minutes) …");
    let mut command = workspace::cargo();
    command.args(["build", "--package", "keepsake-cli", "--bin", "keepsake"]);
    command.args(["--package", "keepsake-fault-proxy", "--bin", "keepsake-fault-proxy"]);
    if !is_debug {
        command.arg("--release");
    }
    ensure!(
        command.status().context("cannot start cargo")?.success(),
        "the programs do not build, see above"
    );
    let folder = workspace::target_dir()?.join(if is_debug { "debug" } else { "release" });
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
