//! The tables of a measurement. Owns their look and the ratios.

use super::process::Usage;
use super::{Measured, SYNC_EVERY};
use crate::table;
use std::time::Duration;

/// The goal for memory of each process, MiB.
const RSS_GOAL_MIB: u64 = 150;

pub(super) fn print(measured: &Measured) {
    println!("\n{} MiB of random bytes, release build, MB = 1,000,000 bytes\n", measured.bytes >> 20);
    throughput(measured);
    println!();
    reversed(measured);
    println!();
    usage(measured);
    println!(
        "\nThe node's peak is {}; the goal for each process is below {RSS_GOAL_MIB} MiB. With the crowd that comes \
         then (1,000 slow connections, 16 uploads) it is {}.\n",
        table::bytes(measured.node_rss_peak),
        table::bytes(measured.node_rss_peak_crowded)
    );
    let rows = measured.latencies.iter().map(|(message, micros)| vec![message.clone(), millis(*micros)]);
    table::print(&["ONE MESSAGE AT A TIME", "MEDIAN MS"], &rows.collect::<Vec<_>>());
    println!();
    super::crowd::print(&measured.crowd);
}

fn throughput(measured: &Measured) {
    let (bytes, small) = (measured.bytes, measured.small_bytes);
    let row = |what: String, bytes: u64, took: Duration, raw: Duration| {
        vec![
            what,
            format!("{:.0}", rate(bytes, took)),
            format!("{:.2}", rate(bytes, took) / rate(bytes, raw)),
        ]
    };
    let (append, read) = (measured.raw_append, measured.raw_read);
    let rows = [
        row(format!("raw append of 1.8 MB pieces, fdatasync every {SYNC_EVERY}"), bytes, append, append),
        row("keepsake upload, 1.8 MB chunks".to_owned(), bytes, measured.upload, append),
        row("raw read".to_owned(), bytes, read, read),
        row("download over HTTP".to_owned(), bytes, measured.download_http, read),
        row("keepsake get, checked".to_owned(), bytes, measured.download_client, read),
        row(
            format!("raw append of 64 KiB pieces, fdatasync every {SYNC_EVERY}"),
            small,
            measured.raw_append_small,
            measured.raw_append_small,
        ),
        row(
            format!("64 KiB chunks, {SYNC_EVERY} in flight ({} MiB)", small >> 20),
            small,
            measured.upload_small,
            measured.raw_append_small,
        ),
    ];
    table::print(&["THROUGHPUT", "MB/S", "OF RAW"], &rows);
}

/// The same file in as many pieces as can be, beside the one that came in order.
fn reversed(measured: &Measured) {
    let row = |what: &str, took: Duration, in_order: Duration| {
        let ratio = rate(measured.bytes, took) / rate(measured.bytes, in_order);
        vec![what.to_owned(), format!("{:.0}", rate(measured.bytes, took)), format!("{ratio:.2}")]
    };
    let rows = [
        row("upload, one chunk at a time", measured.reversed_upload, measured.upload),
        row("download over HTTP", measured.reversed_http, measured.download_http),
        row("keepsake get, checked", measured.reversed_client, measured.download_client),
    ];
    table::print(&["FROM THE END TO THE BEGIN", "MB/S", "OF IN ORDER"], &rows);
}

fn usage(measured: &Measured) {
    let row = |what: &str, usage: Usage, took: Duration| {
        let per_second = |secs: f64| format!("{secs:.2}");
        let cores = (usage.user_secs + usage.system_secs) / took.as_secs_f64();
        vec![
            what.to_owned(),
            table::bytes(usage.rss_peak),
            per_second(usage.user_secs),
            per_second(usage.system_secs),
            per_second(took.as_secs_f64()),
            format!("{cores:.2}"),
        ]
    };
    let rows = [
        row("upload: node", measured.uploading_node, measured.upload),
        row("upload: client", measured.uploading_client, measured.upload),
        row("download over HTTP: node", measured.downloading_http_node, measured.download_http),
        row("keepsake get: node", measured.downloading_node, measured.download_client),
        row("keepsake get: client", measured.downloading_client, measured.download_client),
    ];
    table::print(&["PROCESS", "PEAK RSS", "USER S", "SYSTEM S", "WALL S", "CORES"], &rows);
}

#[allow(clippy::cast_precision_loss)] // For people: precision beyond 53 bits does not matter.
fn rate(bytes: u64, took: Duration) -> f64 {
    bytes as f64 / 1e6 / took.as_secs_f64().max(1e-9)
}

#[allow(clippy::cast_precision_loss)] // For people.
fn millis(micros: u64) -> String {
    format!("{:.1}", micros as f64 / 1e3)
}
