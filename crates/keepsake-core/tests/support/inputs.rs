//! What callers send: principals, file bytes, hashes and metadata. Owns values only.
#![allow(dead_code, reason = "every test binary uses its own part")]

use keepsake_core::Principal;
use keepsake_core::ids::SessionId;
use keepsake_core::memory::{AssetKind, AssetMeta, MediaType, MemoryMeta, NewAsset, NewSource};
use keepsake_core::publish::PublishSession;
use sha2::{Digest, Sha256};

pub(crate) const HOUR_NS: u64 = 3_600_000_000_000;
/// Some day in 2027, ns.
pub(crate) const START_NS: u64 = 1_800_000_000_000_000_000;

pub(crate) fn person(who: u32) -> Principal {
    Principal::self_authenticating(who.to_le_bytes())
}

/// The public key that a link's secret makes: Ed25519 in DER.
pub(crate) fn link_public_key(number: u32) -> Vec<u8> {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    [head.as_slice(), &[0; 28], &number.to_le_bytes()].concat()
}

/// Bytes that differ from seed to seed and from place to place.
pub(crate) fn file(len: usize, seed: u8) -> Vec<u8> {
    let byte = |at: u64| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).to_le_bytes()[0];
    (0..len as u64).map(|at| byte(at + 1_000 * u64::from(seed)).wrapping_add(seed)).collect()
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub(crate) fn asset_meta(kind: AssetKind) -> AssetMeta {
    AssetMeta {
        media: MediaType::Image,
        name: "a.jpg".into(),
        mime_type: "image/jpeg".into(),
        description: None,
        tags: Vec::new(),
        kind,
        width: Some(1_920),
        height: Some(1_080),
        url: None,
        storage_key: None,
        bucket: None,
        asset_location: None,
        processing_status: None,
        processing_error: None,
        created_at_ns: 1,
        updated_at_ns: 1,
        deleted_at_ns: None,
        dpi: None,
        color_space: None,
        exif_data: None,
        compression_ratio: None,
        orientation: Some(1),
    }
}

pub(crate) fn memory_meta(title: &str) -> MemoryMeta {
    MemoryMeta {
        title: Some(title.into()),
        description: None,
        tags: vec!["sea".into()],
        content_type: "image/jpeg".into(),
        memory_type: MediaType::Image,
        date_of_memory_ns: None,
        file_created_at_ns: None,
        people_in_memory: None,
        location: None,
        memory_notes: None,
        parent_folder_id: None,
        created_by: None,
        created_at_ns: 0,
        updated_at_ns: 0,
        uploaded_at_ns: 0,
    }
}

pub(crate) fn publish_session(id: SessionId, kind: AssetKind, bytes: &[u8]) -> PublishSession {
    PublishSession {
        session: id.0,
        sha256: sha256(bytes).to_vec().into(),
        total_len: bytes.len() as u64,
        meta: asset_meta(kind),
    }
}

pub(crate) fn inline_asset(kind: AssetKind, bytes: Vec<u8>) -> NewAsset {
    NewAsset { meta: asset_meta(kind), source: NewSource::Inline(bytes) }
}
