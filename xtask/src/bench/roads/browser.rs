//! One large file from a Worker of Chromium: the JavaScript SDK and tus-js-client by turns, each in a page of its host and a fresh
//! browser. Owns these rows.

use super::sdk::Sdk;
use super::took::Taken;
use super::tus::Tus;
use super::{Place, Row, Size};
use crate::bench::disk;
use anyhow::Result;

/// Of tus's bodies where a file is cut, so that what was lost is sent again in parts; else the browser's network process reads the
/// file itself.
const TUS_BODY_BYTES: u32 = 8 << 20;

/// No rows where there is no browser, or no tus to stand beside it.
pub(super) fn measure(place: &Place<'_>, size: &Size, sdk: &Sdk, tus: Option<&Tus>) -> Result<Vec<Row>> {
    let Some(tus) = tus else { return Ok(Vec::new()) };
    let Some(browser) = sdk.browser(tus)? else { return Ok(Vec::new()) };
    println!("Uploading {} MiB from Chromium, {} times …", size.mib, size.rounds);
    let file = place.folder.join("from-browser.bin");
    disk::make_random(&file, size.mib << 20, place.stop)?;
    let mut node = place.node_with_app("browser", &browser.page)?;
    let server = tus.serve(&place.folder.join("tus-browser"), Some(&browser.page))?;
    let (mut of_sdk, mut of_tus, mut of_cut) = (Taken::default(), Taken::default(), Taken::default());
    let tus_at = (server.origin(), server.pid());
    for _ in 0..size.rounds {
        of_sdk.add(browser.upload(place, &node, &file)?);
        of_tus.add(browser.upload_by_tus(place, tus_at, &file, 0)?);
        of_cut.add(browser.upload_by_tus(place, tus_at, &file, TUS_BODY_BYTES)?);
    }
    node.stop()?;
    std::fs::remove_file(&file)?;
    let ratio = |other: &Taken| format!("{:.2}", of_sdk.wall_secs() / other.wall_secs());
    Ok(vec![
        of_sdk.row(&format!("{} MiB from a Worker of Chromium: the SDK, hashed and durable", size.mib)),
        of_tus.row("  tus-js-client → @tus/server, no hash, no fsync"),
        of_cut.row("  the same, in bodies of 8 MiB"),
        Row::new("  the SDK, of tus's time", ratio(&of_tus), "≤ 1.5"),
        Row::new("  the SDK, of tus's time in bodies of 8 MiB", ratio(&of_cut), "≤ 1.5"),
        of_sdk.row_per_byte("  the SDK, processor time of all Chromium a byte", size.mib, "≤ 26 ns"),
        of_tus.row_per_byte("  tus, the same", size.mib, ""),
        of_cut.row_per_byte("  tus in bodies of 8 MiB, the same", size.mib, ""),
    ])
}
