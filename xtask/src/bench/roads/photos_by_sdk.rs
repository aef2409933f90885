//! Small photos by the JavaScript SDK in Node.js: time in BLS verification, processor time and messages for each. Owns these rows.

use super::photos::{self, COUNTED};
use super::proxy::Proxy;
use super::sdk::Sdk;
use super::{Place, Row, Size, median};
use anyhow::{Context, Result};
use serde_json::Value;

pub(super) fn measure(place: &Place<'_>, size: &Size, sdk: &Sdk) -> Result<Vec<Row>> {
    println!("Uploading {COUNTED} photos by the SDK, {} times …", size.rounds);
    let folder = place.folder.join("sdk-photos");
    photos::make(&folder, 1 + COUNTED, 3 << 32)?;
    let (mut bls, mut processor) = (Vec::new(), Vec::new());
    for round in 0..size.rounds {
        let (mut node, _) = place.node(&format!("sdk-photos-{round}"))?;
        let told = sdk.photos(place, (&node.url, &node.canister_id), &folder)?;
        bls.push(millis(&told, "bls_ms")?);
        processor.push(millis(&told, "processor_ms")?);
        node.stop()?;
    }
    let [updates, queries] = messages(place, sdk)?;
    Ok(vec![
        Row::new(
            "a small photo by the SDK in Node.js: time in BLS",
            format!("{:.1} ms", median(bls)),
            "≤ 10 ms",
        ),
        Row::new("  processor time, all of it", format!("{:.1} ms", median(processor)), ""),
        Row::new("  updates", format!("{updates:.1}"), "1"),
        Row::new("  queries", format!("{queries:.1}"), "≤ 1"),
    ])
}

fn millis(told: &Value, name: &str) -> Result<f64> {
    told[name].as_f64().with_context(|| format!("the SDK's script told no {name}"))
}

fn messages(place: &Place<'_>, sdk: &Sdk) -> Result<[f64; 2]> {
    let (mut node, _) = place.node("sdk-messages")?;
    let mut proxy = Proxy::before(&node, place)?;
    let (url, canister_id) = (proxy.url.clone(), node.canister_id.clone());
    let each = photos::messages_of_one(place, &mut proxy, |folder| {
        sdk.photos(place, (&url, &canister_id), folder).map(drop)
    });
    node.stop()?;
    each
}
