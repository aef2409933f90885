//! Handlers of blobs. Owns their mapping only.

use super::{Query, Update};
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api::{Answer, BlobMeta};
use keepsake_core::ids::CapsuleId;
use keepsake_core::limits::CHUNK_BYTES_MAX;
use serde_bytes::ByteBuf;

pub(super) fn meta<R: Memory, H: Memory>(query: &Query<'_, R, H>, (locator,): (String,)) -> Answer<BlobMeta> {
    let blob = query.store.blob_meta(&query.call.caller, ids::blob(&locator)?).map_err(refuse)?;
    Ok(BlobMeta {
        locator,
        size: blob.len,
        chunk_count: blob.chunk_count(),
        chunk_size: CHUNK_BYTES_MAX,
        sha256: ByteBuf::from(blob.sha256.to_vec()),
        mime_type: blob.mime_type,
        capsule_id: CapsuleId(blob.capsule).to_string(),
        created_at: blob.created_ns,
        references: blob.references,
        expires_at: blob.expires_ns,
    })
}

pub(super) fn read<R: Memory, H: Memory>(query: &Query<'_, R, H>, (locator,): (String,)) -> Answer<ByteBuf> {
    let id = ids::blob(&locator)?;
    query.store.blob_read(&query.call.caller, id).map(ByteBuf::from).map_err(refuse)
}

pub(super) fn read_chunk<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (locator, index): (String, u32),
) -> Answer<ByteBuf> {
    let id = ids::blob(&locator)?;
    query.store.blob_chunk(&query.call.caller, id, index).map(ByteBuf::from).map_err(refuse)
}

pub(super) fn read_range<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (locator, offset, len): (String, u64, u32),
) -> Answer<ByteBuf> {
    let id = ids::blob(&locator)?;
    query.store.blob_range(&query.call.caller, id, offset, len).map(ByteBuf::from).map_err(refuse)
}

pub(super) fn delete<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (locator,): (String,),
) -> Answer<String> {
    update.store.blob_delete(update.call, ids::blob(&locator)?).map_err(refuse)?;
    Ok(format!("{locator} deleted"))
}
