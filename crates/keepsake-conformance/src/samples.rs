//! Values to send: bytes, hashes, metadata. Owns no question.

use crate::api::{
    AssetMetadata, AssetMetadataBase, AssetType, ImageAssetMetadata, InlineAssetInput,
    InternalBlobAssetInput, MemoryMetadata, MemoryType, PublishSession,
};
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// `len` bytes that differ from those of every other `seed`.
pub fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..len).map(|_| next()).collect()
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

/// A text that nobody used before, for idempotency keys and names.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    format!("{name}-{}-{count}", since_1970.as_nanos())
}

/// The public key that a link's secret makes, of one that has this name: Ed25519 in DER. Nobody has its secret.
pub fn link_key(name: &str) -> ByteBuf {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    ByteBuf::from([head.as_slice(), &sha256(name.as_bytes())].concat())
}

/// Metadata of an asset.
pub fn asset(kind: AssetType, mime_type: &str) -> AssetMetadata {
    AssetMetadata::Image(ImageAssetMetadata {
        base: AssetMetadataBase {
            tags: vec!["sea".into()],
            width: Some(4),
            height: Some(3),
            ..AssetMetadataBase::new(kind, "harbour.jpg", mime_type)
        },
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: None,
    })
}

/// The same metadata with something changed in what every asset has.
pub fn changed(mut metadata: AssetMetadata, change: impl FnOnce(&mut AssetMetadataBase)) -> AssetMetadata {
    let base = match &mut metadata {
        AssetMetadata::Image(image) => &mut image.base,
        AssetMetadata::Note(plain)
        | AssetMetadata::Document(plain)
        | AssetMetadata::Audio(plain)
        | AssetMetadata::Video(plain) => &mut plain.base,
    };
    change(base);
    metadata
}

/// Metadata of a memory.
pub fn memory(title: &str) -> MemoryMetadata {
    MemoryMetadata {
        title: Some(title.into()),
        description: None,
        tags: vec!["sea".into(), "2019".into()],
        content_type: "image/jpeg".into(),
        memory_type: MemoryType::Image,
        date_of_memory: Some(1),
        file_created_at: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at: 0,
        updated_at: 0,
        uploaded_at: 0,
    }
}

/// An inline asset.
pub fn inline(kind: AssetType, bytes: &[u8]) -> InlineAssetInput {
    InlineAssetInput { bytes: ByteBuf::from(bytes), metadata: asset(kind, "image/png") }
}

/// An asset that is a blob.
pub fn blob(kind: AssetType, blob_id: &str) -> InternalBlobAssetInput {
    InternalBlobAssetInput { blob_id: blob_id.into(), metadata: asset(kind, "image/jpeg") }
}

/// A session of a publish whose bytes are `bytes`.
pub fn session(kind: AssetType, session_id: u64, bytes: &[u8]) -> PublishSession {
    PublishSession {
        session_id,
        sha256: ByteBuf::from(sha256(bytes)),
        total_len: bytes.len() as u64,
        metadata: asset(kind, "image/jpeg"),
    }
}
