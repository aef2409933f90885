//! What came back, compared with what went in: SHA-256, bytes, pixels, and which way is up.
//!
//! Owns the checks. Gets everything over HTTP, by the addresses that anybody with a token would use.

use super::node::Program;
use crate::table;
use crate::{http, photo, picture};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

const KINDS: [&str; 4] = ["original", "display", "thumbnail", "placeholder"];

/// One asset as the service describes it.
#[derive(Debug)]
pub(super) struct Asset {
    kind: String,
    pixels: Option<(u32, u32)>,
    len: u64,
    sha256: String,
    url: String,
}

/// Asks for the assets of a memory, in the order of their kinds.
pub(super) fn assets(program: &Program, memory_id: &str) -> Result<Vec<Asset>> {
    let memory = program.ask(&["show", memory_id])?;
    let links = program.ask(&["link", memory_id])?;
    let list = |of: &Value, name: &str| of[name].as_array().cloned().unwrap_or_default();
    let links = list(&links, "links");
    let mut found = Vec::new();
    for asset in list(&memory, "assets") {
        let link = links.iter().find(|link| link["asset_id"] == asset["asset_id"]);
        let link = link.with_context(|| format!("asset {} has no address", asset["asset_id"]))?;
        found.push(read(&asset, link).with_context(|| format!("cannot read {asset}"))?);
    }
    found.sort_by_key(|asset| KINDS.iter().position(|kind| *kind == asset.kind));
    Ok(found)
}

fn read(asset: &Value, link: &Value) -> Result<Asset> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let number = |name: &str| asset[name].as_u64().and_then(|number| u32::try_from(number).ok());
    Ok(Asset {
        kind: text(&asset["kind"]).context("no kind")?,
        pixels: number("width").zip(number("height")),
        len: asset["bytes"].as_u64().context("no bytes")?,
        sha256: text(&asset["sha256"]).context("no sha256")?,
        url: text(&link["url"]).context("no url")?,
    })
}

/// Prints the assets, each with its address below.
pub(super) fn print(assets: &[Asset]) {
    let rows = assets.iter().map(|asset| {
        let pixels =
            asset.pixels.map_or_else(|| "-".to_owned(), |(width, height)| format!("{width}x{height}"));
        vec![asset.kind.clone(), pixels, asset.len.to_string(), asset.sha256.clone()]
    });
    println!();
    table::print(&["KIND", "PIXELS", "BYTES", "SHA-256"], &rows.collect::<Vec<_>>());
    println!("\nAddresses, valid for an hour:");
    for asset in assets {
        println!("{:12} {}", asset.kind, asset.url);
    }
    println!();
}

/// Downloads all of them and compares.
pub(super) fn all(assets: &[Asset], file: &Path, own_photo: bool) -> Result<()> {
    let kinds: Vec<&str> = assets.iter().map(|asset| asset.kind.as_str()).collect();
    ensure!(kinds.first() == Some(&"original"), "there is no original among {kinds:?}");
    ensure!(!own_photo || kinds == KINDS, "a photo has the assets {KINDS:?}, here are {kinds:?}");
    for asset in assets {
        let same = if asset.kind == "original" {
            original(asset, file).context("original")?;
            "SHA-256 and every byte are the same"
        } else {
            derivative(asset, own_photo).with_context(|| asset.kind.clone())?;
            if own_photo { "SHA-256 is the same, the picture is upright" } else { "SHA-256 is the same" }
        };
        refused_without_token(asset)?;
        println!("{:12} downloaded: {same}", asset.kind);
    }
    Ok(())
}

fn original(asset: &Asset, file: &Path) -> Result<()> {
    let mut sent = BufReader::new(File::open(file)?);
    let mut expected = Vec::new();
    let (mut hash, mut len) = (Sha256::new(), 0_u64);
    let status = http::get(&asset.url, |piece| {
        expected.resize(piece.len(), 0);
        sent.read_exact(&mut expected).context("more bytes came back than were sent")?;
        if let Some(at) = piece.iter().zip(&expected).position(|(a, b)| a != b) {
            bail!("byte {} differs", len + at as u64);
        }
        len += piece.len() as u64;
        hash.update(piece);
        Ok(())
    })?;
    ensure!(status == 200, "HTTP status {status}");
    ensure!(len == file.metadata()?.len(), "{len} bytes came back, {} were sent", file.metadata()?.len());
    same_hash(asset, len, hash)
}

fn derivative(asset: &Asset, own_photo: bool) -> Result<()> {
    let (status, body) = http::get_all(&asset.url)?;
    ensure!(status == 200, "HTTP status {status}");
    same_hash(asset, body.len() as u64, Sha256::new_with_prefix(&body))?;
    let found = picture::pixels(&body)?;
    ensure!(found.is_none() || found == asset.pixels, "it has {found:?} pixels, not {:?}", asset.pixels);
    if own_photo {
        let (width, height) = found.context("it is no JPEG")?;
        ensure!(height > width, "it is {width}x{height}, but upright it is taller than wide");
        let corners = picture::corners(&body)?;
        let right = corners.iter().zip(photo::CORNERS).all(|(found, sent)| picture::alike(*found, sent));
        ensure!(right, "its corners are {corners:?}, upright they are {:?}", photo::CORNERS);
    }
    Ok(())
}

fn same_hash(asset: &Asset, len: u64, hash: Sha256) -> Result<()> {
    ensure!(len == asset.len, "{len} bytes came, {} were announced", asset.len);
    let hash = hex(&hash.finalize());
    ensure!(hash == asset.sha256, "SHA-256 is {hash}, announced was {}", asset.sha256);
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Gets each of them without a token, as whoever has its address, once their capsule is public.
pub(super) fn by_anybody(assets: &[Asset]) -> Result<()> {
    for asset in assets {
        let mut hash = Sha256::new();
        let mut len = 0;
        let status = http::get(without_token(asset), |piece| {
            len += piece.len() as u64;
            hash.update(piece);
            Ok(())
        })?;
        ensure!(status == 200, "{} answers {status} without a token", without_token(asset));
        same_hash(asset, len, hash)?;
    }
    Ok(())
}

fn without_token(asset: &Asset) -> &str {
    asset.url.split('?').next().expect("a split has a first part")
}

fn refused_without_token(asset: &Asset) -> Result<()> {
    let bare = without_token(asset);
    let (status, _) = http::get_all(bare)?;
    ensure!(status == 401, "{bare} answers {status} without a token; a private asset must answer 401");
    Ok(())
}
