//! 20 MB over slow lines, all of them at once, each with a node of its own. Owns these rows.

use super::proxy::Proxy;
use super::{Place, Row, Size, median};
use crate::bench::disk;
use crate::child::Running;
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Stdio;
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

const BYTES: u64 = 20_000_000;
/// Bits a second, and their name.
const LINES: [(u64, &str); 4] =
    [(500_000, "0.5 Mbit/s"), (2_000_000, "2 Mbit/s"), (4_000_000, "4 Mbit/s"), (20_000_000, "20 Mbit/s")];

pub(super) fn measure(place: &Place<'_>, size: &Size) -> Result<Vec<Row>> {
    println!("Uploading 20 MB over slow lines, {} times (5½ minutes each) …", size.line_rounds);
    let shares = thread::scope(|scope| {
        // The JavaScript SDK's lines come beside these.
        let lines = LINES.map(|(bits_per_s, name)| {
            scope.spawn(move || -> Result<f64> {
                // A file for each: another upload of the same one would be waited for.
                let file = place.folder.join(format!("line-{bits_per_s}.bin"));
                disk::make_random(&file, BYTES, place.stop)?;
                let shares = (0..size.line_rounds)
                    .map(|round| share(place, &format!("line-{bits_per_s}-{round}"), bits_per_s, &file));
                Ok(median(shares.collect::<Result<_>>().map_err(|error: anyhow::Error| error.context(name))?))
            })
        });
        lines.map(ScopedJoinHandle::join)
    });
    let mut rows = Vec::new();
    for ((_, name), share) in LINES.iter().zip(shares) {
        let share = share.expect("a measurement does not panic")?;
        rows.push(Row::new(
            format!("line of {name}: share used by the CLI"),
            format!("{share:.2}"),
            "≥ 0.85",
        ));
    }
    Ok(rows)
}

/// Of the line, as long as the upload takes: the program's start and its questions count too.
#[allow(clippy::cast_precision_loss)] // For people.
fn share(place: &Place<'_>, name: &str, bits_per_s: u64, file: &Path) -> Result<f64> {
    let (mut node, _) = place.node(name)?;
    let mut proxy = Proxy::before(&node, place)?;
    let program = proxy.program(place, name);
    proxy.slow_down(bits_per_s)?;
    let mut command = program.command(&["upload", "--json", "--quiet", "--road", "put"]);
    command.arg(file).stdout(Stdio::null());
    let begun = Instant::now();
    let status = Running::start("keepsake upload", &mut command)?.wait(place.stop, |_| ())?;
    let took = begun.elapsed().as_secs_f64();
    ensure!(status.success(), "the upload failed with {status}");
    node.stop()?;
    Ok(BYTES as f64 * 8.0 / bits_per_s as f64 / took)
}
