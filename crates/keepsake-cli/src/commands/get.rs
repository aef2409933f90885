//! `keepsake get`: an asset becomes a file. Owns the choice of the asset and of the file's name.

use crate::args::{Get, Verbosity};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::file_name;
use crate::interrupt::interrupted;
use crate::output::{self, bytes};
use crate::shapes::{SavedShape, kind};
use crate::terminal;
use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use keepsake_client::api::{AssetMetadata, AssetType, Memory};
use keepsake_client::download::write_file;
use keepsake_client::upload::hex;
use keepsake_client::{BlobFacts, DownloadError};
use sha2::{Digest, Sha256};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Saves the asset.
pub(crate) async fn run(context: &Context, args: &Get) -> Result<()> {
    let memory = context.client.memories_read(&args.memory_id).await;
    let memory = memory.with_context(|| args.memory_id.clone())?;
    let asset = choose(&memory, &args.asset)?;
    let name = default_name(&memory, &asset);
    let target = match args.output.as_deref() {
        Some(path) if path == Path::new("-") => None,
        Some(path) if path.is_dir() => Some(path.join(name)),
        Some(path) => Some(path.to_owned()),
        None => Some(PathBuf::from(name)),
    };
    match target {
        None => to_stdout(context, &asset).await,
        Some(path) => to_file(context, &memory, &asset, &path, args.force).await,
    }
}

/// An asset and where its bytes are.
struct Chosen<'a> {
    asset_id: &'a str,
    metadata: &'a AssetMetadata,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Inline(&'a [u8]),
    Blob(BlobFacts),
}

fn choose<'a>(memory: &'a Memory, wanted: &str) -> Result<Chosen<'a>> {
    let is_wanted =
        |id: &str, metadata: &AssetMetadata| id == wanted || kind(metadata.base().asset_type) == wanted;
    if let Some(asset) =
        memory.blob_internal_assets.iter().find(|asset| is_wanted(&asset.asset_id, &asset.metadata))
    {
        let hash = asset.blob_ref.hash.as_ref().and_then(|hash| <[u8; 32]>::try_from(hash.as_slice()).ok());
        let sha256 = hash.context("the service did not say the SHA-256 of this asset")?;
        let facts = BlobFacts { locator: asset.blob_ref.locator.clone(), len: asset.blob_ref.len, sha256 };
        return Ok(Chosen {
            asset_id: &asset.asset_id,
            metadata: &asset.metadata,
            bytes: Bytes::Blob(facts),
        });
    }
    if let Some(asset) = memory.inline_assets.iter().find(|asset| is_wanted(&asset.asset_id, &asset.metadata))
    {
        let bytes = Bytes::Inline(&asset.bytes);
        return Ok(Chosen { asset_id: &asset.asset_id, metadata: &asset.metadata, bytes });
    }
    if let Some(asset) =
        memory.blob_external_assets.iter().find(|asset| is_wanted(&asset.asset_id, &asset.metadata))
    {
        let place = asset.url.as_deref().unwrap_or(&asset.storage_key);
        bail!("this asset is kept elsewhere: get it from {place}");
    }
    let message = format!(
        "{} has no asset {wanted:?}: `keepsake show {}` lists those that it has",
        memory.id, memory.id
    );
    Err(Failure::new(Exit::NotFound, message).into())
}

fn default_name(memory: &Memory, asset: &Chosen<'_>) -> String {
    let base = asset.metadata.base();
    let name = file_name::safe(&base.name, &memory.id);
    match base.asset_type {
        AssetType::Original => name,
        other => file_name::derived(&name, &kind(other), &base.mime_type),
    }
}

async fn to_stdout(context: &Context, asset: &Chosen<'_>) -> Result<()> {
    match &asset.bytes {
        Bytes::Inline(bytes) => terminal::print(bytes),
        Bytes::Blob(blob) => Ok(context.client.download(blob, &mut tokio::io::stdout(), |_| {}).await?),
    }
}

async fn to_file(
    context: &Context,
    memory: &Memory,
    asset: &Chosen<'_>,
    path: &Path,
    force: bool,
) -> Result<()> {
    let mut bytes_resumed = 0;
    let (len, sha256) = match &asset.bytes {
        Bytes::Inline(bytes) => {
            write_file(path, bytes, force).await.map_err(not_saved)?;
            (bytes.len() as u64, Sha256::digest(bytes).into())
        }
        Bytes::Blob(blob) => {
            bytes_resumed = download(context, blob, path, force).await?;
            (blob.len, blob.sha256)
        }
    };
    if asset.metadata.base().asset_type == AssetType::Original {
        restore_time(path, memory.metadata.file_created_at);
    }
    let output = context.output;
    if !output.json {
        return output::line(format_args!("{}  {}", path.display(), bytes(len)));
    }
    let base = asset.metadata.base();
    output::json(&SavedShape {
        memory_id: memory.id.clone(),
        asset_id: asset.asset_id.to_owned(),
        kind: kind(base.asset_type),
        path: path.display().to_string(),
        mime_type: base.mime_type.clone(),
        bytes: len,
        bytes_resumed,
        sha256: hex(&sha256),
    })
}

/// Gives the file the time that the original had when it was uploaded: `file_created_at` holds its last change, by every
/// client. Where the file system does not take it, nothing else is worse for that.
fn restore_time(path: &Path, at_ns: Option<u64>) {
    let Some(at_ns) = at_ns.filter(|at_ns| *at_ns != 0) else { return };
    let file = std::fs::File::options().write(true).open(path);
    let _ = file.and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_nanos(at_ns)));
}

/// Saves a blob, or says how to go on. Gives the bytes that were there already.
async fn download(context: &Context, blob: &BlobFacts, path: &Path, force: bool) -> Result<u64> {
    let bar = bar(context, blob.len);
    let mut begun = false;
    let progress = |done: u64| {
        if done > 0 && !begun {
            let (done, all) = (bytes(done), bytes(blob.len));
            bar.suspend(|| context.output.note(format_args!("going on: {done} of {all} are there already")));
        }
        begun = true;
        bar.set_position(done);
    };
    let saved = tokio::select! {
        saved = context.client.download_to_file(blob, path, force, progress) => saved.map_err(not_saved),
        interrupt = interrupted() => Err(interrupt.map_or_else(Into::into, |()| stopped())),
    };
    bar.finish_and_clear();
    saved
}

fn not_saved(error: DownloadError) -> anyhow::Error {
    match error {
        DownloadError::Exists { path } => {
            let advice = "-f (--force) overwrites it, -o PATH saves it elsewhere";
            Failure::new(Exit::Conflict, format!("{} is there already: {advice}", path.display())).into()
        }
        error => error.into(),
    }
}

fn stopped() -> anyhow::Error {
    let message = "stopped; what came is kept: run the same command again to go on from there";
    Failure::new(Exit::Interrupted, message).into()
}

fn bar(context: &Context, len: u64) -> ProgressBar {
    if context.output.verbosity == Verbosity::Quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let template = "{bar:32} {bytes:>10}/{total_bytes:10} {bytes_per_sec:>12} {eta:>4} left";
    let style = ProgressStyle::with_template(template).expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(len), terminal::bars()).with_style(style)
}
