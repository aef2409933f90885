//! Part 5: blobs. Ranges and chunks, deletion, collection.

use crate::api::AssetType;
use crate::host::{Host, Who};
use crate::samples::{asset, blob, bytes, memory, unique};
use crate::uploads::assert_blob_is;
use crate::verdict::{allowed, refused};
use crate::world::{World, upload};
use keepsake_client::BytesSource;
use keepsake_client::api::BlobRef;
use std::time::Duration;

/// A range is clipped at the end; beyond it is refused. Chunks add up; whole reads are bounded.
pub async fn reads_are_clipped_and_bounded<H: Host>(host: &H) {
    let world = World::new(host, "ranges").await;
    let (member, guest) = (world.member(), world.by(Who::Guest));
    let file = bytes(2_500_000, 31);
    let locator = upload(member, &world.capsule, &file, 700_000).await.blob_id;
    let small = upload(member, &world.capsule, &file[..1_000], 333).await.blob_id;
    for (offset, len) in
        [(0, 1), (0, 1_000), (699_999, 2), (1_399_990, 700_020), (2_499_999, 1), (2_000_000, 2_000_000)]
    {
        let read = allowed(guest.blob_read_range(&locator, offset, len).await);
        let start = usize::try_from(offset).expect("samples fit memory");
        let end = file.len().min(start + len as usize);
        assert!(read == file[start..end], "range {offset}+{len}");
    }
    assert_eq!(allowed(guest.blob_read_range(&locator, 2_500_000, 5).await), b"", "at the end");
    assert_eq!(allowed(guest.blob_read_range(&locator, 17, 0).await), b"", "no bytes");
    refused(guest.blob_read_range(&locator, 2_500_001, 1).await, "range_beyond_end");
    refused(guest.blob_read_range(&locator, u64::MAX, u32::MAX).await, "range_beyond_end");
    refused(guest.blob_read_range(&locator, 0, 2_000_001).await, "range_too_large");
    refused(guest.blob_read_range(&locator, 499_999, u32::MAX).await, "range_too_large");
    let clipped = allowed(guest.blob_read_range(&locator, 500_000, u32::MAX).await);
    assert!(clipped == file[500_000..], "what is clipped at the end fits one answer");
    refused(guest.blob_read(&locator).await, "blob_too_large");
    assert!(allowed(guest.blob_read(&small).await) == file[..1_000], "a whole small blob");

    let meta = allowed(guest.blob_get_meta(&locator).await);
    assert_eq!((meta.size, meta.chunk_count, meta.references), (2_500_000, 2, 0));
    assert_eq!((meta.locator.as_str(), meta.capsule_id.as_str()), (locator.as_str(), world.capsule.as_str()));
    refused(guest.blob_read_chunk(&locator, 2).await, "chunk_index_beyond_end");
    refused(guest.blob_read_chunk(&locator, u32::MAX).await, "chunk_index_beyond_end");
    assert_blob_is(guest, &locator, &file).await;
    let limit = allowed(guest.upload_config().await).response_bytes_max;
    let exact = upload(member, &world.capsule, &bytes(limit as usize, 32), 1_000_000).await.blob_id;
    assert!(
        allowed(guest.blob_read(&exact).await) == bytes(limit as usize, 32),
        "a blob of the limit's size"
    );
}

/// A blob stays while a memory refers to it, and is deleted when none does.
pub async fn a_referenced_blob_stays<H: Host>(host: &H) {
    let world = World::new(host, "referenced").await;
    let member = world.member();
    let locator = upload(member, &world.capsule, b"twice referred to", 17).await.blob_id;
    let meta = async || allowed(member.blob_get_meta(&locator).await);
    assert!(meta().await.expires_at.is_some(), "an unreferenced blob expires");
    let make = async |idem: &str| {
        let source = BytesSource::Blob(BlobRef { locator: locator.clone(), len: 0, hash: None });
        let metadata = asset(AssetType::Original, "text/plain");
        allowed(member.memories_create(&world.capsule, source, &metadata, idem).await)
    };
    let (first, second) = (make(&unique("first")).await, make(&unique("second")).await);
    assert_eq!((meta().await.references, meta().await.expires_at), (2, None));
    refused(member.blob_delete(&locator).await, "blob_referenced");
    allowed(member.memories_delete(&first, true).await);
    assert_blob_is(member, &locator, b"twice referred to").await;
    refused(world.owner().blob_delete(&locator).await, "blob_referenced");
    allowed(member.memories_delete(&second, false).await);
    assert_eq!(meta().await.references, 0);
    assert!(meta().await.expires_at.is_some(), "left alone, it expires again");
    refused(world.by(Who::Colleague).blob_delete(&locator).await, "unauthorized");
    allowed(member.blob_delete(&locator).await);
    refused(member.blob_get_meta(&locator).await, "not_found");
    refused(member.blob_delete(&locator).await, "not_found");
    let full = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    assert_eq!((full.bytes_used, full.memory_count), (0, 0));
}

/// `delete_assets` takes the blobs along; without it they stay.
pub async fn deleting_a_memory_takes_its_blobs_where_told<H: Host>(host: &H) {
    let world = World::new(host, "delete-assets").await;
    let member = world.member();
    for delete_assets in [true, false] {
        let things = world.things().await;
        allowed(member.memories_delete(&things.memory, delete_assets).await);
        refused(member.memories_read(&things.memory).await, "not_found");
        let read = member.blob_read(&things.referenced).await;
        if delete_assets {
            refused(read, "not_found");
        } else {
            assert_eq!(allowed(read), bytes(100, 7));
        }
        refused(member.memories_delete(&things.memory, delete_assets).await, "not_found");
    }
}

/// A memory refers only to blobs of its own capsule, also where the caller may read both.
pub async fn a_memory_takes_no_blob_of_another_capsule<H: Host>(host: &H) {
    let world = World::new(host, "other-capsule").await;
    let member = world.member();
    let other = world.another_capsule("other-capsule").await.id;
    let locator = upload(member, &other, b"elsewhere", 9).await.blob_id;
    let things = world.things().await;
    let original = [blob(AssetType::Original, &locator)];
    let idem = unique("other");
    let made =
        member.memories_create_with_internal_blobs(&world.capsule, &memory("x"), &original, &idem).await;
    refused(made, "blob_in_other_capsule");
    let display = blob(AssetType::Display, &locator);
    refused(member.memories_add_asset(&things.memory, &display, &idem).await, "blob_in_other_capsule");
    assert_eq!(allowed(member.blob_get_meta(&locator).await).references, 0);
}

/// An unreferenced blob is collected after its time, a referenced one never. False where the clock cannot be moved.
pub async fn unreferenced_blobs_are_collected<H: Host>(host: &H) -> bool {
    let world = World::new(host, "collection").await;
    let member = world.member();
    let ttl = Duration::from_secs(allowed(member.upload_config().await).blob_ttl_secs);
    let things = world.things().await;
    let released = world.things().await;
    if !host.advance_clock(ttl / 2).await {
        return false;
    }
    allowed(member.memories_delete(&released.memory, false).await);
    host.advance_clock(ttl / 2 + Duration::from_secs(1)).await;
    allowed(member.sessions_cleanup_expired().await);
    refused(member.blob_read(&things.blob).await, "not_found");
    assert_blob_is(member, &things.referenced, &bytes(100, 7)).await;
    assert_blob_is(member, &released.referenced, &bytes(100, 7)).await;
    host.advance_clock(ttl).await;
    allowed(member.sessions_cleanup_expired().await);
    refused(member.blob_read(&released.referenced).await, "not_found");
    assert_blob_is(member, &things.referenced, &bytes(100, 7)).await;
    let full = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    assert_eq!(full.bytes_used, 100 + 4, "one original and one placeholder are left");
    true
}
