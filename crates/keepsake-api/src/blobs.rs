//! Wire types of blobs: finished, immutable bytes.

use candid::CandidType;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What is known of a blob without reading it.
#[derive(CandidType, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct BlobMeta {
    /// `blob_` + decimal number.
    pub locator: String,
    /// Bytes.
    pub size: u64,
    /// Number of answers of `blob_read_chunk` that make up the blob.
    pub chunk_count: u32,
    /// Length of each of them but the last, bytes.
    pub chunk_size: u32,
    /// SHA-256, 32 bytes.
    pub sha256: ByteBuf,
    /// MIME type given at begin.
    pub mime_type: Option<String>,
    /// The capsule it belongs to.
    pub capsule_id: String,
    /// Finish time, ns since 1970.
    pub created_at: u64,
    /// Number of assets that refer to it.
    pub references: u32,
    /// When it is collected unless a memory refers to it, ns since 1970.
    pub expires_at: Option<u64>,
}
