//! Handlers of memories and their assets. Owns their mapping only.

use super::{Query, Update};
use crate::wire::memories::{
    asset_data, asset_in, assets_list, blob_in, header, inline_in, memory, meta_in, meta_of_asset, patch,
    source_in,
};
use crate::wire::{ids, refuse};
use ic_stable_structures::Memory;
use keepsake_api as api;
use keepsake_api::{
    Answer, AssetMetadata, BlobHosting, BlobRef, InlineAssetInput, InternalBlobAssetInput, MemoryMetadata,
};
use keepsake_core::ids::{AssetId, CapsuleId, MemoryId};
use keepsake_core::memory::{AssetChoice, BulkDeleted, NewAsset};
use serde_bytes::ByteBuf;

type CreateArgs = (
    String,
    Option<ByteBuf>,
    Option<BlobRef>,
    Option<BlobHosting>,
    Option<String>,
    Option<String>,
    Option<u64>,
    Option<ByteBuf>,
    AssetMetadata,
    String,
);

pub(super) fn create<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    args: CreateArgs,
) -> Answer<String> {
    let (capsule, inline, blob, location, storage_key, url, size, sha256, metadata, idem) = args;
    let source = source_in(inline, blob, location, storage_key, url, size, sha256)?;
    let meta = meta_of_asset(&metadata);
    let asset = NewAsset { meta: asset_in(metadata), source };
    make(update, &capsule, meta, vec![asset], &idem)
}

pub(super) fn create_with_blobs<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, metadata, blobs, idem): (String, MemoryMetadata, Vec<InternalBlobAssetInput>, String),
) -> Answer<String> {
    let assets = blobs.into_iter().map(blob_in).collect::<Answer<Vec<_>>>()?;
    make(update, &capsule, meta_in(metadata), assets, &idem)
}

type MixedArgs = (String, MemoryMetadata, Vec<InternalBlobAssetInput>, Vec<InlineAssetInput>, String);

pub(super) fn create_with_blobs_and_inline<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, metadata, blobs, inline, idem): MixedArgs,
) -> Answer<String> {
    let mut assets = blobs.into_iter().map(blob_in).collect::<Answer<Vec<_>>>()?;
    assets.extend(inline.into_iter().map(inline_in));
    make(update, &capsule, meta_in(metadata), assets, &idem)
}

fn make<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    capsule: &str,
    meta: keepsake_core::memory::MemoryMeta,
    assets: Vec<NewAsset>,
    idem: &str,
) -> Answer<String> {
    let made = update.store.memory_create(update.call, ids::capsule(capsule)?, meta, assets, idem);
    made.map(|id| id.to_string()).map_err(refuse)
}

pub(super) fn add_asset<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, asset, idem): (String, InternalBlobAssetInput, String),
) -> Answer<String> {
    add(update, &id, blob_in(asset)?, &idem)
}

pub(super) fn add_inline_asset<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, asset, idem): (String, InlineAssetInput, String),
) -> Answer<String> {
    add(update, &id, inline_in(asset), &idem)
}

fn add<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    id: &str,
    asset: NewAsset,
    idem: &str,
) -> Answer<String> {
    let made = update.store.memory_add_asset(update.call, ids::memory(id)?, asset, idem);
    made.map(|id| id.to_string()).map_err(refuse)
}

pub(super) fn read<R: Memory, H: Memory>(query: &Query<'_, R, H>, (id,): (String,)) -> Answer<api::Memory> {
    let id = ids::memory(&id)?;
    let record = query.store.memory_read(&query.call.caller, id).map_err(refuse)?;
    Ok(memory(query.store, id, record))
}

pub(super) fn read_asset<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (id, index): (String, u32),
) -> Answer<api::MemoryAssetData> {
    asset(query, ids::memory(&id)?, AssetChoice::Index(index))
}

pub(super) fn asset_by_id<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (id, asset_id): (String, String),
) -> Answer<api::MemoryAssetData> {
    asset(query, ids::memory(&id)?, AssetChoice::Id(ids::asset(&asset_id)?))
}

fn asset<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    id: MemoryId,
    choice: AssetChoice,
) -> Answer<api::MemoryAssetData> {
    query.store.asset_read(&query.call.caller, id, choice).map(asset_data).map_err(refuse)
}

pub(super) fn list<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (capsule, cursor, limit): (String, Option<String>, Option<u32>),
) -> Answer<api::Page> {
    let capsule = ids::capsule(&capsule)?;
    let page =
        query.store.memory_page(&query.call.caller, capsule, cursor.as_deref(), limit).map_err(refuse)?;
    Ok(api::Page {
        items: page.items.into_iter().map(|(id, record)| header(id, record)).collect(),
        next_cursor: page.next.map(|id| id.to_string()),
    })
}

pub(super) fn list_assets<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (id,): (String,),
) -> Answer<api::MemoryAssetsList> {
    let record = query.store.memory_read(&query.call.caller, ids::memory(&id)?).map_err(refuse)?;
    Ok(assets_list(id, &record))
}

pub(super) fn ping<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (ids,): (Vec<String>,),
) -> Answer<Vec<api::MemoryPresenceResult>> {
    let found = query.store.memory_presence(&query.call.caller, &ids).map_err(refuse)?;
    // A memory without an asset does not exist.
    let row = |(memory_id, present): (String, bool)| api::MemoryPresenceResult {
        memory_id,
        metadata_present: present,
        asset_present: present,
    };
    Ok(ids.into_iter().zip(found).map(row).collect())
}

pub(super) fn find<R: Memory, H: Memory>(
    query: &Query<'_, R, H>,
    (capsule, hashes): (String, Vec<ByteBuf>),
) -> Answer<Vec<Option<String>>> {
    let capsule = ids::capsule(&capsule)?;
    let found = query.store.memories_find(&query.call.caller, capsule, &hashes).map_err(refuse)?;
    Ok(found.into_iter().map(|id| id.map(|id| id.to_string())).collect())
}

pub(super) fn update<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, data): (String, api::MemoryUpdateData),
) -> Answer<api::Memory> {
    let id = ids::memory(&id)?;
    let record = update.store.memory_update(update.call, id, |meta| patch(meta, data)).map_err(refuse)?;
    Ok(memory(update.store, id, record))
}

pub(super) fn delete<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (id, delete_assets): (String, bool),
) -> Answer<()> {
    update.store.memory_delete(update.call, ids::memory(&id)?, delete_assets).map_err(refuse)
}

pub(super) fn delete_bulk<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, list, delete_assets): (String, Vec<String>, bool),
) -> Answer<api::BulkDeleteResult> {
    let capsule: CapsuleId = ids::capsule(&capsule)?;
    let done = update.store.memory_delete_bulk(update.call, capsule, &list, delete_assets).map_err(refuse)?;
    // Whoever does not look at what is left learns here that not all are deleted.
    let left = u32::try_from(done.left).expect("a list has at most a thousand ids");
    let done = BulkDeleted { failed: done.failed + left, ..done };
    Ok(bulk(done, "the last of the list are left, send them again"))
}

pub(super) fn delete_all<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (capsule, delete_assets): (String, bool),
) -> Answer<api::BulkDeleteResult> {
    let capsule = ids::capsule(&capsule)?;
    let done = update.store.memory_delete_all(update.call, capsule, delete_assets).map_err(refuse)?;
    Ok(bulk(done, "more are left, send the same message again"))
}

/// `again` says what to do about those that are left.
fn bulk(done: BulkDeleted, again: &str) -> api::BulkDeleteResult {
    let BulkDeleted { deleted, failed, left } = done;
    let again = if left > 0 { format!("; {again}") } else { String::new() };
    api::BulkDeleteResult {
        deleted_count: deleted,
        failed_count: failed,
        message: format!("{deleted} deleted, {failed} failed{again}"),
        left_count: Some(left),
    }
}

pub(super) fn asset_remove<R: Memory, H: Memory>(
    update: &mut Update<'_, R, H>,
    (memory_id, asset_id): (String, String),
) -> Answer<api::AssetRemovalResult> {
    let asset: AssetId = ids::asset(&asset_id)?;
    update.store.asset_remove(update.call, ids::memory(&memory_id)?, asset).map_err(refuse)?;
    let message = format!("{asset_id} removed from {memory_id}");
    Ok(api::AssetRemovalResult { memory_id, asset_removed: true, message })
}
