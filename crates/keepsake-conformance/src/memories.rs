//! Memories: pages, keys, changes, facts, bulk deletes.

use crate::api::{
    AssetType, BlobHosting, BlobRef, MemoryAssetData, MemoryMetadata, MemoryPresenceResult, MemoryUpdateData,
};
use crate::host::{Host, Who};
use crate::samples::{asset, blob, bytes, changed, inline, memory, sha256, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, upload};
use keepsake_client::{BytesSource, Client, Transport};
use serde_bytes::ByteBuf;

async fn note<T: Transport>(client: &Client<T>, capsule: &str, text: &str) -> String {
    let source = BytesSource::Inline(text.as_bytes().to_vec());
    let metadata = changed(asset(AssetType::Original, "text/plain"), |base| base.name = text.into());
    allowed(client.memories_create(capsule, source, &metadata, &unique("note")).await)
}

/// Newest first, each once, whatever the page size, and what is made meanwhile does not move the rest.
pub async fn pages_are_stable_and_newest_first<H: Host>(host: &H) {
    let world = World::new(host, "pages").await;
    let (member, guest, capsule) = (world.member(), world.by(Who::Guest), world.capsule.as_str());
    let empty = allowed(guest.memories_list(capsule, None, None).await);
    assert_eq!((empty.items.len(), empty.next_cursor), (0, None));
    let mut made = Vec::new();
    for number in 0..13 {
        made.push(note(member, capsule, &format!("note {number}")).await);
    }
    made.reverse();
    for limit in [1, 4, 12, 13, 14, u32::MAX] {
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = allowed(guest.memories_list(capsule, cursor.as_deref(), Some(limit)).await);
            assert!(!page.items.is_empty(), "limit {limit}: an empty page");
            seen.extend(page.items.into_iter().map(|row| row.id));
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, made, "limit {limit}");
    }
    let first = allowed(guest.memories_list(capsule, None, Some(5)).await);
    let newer = note(member, capsule, "newer").await;
    allowed(member.memories_delete(&made[4], true).await);
    allowed(member.memories_delete(&made[7], true).await);
    let cursor = first.next_cursor.as_deref();
    let second = allowed(guest.memories_list_by_capsule(capsule, cursor, Some(5)).await);
    let ids: Vec<&String> = second.items.iter().map(|row| &row.id).collect();
    assert_eq!(ids, [&made[5], &made[6], &made[8], &made[9], &made[10]]);
    assert_eq!(allowed(guest.memories_list(capsule, None, Some(1)).await).items[0].id, newer);
    let other = world.another_capsule("pages").await.id;
    assert_eq!(allowed(guest.memories_list(&other, None, None).await).items, []);
    let asked = [made[0].clone(), made[4].clone(), "mem_x".to_owned()];
    let there = |row: &MemoryPresenceResult| (row.metadata_present, row.asset_present);
    let present = allowed(guest.memories_ping(&asked).await);
    assert_eq!(present.iter().map(there).collect::<Vec<_>>(), [(true, true), (false, false), (false, false)]);
}

/// A key repeated with the same arguments: the first answer. With others: `Conflict`. Keys are the caller's own.
pub async fn keys_make_memories_and_assets_once<H: Host>(host: &H) {
    let world = World::new(host, "keys").await;
    let (member, colleague, capsule) = (world.member(), world.by(Who::Colleague), world.capsule.as_str());
    let original = upload(member, capsule, b"original", 8).await.blob_id;
    let blobs = [blob(AssetType::Original, &original)];
    let make = async |client: &Client<H::Transport>, title: &str| {
        client.memories_create_with_internal_blobs(capsule, &memory(title), &blobs, "a key").await
    };
    let id = allowed(make(member, "One").await);
    assert_eq!(allowed(make(member, "One").await), id);
    refused(make(member, "Two").await, "idem_reused");
    assert_ne!(allowed(make(colleague, "One").await), id, "another caller's key is another key");

    let tiny = inline(AssetType::Placeholder, b"tiny");
    let added = allowed(member.memories_add_inline_asset(&id, &tiny, "a key").await);
    assert_eq!(allowed(member.memories_add_inline_asset(&id, &tiny, "a key").await), added);
    refused(
        member.memories_add_inline_asset(&id, &inline(AssetType::Placeholder, b"other"), "a key").await,
        "idem_reused",
    );
    refused(member.memories_add_inline_asset(&id, &tiny, "another key").await, "asset_kind_taken");
    let display = blob(AssetType::Display, &original);
    let second = allowed(member.memories_add_asset(&id, &display, "second").await);
    assert_eq!(allowed(member.memories_add_asset(&id, &display, "second").await), second);
    let list = allowed(member.memories_list_assets(&id).await);
    assert_eq!(
        (list.total_count, list.inline_assets, list.internal_assets.len()),
        (3, vec![added.clone()], 2),
        "each asset is there once"
    );
    let thumbnail = inline(AssetType::Thumbnail, b"t");
    allowed(member.memories_add_inline_asset(&id, &thumbnail, "third").await);
    let fifth = inline(AssetType::Preview, b"p");
    refused(member.memories_add_inline_asset(&id, &fifth, "fourth").await, "assets_count");
    let removed = allowed(member.asset_remove_by_id(&id, &added).await);
    assert!(removed.asset_removed && removed.memory_id == id);
    let again = allowed(member.memories_add_inline_asset(&id, &tiny, "a key").await);
    assert_ne!(again, added, "the id of a removed asset is not used again");
}

/// What is null stays; what is given replaces; `created_at` stays; `updated_at` moves on.
pub async fn changes_keep_what_they_do_not_name<H: Host>(host: &H) {
    let world = World::new(host, "changes").await;
    let (member, things) = (world.member(), world.things().await);
    let id = things.memory.as_str();
    let before = allowed(member.memories_read(id).await);
    let change = MemoryUpdateData { tags: Some(vec!["new".into()]), ..MemoryUpdateData::default() };
    let after = allowed(world.by(Who::Admin).memories_update(id, &change).await);
    assert_eq!(after.metadata.tags, ["new"]);
    let mut expected = before.clone();
    expected.metadata.tags = vec!["new".into()];
    expected.metadata.updated_at = after.metadata.updated_at;
    assert_eq!(after, expected, "only the tags and updated_at changed");
    assert!(after.metadata.updated_at > before.metadata.updated_at);
    assert_eq!(allowed(member.memories_read(id).await), after);
    let named = MemoryUpdateData { name: Some("name".into()), ..MemoryUpdateData::default() };
    assert_eq!(allowed(member.memories_update(id, &named).await).metadata.title.as_deref(), Some("name"));
    let both = MemoryUpdateData { title: Some("title".into()), ..named };
    let whole = allowed(member.memories_update(id, &both).await);
    assert_eq!(whole.metadata.title.as_deref(), Some("title"));
    assert_eq!((whole.creator, whole.capsule_id), (member.principal(), world.capsule.clone()));

    // A whole metadata replaces all; times of 0 say nothing, as when a memory is made.
    let given = MemoryMetadata { created_at: 5, ..memory("whole") };
    let replace = |metadata: &MemoryMetadata| MemoryUpdateData {
        metadata: Some(metadata.clone()),
        ..MemoryUpdateData::default()
    };
    let told = allowed(member.memories_update(id, &replace(&given)).await).metadata;
    let expected = MemoryMetadata {
        updated_at: told.updated_at,
        uploaded_at: before.metadata.uploaded_at,
        ..given.clone()
    };
    assert_eq!((told.clone(), told.updated_at > 5), (expected.clone(), true));
    let silent = MemoryMetadata { created_at: 0, ..given };
    let told = allowed(member.memories_update(id, &replace(&silent)).await).metadata;
    assert_eq!(told, MemoryMetadata { updated_at: told.updated_at, ..expected }, "the stored times stay");
}

/// Lengths and hashes that a client sends are advice: what comes back is what the bytes have.
pub async fn stored_facts_win_over_what_clients_say<H: Host>(host: &H) {
    let world = World::new(host, "facts").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let file = bytes(500, 33);
    let locator = upload(member, capsule, &file, 200).await.blob_id;
    let lie = changed(asset(AssetType::Original, "image/jpeg"), |base| {
        base.bytes = 1;
        base.sha256 = Some(ByteBuf::from(sha256(b"lie")));
    });
    let source =
        BytesSource::Blob(BlobRef { locator: locator.clone(), len: 7, hash: Some(ByteBuf::from([9; 32])) });
    let id = allowed(member.memories_create(capsule, source, &lie, &unique("facts")).await);
    let read = allowed(member.memories_read(&id).await);
    let asset = &read.blob_internal_assets[0];
    let hash = Some(ByteBuf::from(sha256(&file)));
    assert_eq!(asset.blob_ref, BlobRef { locator: locator.clone(), len: 500, hash: hash.clone() });
    assert_eq!((asset.metadata.base().bytes, &asset.metadata.base().sha256), (500, &hash));
    let data = allowed(member.memories_read_asset(&id, 0).await);
    let MemoryAssetData::InternalBlob { blob_id, size, sha256: told, .. } = &data else { panic!("{data:?}") };
    assert_eq!((blob_id, *size, told), (&locator, 500, &hash));
    assert_eq!(allowed(member.asset_get_by_id(&id, &asset.asset_id).await), data);

    let id = allowed(
        member
            .memories_create(capsule, BytesSource::Inline(b"inline".to_vec()), &lie, &unique("facts"))
            .await,
    );
    let data = allowed(member.memories_read_asset(&id, 0).await);
    let MemoryAssetData::Inline { bytes, size, sha256: told, .. } = data else { panic!("{data:?}") };
    assert_eq!((bytes.as_slice(), size, told), (&b"inline"[..], 6, Some(ByteBuf::from(sha256(b"inline")))));

    let elsewhere = BytesSource::External {
        location: BlobHosting::S3,
        storage_key: "photos/1".into(),
        url: Some("https://example.org/1".into()),
        size: Some(9),
        sha256: None,
    };
    let id = allowed(member.memories_create(capsule, elsewhere, &lie, &unique("facts")).await);
    let data = allowed(member.memories_read_asset(&id, 0).await);
    let MemoryAssetData::ExternalUrl { storage_key, url, size, .. } = data else { panic!("{data:?}") };
    assert_eq!(
        (storage_key.as_str(), url.as_deref(), size),
        ("photos/1", Some("https://example.org/1"), Some(9))
    );
}

/// Bulk deletes count what they did, skip what is not the caller's, and stay within their capsule.
pub async fn bulk_deletes_say_what_they_did<H: Host>(host: &H) {
    let world = World::new(host, "bulk-delete").await;
    let (member, colleague, capsule) = (world.member(), world.by(Who::Colleague), world.capsule.as_str());
    let (mine, theirs) = (note(member, capsule, "mine").await, note(colleague, capsule, "theirs").await);
    let other = world.another_capsule("bulk-delete").await.id;
    let elsewhere = note(member, &other, "elsewhere").await;
    let named = [mine.clone(), mine.clone(), theirs.clone(), elsewhere.clone(), "mem_x".to_owned()];
    let done = allowed(member.memories_delete_bulk(capsule, &named, true).await);
    assert_eq!((done.deleted_count, done.failed_count, done.left_count), (1, 4, Some(0)), "{}", done.message);
    refused(member.memories_read(&mine).await, "not_found");
    allowed(member.memories_read(&theirs).await);
    allowed(member.memories_read(&elsewhere).await);
    for number in 0..5 {
        note(member, capsule, &format!("note {number}")).await;
    }
    refused(member.memories_delete_all(capsule, true).await, "unauthorized");
    let done = allowed(world.by(Who::Admin).memories_delete_all(capsule, true).await);
    assert_eq!((done.deleted_count, done.failed_count, done.left_count), (6, 0, Some(0)), "{}", done.message);
    assert_eq!(allowed(member.memories_list(capsule, None, None).await).items, []);
    assert_eq!(allowed(member.capsules_read_full(Some(capsule)).await).bytes_used, 0);
    allowed(member.memories_read(&elsewhere).await);
}
