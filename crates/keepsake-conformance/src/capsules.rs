//! Part 6: capsules. Their making, their members, their end, and their counters at each step.

use crate::api::{AssetType, Capsule, CapsuleMember, PersonRef, Role};
use crate::host::{Host, Who};
use crate::samples::{bytes, inline, memory, session, unique};
use crate::snapshot::Snapshot;
use crate::verdict::{allowed, refused};
use crate::world::{World, finish, pending, upload};
use candid::Principal;
use keepsake_client::{Client, Transport};

/// The caller's own capsule is made once and returned unchanged; before that there is none.
pub async fn ones_own_capsule_is_made_once<H: Host>(host: &H) {
    let newcomer = host.client(Who::Newcomer).await;
    refused(newcomer.capsules_read_basic(None).await, "not_found");
    refused(newcomer.capsules_read_full(None).await, "not_found");
    let made = allowed(newcomer.capsules_create(None).await);
    assert_eq!(made.subject, PersonRef::Principal(newcomer.principal()));
    assert_eq!((made.members.len(), made.members[0].role), (1, Role::Owner));
    for _ in 0..2 {
        assert_eq!(allowed(newcomer.capsules_create(None).await), made);
    }
    let info = allowed(newcomer.capsules_read_basic(None).await);
    assert_eq!(
        (info.capsule_id.as_str(), info.is_owner, info.is_self_capsule),
        (made.id.as_str(), true, true)
    );
    assert_eq!(allowed(newcomer.capsules_read_full(None).await), made);
    assert_eq!(allowed(newcomer.capsules_list().await).len(), 1);

    let about = PersonRef::Opaque(unique("Grandmother ✿"));
    let another = allowed(newcomer.capsules_create(Some(about.clone())).await);
    assert_ne!(another.id, made.id);
    assert_eq!(another.subject, about);
    let third = allowed(newcomer.capsules_create(Some(about)).await);
    assert_ne!(third.id, another.id, "a person may have several capsules");
    let info = allowed(newcomer.capsules_read_basic(Some(&another.id)).await);
    assert_eq!((info.is_owner, info.is_self_capsule), (true, false));
    for id in [&made.id, &another.id, &third.id] {
        allowed(newcomer.capsules_delete(id).await);
        refused(newcomer.capsules_read_full(Some(id)).await, "not_found");
        refused(newcomer.capsules_delete(id).await, "not_found");
    }
    refused(newcomer.capsules_read_basic(None).await, "not_found");
    let again = allowed(newcomer.capsules_create(None).await);
    assert_ne!(again.id, made.id, "the id of a deleted capsule is not used again");
    allowed(newcomer.capsules_delete(&again.id).await);
    let anonymous = host.client(Who::Anonymous).await;
    refused(anonymous.capsules_create(None).await, "unauthorized");
    assert_eq!(allowed(anonymous.capsules_list().await), []);
}

/// Roles are granted, changed and taken; they count from the next message on; one owner always stays.
pub async fn roles_count_from_the_next_message_on<H: Host>(host: &H) {
    let world = World::new(host, "roles").await;
    let (owner, stranger) = (world.owner(), world.by(Who::Stranger));
    let things = world.things().await;
    let id = world.capsule.as_str();
    let grant = async |role| allowed(owner.capsules_grant(id, stranger.principal(), role).await);
    refused(stranger.memories_read(&things.memory).await, "not_found");

    grant(Role::Guest).await;
    allowed(stranger.memories_read(&things.memory).await);
    assert_eq!(allowed(stranger.capsules_list().await)[0].role, Role::Guest);
    refused(stranger.uploads_begin(id, 1, &unique("roles"), None).await, "unauthorized");
    grant(Role::Member).await;
    let begun = pending(stranger, id, b"by the new member", 17).await;
    refused(stranger.memories_delete(&things.memory, true).await, "unauthorized");
    grant(Role::Admin).await;
    refused(stranger.capsules_grant(id, stranger.principal(), Role::Owner).await, "unauthorized");
    allowed(stranger.memories_delete(&things.memory, true).await);
    grant(Role::Guest).await;
    refused(stranger.uploads_put_chunk(begun, 0, b"by the new member").await, "unauthorized");
    refused(stranger.uploads_finish(begun, &[0; 32], 17).await, "unauthorized");

    grant(Role::Member).await;
    allowed(owner.capsules_revoke(id, stranger.principal()).await);
    refused(stranger.uploads_put_chunk(begun, 0, b"by the new member").await, "not_found");
    allowed(stranger.uploads_status(begun).await);
    allowed(stranger.uploads_abort(begun).await);
    refused(stranger.capsules_read_full(Some(id)).await, "not_found");
    refused(stranger.memories_list(id, None, None).await, "not_found");
    refused(stranger.blob_read(&things.blob).await, "not_found");
    let listed = allowed(stranger.capsules_list().await);
    assert!(listed.iter().all(|capsule| capsule.id != id), "a revoked member lists the capsule");
    allowed(owner.capsules_revoke(id, stranger.principal()).await);

    for change in [
        owner.capsules_revoke(id, owner.principal()).await,
        owner.capsules_grant(id, owner.principal(), Role::Admin).await,
    ] {
        refused(change, "last_owner");
    }
    grant(Role::Owner).await;
    refused(stranger.capsules_revoke(id, owner.principal()).await, "last_owner");
    allowed(stranger.capsules_accept(id).await);
    allowed(stranger.capsules_revoke(id, owner.principal()).await);
    refused(owner.capsules_read_full(Some(id)).await, "not_found");
    refused(stranger.capsules_revoke(id, stranger.principal()).await, "last_owner");
    allowed(stranger.capsules_delete(id).await);
}

/// The anonymous principal as guest makes a capsule public: everybody reads, nobody writes.
pub async fn an_anonymous_guest_makes_a_capsule_public<H: Host>(host: &H) {
    let world = World::new(host, "public").await;
    let (owner, id) = (world.owner(), world.capsule.as_str());
    let things = world.things().await;
    let everybody = Principal::anonymous();
    for role in [Role::Owner, Role::Admin, Role::Member] {
        refused(owner.capsules_grant(id, everybody, role).await, "role_not_for_anonymous");
    }
    allowed(owner.capsules_grant(id, everybody, Role::Guest).await);
    for who in [Who::Stranger, Who::Anonymous] {
        let reader = world.by(who);
        allowed(reader.memories_read(&things.memory).await);
        allowed(reader.blob_read(&things.blob).await);
        assert_eq!(allowed(reader.memories_list(id, None, None).await).items.len(), 1);
        refused(reader.uploads_begin(id, 1, &unique("public"), None).await, "unauthorized");
        assert!(
            allowed(reader.capsules_list().await).iter().all(|c| c.id != id),
            "{who:?} has no role of its own"
        );
        let seen = allowed(reader.capsules_read_full(Some(id)).await);
        assert_eq!((seen.creator, seen.creator_name), (None, None), "{who:?}: nor who made it");
        assert_eq!(
            seen.members,
            [CapsuleMember {
                principal: everybody,
                role: Role::Guest,
                accepted: false,
                name: None,
                colour: None
            }],
            "{who:?}: no member is named"
        );
    }
    let seen = allowed(world.by(Who::Guest).capsules_read_full(Some(id)).await).members;
    assert!(seen.len() > 1, "members see each other");
    // Roles that were granted by name are not less for it.
    allowed(world.member().uploads_begin(id, 1, &unique("public"), None).await);
    allowed(owner.capsules_revoke(id, everybody).await);
    for who in [Who::Stranger, Who::Anonymous] {
        refused(world.by(who).memories_read(&things.memory).await, "not_found");
    }
}

/// Deleting a capsule takes everything in it, and nothing in another one.
pub async fn deleting_a_capsule_removes_all_of_it<H: Host>(host: &H) {
    let world = World::new(host, "delete").await;
    let (owner, member) = (world.owner(), world.member());
    let other = world.another_capsule("stays").await.id;
    let staying = world.things_in(&other).await;
    let things = world.things().await;
    let token = allowed(member.mint_http_token(&things.memory, &[], None, 60).await);
    let before = allowed(member.memories_read(&staying.memory).await);
    allowed(owner.capsules_delete(&world.capsule).await);
    for who in [Who::Owner, Who::Member] {
        let client = world.by(who);
        refused(client.capsules_read_full(Some(&things.capsule)).await, "not_found");
        refused(client.memories_list(&things.capsule, None, None).await, "not_found");
        refused(client.memories_read(&things.memory).await, "not_found");
        refused(client.blob_get_meta(&things.blob).await, "not_found");
        refused(client.blob_read(&things.referenced).await, "not_found");
        refused(client.uploads_status(things.session).await, "not_found");
        assert!(allowed(client.capsules_list().await).iter().all(|c| c.id != things.capsule));
    }
    assert!(!allowed(member.probe_sessions().await).contains(&things.session), "its session lives on");
    let listed = allowed(member.sessions_list().await);
    assert!(listed.iter().all(|session| session.capsule_id != things.capsule), "its sessions are listed");
    let url = format!("/asset/{}/original?token={token}", things.memory);
    let answer = allowed(member.http_request(&crate::access::table::get(&url)).await);
    assert_eq!(answer.status_code, 401, "a token outlives its memory");
    assert_eq!(allowed(member.memories_read(&staying.memory).await), before);
    let snapshot = Snapshot::take(&world, &staying).await;
    assert_eq!(snapshot, Snapshot::take(&world, &staying).await, "reading changes nothing");
    finish(member, staying.session, crate::world::CHUNK).await;
}

/// `bytes_used`, `bytes_in_flight`, `inline_bytes_used` and `memory_count`.
type Counters = (u64, u64, u64, u64);

async fn counters<T: Transport>(client: &Client<T>, id: &str) -> Counters {
    let full: Capsule = allowed(client.capsules_read_full(Some(id)).await);
    (full.bytes_used, full.bytes_in_flight, full.inline_bytes_used, full.memory_count)
}

/// The counters are right after each message.
pub async fn counters_are_right_at_each_step<H: Host>(host: &H) {
    let world = World::new(host, "counters").await;
    let (member, id) = (world.member(), world.capsule.as_str());
    let count = async || counters(world.owner(), id).await;
    assert_eq!(count().await, (0, 0, 0, 0));
    let file = bytes(250, 70);
    let session_id = allowed(member.uploads_begin(id, 3, &unique("counters"), None).await);
    assert_eq!(count().await, (0, 0, 0, 0), "nothing is sent yet");
    allowed(member.uploads_put_chunk(session_id, 0, &file[..100]).await);
    assert_eq!(count().await, (0, 100, 0, 0), "what came is in flight where no length was said");
    allowed(member.uploads_put_chunk(session_id, 2, &file[200..]).await);
    allowed(member.uploads_put_chunk(session_id, 1, &file[100..200]).await);
    assert_eq!(count().await, (0, 250, 0, 0));
    let blob = finish(member, session_id, &file).await.blob_id;
    assert_eq!(count().await, (250, 0, 0, 0));
    allowed(member.blob_delete(&blob).await);
    assert_eq!(count().await, (0, 0, 0, 0));

    let file = bytes(90, 71);
    let published = allowed(
        member
            .uploads_publish(&crate::api::PublishRequest {
                capsule_id: id.into(),
                metadata: memory("Counted"),
                sessions: vec![session(AssetType::Original, pending(member, id, &file, 50).await, &file)],
                inline_assets: vec![inline(AssetType::Placeholder, b"12345")],
                carried_assets: None,
                if_present: None,
                idem: unique("counters"),
            })
            .await,
    );
    assert_eq!(count().await, (95, 0, 5, 1));
    let thumbnail = inline(AssetType::Thumbnail, b"1234567");
    let asset =
        allowed(member.memories_add_inline_asset(&published.memory_id, &thumbnail, &unique("add")).await);
    assert_eq!(count().await, (102, 0, 12, 1));
    let display = upload(member, id, &bytes(30, 72), 30).await.blob_id;
    let display = crate::samples::blob(AssetType::Display, &display);
    allowed(member.memories_add_asset(&published.memory_id, &display, &unique("add")).await);
    assert_eq!(count().await, (132, 0, 12, 1));
    allowed(member.asset_remove_by_id(&published.memory_id, &asset).await);
    assert_eq!(count().await, (125, 0, 5, 1));
    allowed(member.memories_delete(&published.memory_id, false).await);
    assert_eq!(count().await, (120, 0, 0, 0), "the blobs stay until they expire");
    let listed = allowed(world.owner().capsules_list().await);
    let header = listed.iter().find(|header| header.id == id).expect("the owner lists it");
    assert_eq!(header.memory_count, 0);
    let deleted = allowed(world.owner().memories_delete_all(id, true).await);
    assert_eq!((deleted.deleted_count, deleted.failed_count), (0, 0));
}
