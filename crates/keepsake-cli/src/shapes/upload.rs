//! The JSON lines of `upload` and `rm`: one per file or memory.

use super::{AssetShape, assets, code_of};
use crate::failure::exit_of;
use crate::words::told;
use keepsake_client::api::{LimitUse, Memory};
use keepsake_client::upload::hex;
use keepsake_client::{ChunkCounts, Uploaded};
use serde::Serialize;

/// One line of `upload --json` for a file that was uploaded.
#[derive(Serialize)]
pub(crate) struct UploadLine {
    pub(crate) file: String,
    pub(crate) ok: bool,
    pub(crate) memory_id: String,
    /// The capsule held a memory of the same bytes: nothing was sent, and this is that memory.
    pub(crate) already_there: bool,
    pub(crate) capsule_id: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    /// The original went into the node's bucket: its chunks are parts.
    pub(crate) in_bucket: bool,
    /// Of the original.
    pub(crate) chunks_sent: u32,
    /// Of the original: there already from an interrupted upload.
    pub(crate) chunks_skipped: u32,
    pub(crate) chunks_retried: u32,
    pub(crate) derived_chunks_sent: u32,
    pub(crate) derived_chunks_skipped: u32,
    /// Why there are no derivatives; null where there are.
    pub(crate) derivatives_skipped: Option<String>,
    pub(crate) seconds: f64,
    pub(crate) assets: Vec<AssetShape>,
}

impl UploadLine {
    pub(crate) fn new(file: String, uploaded: Uploaded, seconds: f64) -> Self {
        let ChunkCounts { sent, skipped, retried } = uploaded.original_chunks;
        let pixels = uploaded.pixels;
        let assets = uploaded.assets.into_iter().map(|asset| {
            let pixels = pixels.iter().find(|(kind, _)| *kind == asset.asset_type).map(|(_, pixels)| *pixels);
            AssetShape::published(asset, pixels)
        });
        Self {
            file,
            ok: true,
            memory_id: uploaded.memory_id,
            already_there: false,
            capsule_id: uploaded.capsule_id,
            mime_type: uploaded.mime_type,
            bytes: uploaded.total_len,
            sha256: hex(&uploaded.sha256),
            in_bucket: uploaded.in_bucket,
            chunks_sent: sent,
            chunks_skipped: skipped,
            chunks_retried: retried + uploaded.derived_chunks.retried,
            derived_chunks_sent: uploaded.derived_chunks.sent,
            derived_chunks_skipped: uploaded.derived_chunks.skipped,
            derivatives_skipped: uploaded.derivatives_skipped,
            seconds,
            assets: assets.collect(),
        }
    }

    /// A file whose bytes are in `memory` already.
    pub(crate) fn already_there(file: String, memory: &Memory, sha256: &[u8; 32], seconds: f64) -> Self {
        let assets = assets(memory);
        let bytes = assets.iter().find(|asset| asset.kind == "original").map_or(0, |asset| asset.bytes);
        Self {
            file,
            ok: true,
            memory_id: memory.id.clone(),
            already_there: true,
            capsule_id: memory.capsule_id.clone(),
            mime_type: memory.metadata.content_type.clone(),
            bytes,
            sha256: hex(sha256),
            in_bucket: false,
            chunks_sent: 0,
            chunks_skipped: 0,
            chunks_retried: 0,
            derived_chunks_sent: 0,
            derived_chunks_skipped: 0,
            derivatives_skipped: None,
            seconds,
            assets,
        }
    }
}

/// One line of `upload --json` or `rm --json` for what failed.
#[derive(Serialize)]
pub(crate) struct FailedLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_id: Option<String>,
    pub(crate) ok: bool,
    pub(crate) error: String,
    /// As in [`super::ErrorShape`].
    pub(crate) code: String,
    pub(crate) kind: &'static str,
    pub(crate) exit_code: u8,
    /// After a refusal for want of room: what is full, as in `usage --json`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) limits: Vec<LimitUse>,
    /// What helps then, or where the node's bucket is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<String>,
}

impl FailedLine {
    pub(crate) fn new(error: &anyhow::Error) -> Self {
        let exit = exit_of(error);
        Self {
            file: None,
            memory_id: None,
            ok: false,
            error: told(error),
            code: code_of(error),
            kind: exit.word(),
            exit_code: exit as u8,
            limits: Vec::new(),
            advice: None,
        }
    }
}

/// The last line of `upload --json` of several files.
#[derive(Serialize)]
pub(crate) struct SummaryLine {
    pub(crate) summary: SummaryShape,
}

/// What came of a run. Each count is of files.
#[derive(Serialize)]
pub(crate) struct SummaryShape {
    pub(crate) new: u64,
    pub(crate) already_there: u64,
    pub(crate) failed: u64,
    /// After going on became senseless, or the run was interrupted.
    pub(crate) not_tried: u64,
    pub(crate) skipped: SkippedShape,
    /// Of the new ones.
    pub(crate) bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) bytes_per_second: u64,
    /// Why the rest was not tried.
    pub(crate) stopped: Option<String>,
    pub(crate) exit_code: u8,
}

/// What was left out of folders.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct SkippedShape {
    pub(crate) symlinks: u64,
    /// Pipes, sockets, devices.
    pub(crate) specials: u64,
    pub(crate) empty: u64,
    /// Hidden, or the system's; a folder counts once.
    pub(crate) ignored: u64,
    /// By `--include` or `--exclude`; a folder counts once.
    pub(crate) excluded: u64,
}

impl SkippedShape {
    pub(crate) fn all(&self) -> u64 {
        self.symlinks + self.specials + self.empty + self.ignored + self.excluded
    }
}

/// One line of `rm --json`.
#[derive(Serialize)]
pub(crate) struct RemovedLine {
    pub(crate) memory_id: String,
    pub(crate) ok: bool,
}
