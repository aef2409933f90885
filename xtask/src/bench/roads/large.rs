//! One large file: the CLI by both roads, tus, and the disk alone, by turns. Owns these rows.

use super::tus::Tus;
use super::{Place, Row, Size, median, processor_secs, secs};
use crate::bench::disk;
use crate::bench::process::{Peak, Usage};
use crate::child::Running;
use crate::run::node::{Node, Program};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one client took, in each round.
#[derive(Default)]
struct Taken {
    wall: Vec<Duration>,
    client: Vec<f64>,
    host: Vec<f64>,
}

impl Taken {
    fn add(&mut self, (wall, client, host): (Duration, Usage, Usage)) {
        self.wall.push(wall);
        self.client.push(processor_secs(client));
        self.host.push(processor_secs(host));
    }

    fn row(&self, what: &str) -> Row {
        let (client, host) = (median(self.client.clone()), median(self.host.clone()));
        let wall = secs(&self.wall);
        Row::new(what, format!("{wall:.2} s; processor: client {client:.2} s, host {host:.2} s"), "")
    }
}

pub(super) fn measure(place: &Place<'_>, size: &Size, tus: Option<&Tus>) -> Result<Vec<Row>> {
    println!("Uploading {} MiB, {} times by each road …", size.mib, size.rounds);
    let file = place.folder.join("large.bin");
    disk::make_random(&file, size.mib << 20, place.stop)?;
    let (mut node, program) = place.node("large")?;
    let server = tus.map(|tus| tus.serve(&place.folder.join("tus"))).transpose()?;
    let (mut raw, mut put, mut envelopes, mut of_tus) =
        (Vec::new(), Taken::default(), Taken::default(), Taken::default());
    for _ in 0..size.rounds {
        raw.push(dd(place, &file)?);
        put.add(by_cli(place, &node, &program, &file, "put")?);
        envelopes.add(by_cli(place, &node, &program, &file, "envelopes")?);
        // The JavaScript SDK's turn comes here.
        if let Some(server) = &server {
            of_tus.add(server.upload(&file, place.stop)?);
        }
    }
    node.stop()?;
    std::fs::remove_file(&file)?;
    let wall = secs(&put.wall);
    let ratio = |other: f64| format!("{:.2}", wall / other);
    let mut rows = vec![
        Row::new(format!("{} MiB: dd, fdatasync", size.mib), format!("{:.2} s", secs(&raw)), ""),
        put.row("  keepsake upload, by PUT"),
        envelopes.row("  keepsake upload, in envelopes"),
        Row::new("  by PUT, of the envelopes' time", ratio(secs(&envelopes.wall)), "≤ 0.45"),
    ];
    if server.is_some() {
        rows.push(of_tus.row("  tus-js-client → @tus/server, no hash, no fsync"));
        rows.push(Row::new("  by PUT, of tus's time", ratio(secs(&of_tus.wall)), "≤ 1.0"));
    }
    rows.push(Row::new("  by PUT, of dd's speed", format!("{:.2}", secs(&raw) / wall), "≥ 0.30"));
    Ok(rows)
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
fn by_cli(
    place: &Place<'_>,
    node: &Node,
    program: &Program,
    file: &Path,
    road: &str,
) -> Result<(Duration, Usage, Usage)> {
    let mut command = program.command(&["upload", "--json", "--quiet", "--road", road]);
    command.arg(file).stdout(Stdio::piped());
    let before = Usage::of(node.pid())?;
    let begun = Instant::now();
    let mut running = Running::start("keepsake upload", &mut command)?;
    let stdout = running.child.stdout.take().expect("standard output is piped");
    let mut peak = Peak::default();
    let status = running.wait(place.stop, |pid| peak.sample(pid))?;
    let took = begun.elapsed();
    ensure!(status.success(), "the upload failed with {status}");
    let host = Usage::of(node.pid())?.since(before);
    let told: serde_json::Value = serde_json::from_reader(stdout)?;
    ensure!(told["already_there"] == false, "the file was there: {told}");
    let memory_id = told["memory_id"].as_str().context("`keepsake upload` told no memory_id")?;
    program.ask(&["rm", "--yes", memory_id])?;
    Ok((took, peak.usage(), host))
}
