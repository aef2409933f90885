//! One large file: the CLI by both roads, the JavaScript SDK in Node.js, tus, and the disk alone, by turns. Owns these rows.

use super::sdk::Sdk;
use super::took::{Taken, Took};
use super::tus::Tus;
use super::{Place, Row, Size, processor_secs, secs};
use crate::bench::disk;
use crate::bench::process::{Peak, Usage};
use crate::child::Running;
use crate::run::node::{Node, Program};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// By each client.
#[derive(Default)]
struct All {
    raw: Vec<Duration>,
    put: Taken,
    envelopes: Taken,
    sdk: Taken,
    tus: Taken,
}

pub(super) fn measure(
    place: &Place<'_>,
    size: &Size,
    sdk: Option<&Sdk>,
    tus: Option<&Tus>,
) -> Result<Vec<Row>> {
    println!("Uploading {} MiB, {} times by each road …", size.mib, size.rounds);
    let file = place.folder.join("large.bin");
    disk::make_random(&file, size.mib << 20, place.stop)?;
    let (mut node, program) = place.node("large")?;
    let server = tus.map(|tus| tus.serve(&place.folder.join("tus"), None)).transpose()?;
    let mut all = All::default();
    for _ in 0..size.rounds {
        all.raw.push(dd(place, &file)?);
        all.put.add(by_cli(place, &node, &program, &file, "put")?);
        all.envelopes.add(by_cli(place, &node, &program, &file, "envelopes")?);
        if let Some(sdk) = sdk {
            all.sdk.add(sdk.upload(place, &node, &node.url, &file)?);
        }
        if let Some(server) = &server {
            all.tus.add(server.upload(&file, place.stop)?);
        }
    }
    node.stop()?;
    std::fs::remove_file(&file)?;
    Ok(rows(&all, size, sdk.is_some(), server.is_some()))
}

fn rows(all: &All, size: &Size, has_sdk: bool, has_tus: bool) -> Vec<Row> {
    let ratio = |one: f64, other: f64| format!("{:.2}", one / other);
    let [put, tus] = [&all.put, &all.tus].map(Taken::wall_secs);
    let raw = secs(&all.raw);
    let mut rows = vec![
        Row::new(format!("{} MiB: dd, fdatasync", size.mib), format!("{raw:.2} s"), ""),
        all.put.row("  keepsake upload, by PUT"),
        all.envelopes.row("  keepsake upload, in envelopes"),
        Row::new("  by PUT, of the envelopes' time", ratio(put, all.envelopes.wall_secs()), "≤ 0.45"),
    ];
    if has_tus {
        rows.push(all.tus.row("  tus-js-client → @tus/server, no hash, no fsync"));
        rows.push(Row::new("  by PUT, of tus's time", ratio(put, tus), "≤ 1.0"));
    }
    rows.push(Row::new("  by PUT, of dd's speed", ratio(raw, put), "≥ 0.30"));
    if has_sdk {
        rows.push(all.sdk.row("  the SDK in Node.js, hashed and durable"));
        if has_tus {
            rows.push(Row::new("  the SDK, of tus's time", ratio(all.sdk.wall_secs(), tus), "≤ 1.3"));
        }
        rows.push(all.sdk.row_per_byte("  the SDK, processor time a byte", size.mib, "≤ 2.9 ns"));
    }
    rows
}

fn dd(place: &Place<'_>, file: &Path) -> Result<Duration> {
    let copy = place.folder.join("dd.bin");
    let mut command = Command::new("dd");
    command.arg(format!("if={}", file.display())).arg(format!("of={}", copy.display()));
    command.args(["bs=1800000", "conv=fdatasync", "status=none"]);
    let begun = Instant::now();
    ensure!(command.status().context("cannot start dd")?.success(), "dd failed");
    let took = begun.elapsed();
    std::fs::remove_file(copy)?;
    Ok(took)
}

/// A new memory, deleted afterwards so that the next round does not find it.
fn by_cli(place: &Place<'_>, node: &Node, program: &Program, file: &Path, road: &str) -> Result<Took> {
    let mut command = program.command(&["upload", "--json", "--quiet", "--road", road]);
    command.arg(file).stdout(Stdio::piped());
    let before = Usage::of(node.pid())?;
    let begun = Instant::now();
    let mut running = Running::start("keepsake upload", &mut command)?;
    let stdout = running.child.stdout.take().expect("standard output is piped");
    let mut peak = Peak::default();
    let status = running.wait(place.stop, |pid| peak.sample(pid))?;
    let wall = begun.elapsed();
    ensure!(status.success(), "the upload failed with {status}");
    let host = processor_secs(Usage::of(node.pid())?.since(before));
    let told: serde_json::Value = serde_json::from_reader(stdout)?;
    ensure!(told["already_there"] == false, "the file was there: {told}");
    let memory_id = told["memory_id"].as_str().context("`keepsake upload` told no memory_id")?;
    program.ask(&["rm", "--yes", memory_id])?;
    Ok(Took { wall, client: processor_secs(peak.usage()), host })
}
