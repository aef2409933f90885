//! A file over slow lines by the CLI and by the JavaScript SDK, all of them at once, each with a node of its own. Owns these rows.

use super::proxy::Proxy;
use super::sdk::Sdk;
use super::{Place, Row, Size, median};
use crate::bench::disk;
use crate::child::Running;
use crate::run::node::Program;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// Bits a second, and their name.
const LINES: [(u64, &str); 4] =
    [(500_000, "0.5 Mbit/s"), (2_000_000, "2 Mbit/s"), (4_000_000, "4 Mbit/s"), (20_000_000, "20 Mbit/s")];

/// Who uploads.
#[derive(Clone, Copy)]
enum By<'a> {
    Cli,
    Sdk(&'a Sdk),
}

impl By<'_> {
    fn name(self) -> &'static str {
        match self {
            Self::Cli => "the CLI",
            Self::Sdk(_) => "the SDK in Node.js",
        }
    }
}

pub(super) fn measure(place: &Place<'_>, size: &Size, sdk: Option<&Sdk>) -> Result<Vec<Row>> {
    let minutes = size.line_mb * 8 * 1_000_000 * 17 / 16 / LINES[0].0 / 60;
    println!(
        "Uploading {} MB over slow lines, {} times ({minutes} minutes each) …",
        size.line_mb, size.line_rounds
    );
    let clients: Vec<By<'_>> = std::iter::once(By::Cli).chain(sdk.map(By::Sdk)).collect();
    let shares = thread::scope(|scope| {
        let all = LINES.iter().flat_map(|line| clients.iter().map(move |by| (*line, *by)));
        let lines: Vec<_> =
            all.map(|(line, by)| (line.1, by, scope.spawn(move || shares(place, size, line, by)))).collect();
        // All have begun before one is waited for.
        lines.into_iter().map(|(name, by, share)| (name, by, share.join())).collect::<Vec<_>>()
    });
    let mut rows = Vec::new();
    for (name, by, share) in shares {
        let share = share.expect("a measurement does not panic")?;
        let what = format!("line of {name}: share used by {}", by.name());
        rows.push(Row::new(what, format!("{share:.2}"), "≥ 0.85"));
    }
    Ok(rows)
}

/// The median of the rounds.
fn shares(place: &Place<'_>, size: &Size, (bits_per_s, line): (u64, &str), by: By<'_>) -> Result<f64> {
    let name = match by {
        By::Cli => format!("line-{bits_per_s}"),
        By::Sdk(_) => format!("sdk-line-{bits_per_s}"),
    };
    // A file for each: another upload of the same one would be waited for.
    let file = place.folder.join(format!("{name}.bin"));
    let bytes = size.line_mb * 1_000_000;
    disk::make_random(&file, bytes, place.stop)?;
    let shares = (0..size.line_rounds).map(|round| -> Result<f64> {
        let took = took(place, &format!("{name}-{round}"), bits_per_s, &file, by)?;
        Ok(share(bytes, bits_per_s, took))
    });
    Ok(median(shares.collect::<Result<_>>().with_context(|| format!("{line}, {}", by.name()))?))
}

#[allow(clippy::cast_precision_loss)] // For people.
fn share(bytes: u64, bits_per_s: u64, took: Duration) -> f64 {
    bytes as f64 * 8.0 / bits_per_s as f64 / took.as_secs_f64()
}

/// As long as the upload takes: the program's start and its questions count too.
fn took(place: &Place<'_>, name: &str, bits_per_s: u64, file: &Path, by: By<'_>) -> Result<Duration> {
    let (mut node, _) = place.node(name)?;
    let mut proxy = Proxy::before(&node, place)?;
    let took = match by {
        By::Cli => {
            let program = proxy.program(place, name);
            proxy.slow_down(bits_per_s)?;
            by_cli(place, &program, file)?
        }
        By::Sdk(sdk) => {
            proxy.slow_down(bits_per_s)?;
            sdk.upload(place, &node, &proxy.url, file)?.wall
        }
    };
    node.stop()?;
    Ok(took)
}

fn by_cli(place: &Place<'_>, program: &Program, file: &Path) -> Result<Duration> {
    let mut command = program.command(&["upload", "--json", "--quiet", "--road", "put"]);
    command.arg(file).stdout(Stdio::null());
    let begun = Instant::now();
    let status = Running::start("keepsake upload", &mut command)?.wait(place.stop, |_| ())?;
    ensure!(status.success(), "the upload failed with {status}");
    Ok(begun.elapsed())
}
