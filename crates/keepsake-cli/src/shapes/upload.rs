//! The JSON lines of `upload` and `rm`: one per file or memory.

use super::AssetShape;
use keepsake_client::upload::hex;
use keepsake_client::{ChunkCounts, Uploaded};
use serde::Serialize;

/// One line of `upload --json` for a file that was uploaded.
#[derive(Serialize)]
pub(crate) struct UploadLine {
    pub(crate) file: String,
    pub(crate) ok: bool,
    pub(crate) memory_id: String,
    pub(crate) capsule_id: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
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
        Self {
            file,
            ok: true,
            memory_id: uploaded.memory_id,
            capsule_id: uploaded.capsule_id,
            mime_type: uploaded.mime_type,
            bytes: uploaded.total_len,
            sha256: hex(&uploaded.sha256),
            chunks_sent: sent,
            chunks_skipped: skipped,
            chunks_retried: retried + uploaded.derived_chunks.retried,
            derived_chunks_sent: uploaded.derived_chunks.sent,
            derived_chunks_skipped: uploaded.derived_chunks.skipped,
            derivatives_skipped: uploaded.derivatives_skipped,
            seconds,
            assets: uploaded.assets.into_iter().map(AssetShape::from).collect(),
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
    pub(crate) exit_code: u8,
}

/// One line of `rm --json`.
#[derive(Serialize)]
pub(crate) struct RemovedLine {
    pub(crate) memory_id: String,
    pub(crate) ok: bool,
}
