//! Many small photos by the CLI, with derivatives: processor time and messages for each. Owns these rows.

use super::proxy::Proxy;
use super::{Place, Row, Size, median, processor_secs};
use crate::bench::process::{Peak, Usage};
use crate::child::Running;
use crate::run::node::Program;
use anyhow::{Context, Result, ensure};
use jpeg_encoder::{ColorType, Encoder};
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

const WIDTH: u16 = 640;
const HEIGHT: u16 = 480;
/// Makes photos of about 30 KB.
const QUALITY: u8 = 72;
/// Photos whose messages are counted, beside one whose messages are those of the run too.
pub(super) const COUNTED: usize = 10;

#[allow(clippy::cast_precision_loss)] // For people.
pub(super) fn measure(place: &Place<'_>, size: &Size) -> Result<Vec<Row>> {
    let folder = place.folder.join("photos");
    println!("Making {} photos …", size.photos);
    let bytes = make(&folder, size.photos, 0)?;
    println!("Uploading them, {} times …", size.rounds);
    let (mut client, mut host, mut per_s) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let (mut node, program) = place.node(&format!("photos-{round}"))?;
        let before = Usage::of(node.pid())?;
        let begun = Instant::now();
        let used = upload(place, &program, &folder)?;
        per_s.push(size.photos as f64 / begun.elapsed().as_secs_f64());
        let millis = |usage| processor_secs(usage) * 1e3 / size.photos as f64;
        client.push(millis(used));
        host.push(millis(Usage::of(node.pid())?.since(before)));
        node.stop()?;
    }
    let (client, host) = (median(client), median(host));
    let [updates, queries] = messages(place)?;
    let kb = bytes as f64 / 1e3 / size.photos as f64;
    Ok(vec![
        Row::new(
            format!("{} JPEGs of {kb:.0} KB by the CLI: processor time a photo", size.photos),
            format!("{:.1} ms", client + host),
            "≤ 22 ms",
        ),
        Row::new("  of it the node's", format!("{host:.1} ms"), "≤ 6 ms"),
        Row::new("  photos a second", format!("{:.0}", median(per_s)), ""),
        Row::new("messages for a small photo: updates", format!("{updates:.1}"), "1"),
        Row::new("  queries", format!("{queries:.1}"), "≤ 1"),
    ])
}

fn upload(place: &Place<'_>, program: &Program, folder: &Path) -> Result<Usage> {
    let mut command = program.command(&["upload", "--quiet", "-r"]);
    command.arg(folder).stdout(Stdio::null());
    let mut running = Running::start("keepsake upload", &mut command)?;
    let mut peak = Peak::default();
    let status = running.wait(place.stop, |pid| peak.sample(pid))?;
    ensure!(status.success(), "the upload failed with {status}");
    Ok(peak.usage())
}

fn messages(place: &Place<'_>) -> Result<[f64; 2]> {
    let (mut node, _) = place.node("messages")?;
    let mut proxy = Proxy::before(&node, place)?;
    let program = proxy.program(place, "messages");
    let each = messages_of_one(place, &mut proxy, |folder| upload(place, &program, folder).map(drop));
    node.stop()?;
    each
}

/// Updates and queries for a photo: those of a run over eleven less those of a run over one.
#[allow(clippy::cast_precision_loss)] // Small counts.
pub(super) fn messages_of_one(
    place: &Place<'_>,
    proxy: &mut Proxy,
    upload: impl Fn(&Path) -> Result<()>,
) -> Result<[f64; 2]> {
    let mut of_run = |photos: usize, seed: u64| -> Result<[u64; 2]> {
        let folder = place.folder.join(format!("counted-{photos}"));
        make(&folder, photos, seed)?;
        let before = proxy.counts()?;
        upload(&folder)?;
        let after = proxy.counts()?;
        let count = |name: &str| -> Result<u64> {
            let number =
                |counts: &serde_json::Value| counts[name].as_u64().context("the proxy tells no such count");
            Ok(number(&after)? - number(&before)?)
        };
        Ok([count("updates")?, count("queries")?])
    };
    let (one, more) = (of_run(1, 1 << 32)?, of_run(1 + COUNTED, 2 << 32)?);
    Ok([0, 1].map(|kind| more[kind].saturating_sub(one[kind]) as f64 / COUNTED as f64))
}

/// Writes photos that are no two alike; their bytes together.
pub(super) fn make(folder: &Path, photos: usize, seed: u64) -> Result<u64> {
    std::fs::create_dir_all(folder)?;
    let mut bytes = 0;
    for number in 0..photos {
        let mut jpeg = Vec::new();
        let pixels = pixels(seed + number as u64);
        Encoder::new(&mut jpeg, QUALITY).encode(&pixels, WIDTH, HEIGHT, ColorType::Rgb)?;
        bytes += jpeg.len() as u64;
        std::fs::write(folder.join(format!("IMG_{number:05}.jpg")), jpeg)?;
    }
    Ok(bytes)
}

/// Slopes with a little grain, as a sky over a field has it.
fn pixels(seed: u64) -> Vec<u8> {
    let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut pixels = Vec::with_capacity(usize::from(WIDTH) * usize::from(HEIGHT) * 3);
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let grain = random.to_le_bytes()[3] & 15;
            let slope = |value: u16| value.to_le_bytes()[0];
            pixels.extend(
                [slope(x / 3), slope(y / 2), slope((x + y) / 5)].map(|level| level.saturating_add(grain)),
            );
        }
    }
    pixels
}
