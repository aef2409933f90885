//! Calls in the wrong order: before the thing is made, after it is gone, twice.

use crate::api::{AssetType, MemoryUpdateData};
use crate::host::Host;
use crate::samples::{blob, inline, sha256, unique};
use crate::snapshot::Snapshot;
use crate::verdict::{allowed, refused};
use crate::world::{World, pending};
use std::fmt::Debug;

/// Each wrong call is refused, and nothing changed.
pub async fn calls_in_the_wrong_order_are_refused<H: Host>(host: &H) {
    let world = World::new(host, "order").await;
    let (owner, member, capsule) = (world.owner(), world.member(), world.capsule.as_str());
    let things = world.things().await;

    let empty = allowed(member.uploads_begin(capsule, 2, &unique("empty"), None).await);
    let aborted = pending(member, capsule, b"aborted", 7).await;
    allowed(member.uploads_abort(aborted).await);
    let finished = pending(member, capsule, b"finished", 8).await;
    let done = allowed(member.uploads_finish(finished, &sha256(b"finished"), 8).await);
    let gone = world.things().await;
    allowed(member.memories_delete(&gone.memory, true).await);
    allowed(member.blob_delete(&gone.blob).await);
    let single = allowed(member.asset_remove_by_id(&things.memory, &things.asset).await);
    assert!(single.asset_removed);
    let last = allowed(member.memories_list_assets(&things.memory).await).inline_assets.remove(0);
    let deleted = world.another_capsule("order").await.id;
    allowed(owner.capsules_delete(&deleted).await);

    let before = Snapshot::take(&world, &things).await;
    refused(member.uploads_finish(empty, &[0; 32], 0).await, "chunks_missing");
    refused(member.uploads_finish(empty, &[0; 32], 5).await, "chunks_missing");
    refused(member.uploads_put_chunk(aborted, 0, b"aborted").await, "not_found");
    refused(member.uploads_finish(aborted, &sha256(b"aborted"), 7).await, "not_found");
    refused(member.uploads_status(aborted).await, "not_found");
    let no_ticket = if world.put_road.is_some() { "not_found" } else { "no_put_road" };
    refused(member.mint_upload_ticket(aborted, 60).await, no_ticket);
    refused(member.uploads_abort(finished).await, "session_finished");
    refused(member.uploads_put_chunk(finished, 0, b"another!").await, "session_finished");
    refused(member.blob_delete(&gone.blob).await, "not_found");
    refused(member.blob_read(&gone.referenced).await, "not_found");
    refused(member.memories_delete(&gone.memory, true).await, "not_found");
    refused(member.memories_update(&gone.memory, &MemoryUpdateData::default()).await, "not_found");
    refused(member.memories_list_assets(&gone.memory).await, "not_found");
    refused(member.mint_http_token(&gone.memory, &[], None, 60).await, "not_found");
    let display = blob(AssetType::Display, &things.blob);
    refused(member.memories_add_asset(&gone.memory, &display, &unique("x")).await, "not_found");
    let gone_blob = blob(AssetType::Display, &gone.blob);
    refused(member.memories_add_asset(&things.memory, &gone_blob, &unique("x")).await, "not_found");
    let tiny = inline(AssetType::Display, b"tiny");
    refused(member.memories_add_inline_asset(&gone.memory, &tiny, &unique("x")).await, "not_found");
    refused(member.asset_remove_by_id(&things.memory, &things.asset).await, "not_found");
    refused(member.asset_remove_by_id(&things.memory, &last).await, "assets_count");
    refused(member.asset_get_by_id(&things.memory, &things.asset).await, "not_found");
    gone_capsule(owner, &deleted).await;
    let after = Snapshot::take(&world, &things).await;
    assert_eq!(before.changes(&after), Vec::<&str>::new(), "a call in the wrong order changed this");
    assert_eq!(allowed(member.blob_read(&done.blob_id).await), b"finished");
}

async fn gone_capsule<T: keepsake_client::Transport>(owner: &keepsake_client::Client<T>, id: &str) {
    fn not_there<R: Debug>(result: Result<R, keepsake_client::CallError>) {
        refused(result, "not_found");
    }
    not_there(owner.capsules_delete(id).await);
    not_there(owner.capsules_read_basic(Some(id)).await);
    not_there(owner.capsules_grant(id, owner.principal(), crate::api::Role::Owner).await);
    not_there(owner.capsules_revoke(id, owner.principal()).await);
    not_there(owner.uploads_begin(id, 1, &unique("x"), None).await);
    not_there(owner.memories_list(id, None, None).await);
    not_there(owner.memories_delete_all(id, true).await);
    not_there(owner.memories_delete_bulk(id, &["mem_1".into()], true).await);
}
