//! The JSON that `--json` prints. Owns names and meanings: fields are added, never renamed.
//!
//! Times are ns since 1970, lengths are bytes, hashes are lower-case hexadecimal, kinds and roles are
//! lower-case words.

mod capsule;
mod error;
mod upload;

pub(crate) use capsule::{CapsuleHeaderShape, CapsuleShape, MemberShape, role};
pub(crate) use error::{ErrorShape, code_of};
pub(crate) use upload::{FailedLine, RemovedLine, SkippedShape, SummaryLine, SummaryShape, UploadLine};

use keepsake_client::api::{
    AssetMetadata, AssetType, Memory, MemoryHeader, PublishedAsset, SessionInfo, SessionState, SiteFile,
};
use keepsake_client::upload::hex;
use serde::Serialize;

/// An asset.
#[derive(Serialize)]
pub(crate) struct AssetShape {
    pub(crate) asset_id: String,
    pub(crate) kind: String,
    /// `blob`, `inline` or `external`.
    pub(crate) stored: &'static str,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mime_type: Option<String>,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) orientation: Option<u8>,
    pub(crate) blob_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
}

impl AssetShape {
    /// An asset just published, `pixels` wide and high where it is a picture.
    pub(crate) fn published(asset: PublishedAsset, pixels: Option<(u32, u32)>) -> Self {
        Self {
            asset_id: asset.asset_id,
            kind: kind(asset.asset_type),
            stored: if asset.blob_id.is_some() { "blob" } else { "inline" },
            bytes: asset.size,
            sha256: Some(hex(&asset.sha256)),
            name: None,
            mime_type: None,
            width: pixels.map(|pixels| pixels.0),
            height: pixels.map(|pixels| pixels.1),
            orientation: None,
            blob_id: asset.blob_id,
            url: None,
        }
    }

    fn new(asset_id: &str, stored: &'static str, metadata: &AssetMetadata) -> Self {
        let base = metadata.base();
        let orientation = match metadata {
            AssetMetadata::Image(image) => image.orientation,
            _ => None,
        };
        Self {
            asset_id: asset_id.to_owned(),
            kind: kind(base.asset_type),
            stored,
            bytes: base.bytes,
            sha256: base.sha256.as_ref().map(|hash| hex(hash)),
            name: Some(base.name.clone()),
            mime_type: Some(base.mime_type.clone()),
            width: base.width,
            height: base.height,
            orientation,
            blob_id: None,
            url: base.url.clone(),
        }
    }
}

/// `show --json`.
#[derive(Serialize)]
pub(crate) struct MemoryShape {
    pub(crate) id: String,
    pub(crate) capsule_id: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) mime_type: String,
    pub(crate) memory_type: String,
    pub(crate) date_of_memory: Option<u64>,
    pub(crate) file_created_at: Option<u64>,
    pub(crate) creator: String,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) assets: Vec<AssetShape>,
}

impl From<&Memory> for MemoryShape {
    fn from(memory: &Memory) -> Self {
        let metadata = &memory.metadata;
        Self {
            id: memory.id.clone(),
            capsule_id: memory.capsule_id.clone(),
            title: metadata.title.clone(),
            description: metadata.description.clone(),
            tags: metadata.tags.clone(),
            mime_type: metadata.content_type.clone(),
            memory_type: lower(metadata.memory_type),
            date_of_memory: metadata.date_of_memory,
            file_created_at: metadata.file_created_at,
            creator: memory.creator.to_text(),
            created_at: metadata.created_at,
            updated_at: metadata.updated_at,
            assets: assets(memory),
        }
    }
}

pub(crate) fn assets(memory: &Memory) -> Vec<AssetShape> {
    let blobs = memory.blob_internal_assets.iter().map(|asset| AssetShape {
        blob_id: Some(asset.blob_ref.locator.clone()),
        ..AssetShape::new(&asset.asset_id, "blob", &asset.metadata)
    });
    let inline =
        memory.inline_assets.iter().map(|asset| AssetShape::new(&asset.asset_id, "inline", &asset.metadata));
    let external = memory.blob_external_assets.iter().map(|asset| AssetShape {
        url: asset.url.clone(),
        ..AssetShape::new(&asset.asset_id, "external", &asset.metadata)
    });
    blobs.chain(inline).chain(external).collect()
}

/// `ls --json`.
#[derive(Serialize)]
pub(crate) struct PageShape {
    pub(crate) capsule_id: Option<String>,
    pub(crate) items: Vec<HeaderShape>,
    /// For `--cursor`; null at the end.
    pub(crate) next_cursor: Option<String>,
}

/// One row of `ls --json`.
#[derive(Serialize)]
pub(crate) struct HeaderShape {
    pub(crate) id: String,
    pub(crate) capsule_id: String,
    pub(crate) title: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) mime_type: String,
    pub(crate) memory_type: String,
    pub(crate) date_of_memory: Option<u64>,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    pub(crate) assets: Vec<AssetHeaderShape>,
}

/// An asset in a row of `ls --json`.
#[derive(Serialize)]
pub(crate) struct AssetHeaderShape {
    pub(crate) asset_id: String,
    pub(crate) kind: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
    pub(crate) width: Option<u32>,
    pub(crate) height: Option<u32>,
}

impl From<MemoryHeader> for HeaderShape {
    fn from(header: MemoryHeader) -> Self {
        let assets = header.assets.into_iter().map(|asset| AssetHeaderShape {
            asset_id: asset.asset_id,
            kind: kind(asset.asset_type),
            mime_type: asset.mime_type,
            bytes: asset.bytes,
            width: asset.width,
            height: asset.height,
        });
        Self {
            id: header.id,
            capsule_id: header.capsule_id,
            title: header.title,
            tags: header.tags,
            mime_type: header.content_type,
            memory_type: lower(header.memory_type),
            date_of_memory: header.date_of_memory,
            created_at: header.created_at,
            updated_at: header.updated_at,
            assets: assets.collect(),
        }
    }
}

/// `link --json`.
#[derive(Serialize)]
pub(crate) struct LinksShape {
    pub(crate) memory_id: String,
    pub(crate) valid_secs: u32,
    pub(crate) links: Vec<LinkShape>,
}

/// One address in `link --json`.
#[derive(Serialize)]
pub(crate) struct LinkShape {
    pub(crate) asset_id: String,
    pub(crate) kind: String,
    pub(crate) url: String,
}

/// `get --json`.
#[derive(Serialize)]
pub(crate) struct SavedShape {
    pub(crate) memory_id: String,
    pub(crate) asset_id: String,
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) mime_type: String,
    pub(crate) bytes: u64,
    /// Of these, there already from an interrupted download.
    pub(crate) bytes_resumed: u64,
    pub(crate) sha256: String,
}

/// One element of `sessions ls --json`.
#[derive(Serialize)]
pub(crate) struct SessionShape {
    pub(crate) session_id: u64,
    pub(crate) capsule_id: String,
    /// `pending` or `finished`.
    pub(crate) state: &'static str,
    pub(crate) blob_id: Option<String>,
    pub(crate) mime_type: Option<String>,
    pub(crate) total_len: Option<u64>,
    pub(crate) expected_chunks: u32,
    pub(crate) received_chunks: u32,
    pub(crate) bytes_received: u64,
    pub(crate) created_at: u64,
    pub(crate) last_seen: u64,
    pub(crate) expires_at: u64,
}

impl From<SessionInfo> for SessionShape {
    fn from(session: SessionInfo) -> Self {
        let (state, blob_id) = match session.state {
            SessionState::Pending => ("pending", None),
            SessionState::Finished(blob_id) => ("finished", Some(blob_id)),
        };
        Self {
            session_id: session.session_id,
            capsule_id: session.capsule_id,
            state,
            blob_id,
            mime_type: session.mime_type,
            total_len: session.total_len,
            expected_chunks: session.expected_chunks,
            received_chunks: session.received_chunks,
            bytes_received: session.bytes_received,
            created_at: session.created_at,
            last_seen: session.last_seen,
            expires_at: session.expires_at,
        }
    }
}

/// One element of `site --json`.
#[derive(Serialize)]
pub(crate) struct SiteFileShape {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
    pub(crate) mime_type: String,
    pub(crate) blob_id: String,
}

impl From<SiteFile> for SiteFileShape {
    fn from(file: SiteFile) -> Self {
        let SiteFile { path, blob_id, size, sha256, mime_type } = file;
        Self { path, bytes: size, sha256: hex(&sha256), mime_type, blob_id }
    }
}

/// `site set --json`, `site clear --json`.
#[derive(Serialize)]
pub(crate) struct SiteSetLine {
    /// Files of the site now.
    pub(crate) files: usize,
    /// Those of them that were sent.
    pub(crate) sent: usize,
}

/// `identity … --json`.
#[derive(Serialize)]
pub(crate) struct IdentityShape {
    pub(crate) name: String,
    pub(crate) principal: String,
    /// `ed25519` or `secp256k1`.
    pub(crate) kind: &'static str,
    pub(crate) path: String,
    pub(crate) in_use: bool,
}

/// An asset's kind as a word.
pub(crate) fn kind(kind: AssetType) -> String {
    lower(kind)
}

fn lower(variant: impl std::fmt::Debug) -> String {
    format!("{variant:?}").to_ascii_lowercase()
}
