//! Links: what whoever has one sees, and that it is nothing else, on no road.

use super::gets_nothing;
use crate::access::table::get;
use crate::api::{AssetType, LinkOptions, PersonRef, Role, Standing};
use crate::host::{Host, Who};
use crate::http::{answers, assert_status};
use crate::samples::{blob, inline, link_key, memory, unique};
use crate::verdict::{allowed, refused};
use crate::world::{Things, World, upload};
use keepsake_client::{Client, Transport};
use std::time::Duration;

async fn token<T: Transport>(client: &Client<T>, memory: &str) -> String {
    let token = allowed(client.mint_http_token(memory, &[], None, 600).await);
    format!("/asset/{memory}/original?token={token}")
}

/// Whoever calls gets nothing of these things.
async fn sees_nothing<T: Transport>(client: &Client<T>, things: &Things) {
    refused(client.memories_read(&things.memory).await, "not_found");
    refused(client.memories_read_asset(&things.memory, 0).await, "not_found");
    refused(client.memories_list_assets(&things.memory).await, "not_found");
    refused(client.blob_get_meta(&things.referenced).await, "not_found");
    refused(client.blob_read(&things.referenced).await, "not_found");
    refused(client.blob_read_range(&things.referenced, 0, 5).await, "not_found");
    refused(client.blob_read(&things.blob).await, "not_found");
    refused(client.mint_http_token(&things.memory, &[], None, 60).await, "not_found");
    let present = allowed(client.memories_ping(std::slice::from_ref(&things.memory)).await);
    assert!(!present[0].metadata_present);
}

/// Whoever calls changes nothing.
async fn changes_nothing<T: Transport>(client: &Client<T>, things: &Things) {
    gets_nothing(client.capsules_create(None).await);
    gets_nothing(client.capsules_grant(&things.capsule, client.principal(), Role::Owner).await);
    gets_nothing(client.capsules_leave(&things.capsule).await);
    gets_nothing(client.capsules_delete(&things.capsule).await);
    gets_nothing(client.uploads_begin(&things.capsule, 1, &unique("link"), None).await);
    gets_nothing(client.memories_delete(&things.memory, true).await);
    gets_nothing(client.devices_invite("").await);
    gets_nothing(client.links_revoke(&things.capsule, client.principal()).await);
    gets_nothing(client.uploads_abort(things.session).await);
    gets_nothing(client.links_list(&things.capsule).await);
}

/// A link to a capsule shows all of it, to whoever has it; it changes nothing; it ends at once.
pub async fn a_link_shows_what_it_covers<H: Host>(host: &H) {
    let world = World::new(host, "link").await;
    let (owner, link, id) = (world.owner(), host.client(Who::Link).await, world.capsule.as_str());
    let things = world.things().await;
    let other = world.things_in(&world.another_capsule("link").await.id).await;
    sees_nothing(&link, &things).await;
    for (who, code) in
        [(Who::Admin, "unauthorized"), (Who::Stranger, "not_found"), (Who::Anonymous, "unauthorized")]
    {
        refused(world.by(who).links_create(id, &Who::Link.public_key(), &LinkOptions::default()).await, code);
    }
    let options = LinkOptions { label: Some("For the cousins".into()), ..LinkOptions::default() };
    let made = allowed(owner.links_create(id, &Who::Link.public_key(), &options).await);
    assert_eq!((made.memories, made.download, made.password, made.expires_at), (None, true, false, None));
    assert_eq!(
        allowed(owner.links_create(id, &Who::Link.public_key(), &options).await),
        made,
        "again is the same"
    );
    refused(owner.links_create(id, &Who::Link.public_key(), &LinkOptions::default()).await, "link_key_taken");
    for taken in [Who::Owner, Who::Member] {
        refused(owner.links_create(id, &taken.public_key(), &options).await, "link_key_taken");
    }
    // Of somebody else's key one knows the principal, and no link is made of that.
    let strangers = world.by(Who::Stranger).principal();
    let (whole, mut of_p256) = (Who::Stranger.public_key(), Who::Stranger.public_key());
    of_p256[8] ^= 1;
    for wrong in
        [&[], strangers.as_slice(), &whole[12..], &whole[..43], &of_p256, &[whole.as_slice(), &[0]].concat()]
    {
        refused(owner.links_create(id, wrong, &options).await, "link_key_malformed");
    }
    refused(owner.links_create(id, &vec![7; 10_000], &options).await, "link_key_malformed");
    let past = LinkOptions { expires_at: Some(1), ..LinkOptions::default() };
    refused(owner.links_create(id, &Who::Link.public_key(), &past).await, "expires_in_the_past");
    assert_eq!(allowed(owner.links_list(id).await), [made]);

    let listed = allowed(link.capsules_list().await);
    assert_eq!(listed.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [id]);
    assert_eq!((listed[0].creator, listed[0].is_self_capsule), (None, false));
    let info = allowed(link.capsules_read_basic(Some(id)).await);
    assert_eq!((info.role, info.link.map(|link| link.some_memories)), (Role::Guest, Some(false)));
    let full = allowed(link.capsules_read_full(Some(id)).await);
    assert_eq!((full.members.len(), full.memory_count), (0, 1), "who the members are is nobody's business");
    assert_eq!(allowed(link.memories_list(id, None, None).await).items.len(), 1);
    allowed(link.memories_read(&things.memory).await);
    allowed(link.blob_read_range(&things.referenced, 0, 5).await);
    let url = token(&link, &things.memory).await;
    assert_status(host, &world, &url, 200).await;
    assert_eq!(allowed(link.whoami().await).standing, Standing::Link);
    sees_nothing(&link, &other).await;
    changes_nothing(&link, &things).await;
    assert_eq!(allowed(link.sessions_list().await), []);
    refused(owner.capsules_grant(id, link.principal(), Role::Member).await, "role_not_for_link");
    refused(world.by(Who::Controller).admin_block(link.principal(), None).await, "not_a_person");
    refused(world.by(Who::Controller).admin_unblock(link.principal()).await, "not_a_person");

    allowed(owner.links_revoke(id, link.principal()).await);
    allowed(owner.links_revoke(id, link.principal()).await);
    sees_nothing(&link, &things).await;
    assert_status(host, &world, &url, 401).await;
    assert_eq!(allowed(link.capsules_list().await), []);
    refused(link.capsules_read_basic(Some(id)).await, "not_found");
    is_nobody(&link, &world, &things).await;
    // What is kept of it goes with its capsule.
    allowed(owner.capsules_delete(id).await);
    sees_nothing(&link, &things).await;
    assert_eq!(allowed(link.whoami().await).standing, Standing::Admitted);
}

/// The key of a link that ended: whoever has the secret still has no photos here that others find who have it too.
async fn is_nobody<T: Transport>(link: &Client<T>, world: &World<T>, things: &Things) {
    assert_eq!(allowed(link.whoami().await).standing, Standing::LinkExpired);
    changes_nothing(link, things).await;
    gets_nothing(link.profile_set(Some("Mallory"), None).await);
    let other = world.another_capsule("link").await.id;
    let code = allowed(world.owner().invitations_create(&other, Role::Owner, 1, None, None).await);
    gets_nothing(link.invitations_redeem(&code).await);
    let code = allowed(world.member().devices_invite("").await);
    gets_nothing(link.devices_join(&code, "", None).await);
    refused(world.owner().capsules_grant(&other, link.principal(), Role::Guest).await, "role_not_for_link");
    let again = world.owner().links_create(&other, &Who::Link.public_key(), &LinkOptions::default()).await;
    refused(again, "link_key_taken");
}

/// A link shows something only while whoever made it may let others in.
pub async fn a_link_ends_with_its_makers_right<H: Host>(host: &H) {
    let world = World::new(host, "link-maker").await;
    let (owner, maker, link) = (world.owner(), world.by(Who::Admin), host.client(Who::Link).await);
    let (things, id, controller) = (world.things().await, world.capsule.as_str(), world.by(Who::Controller));
    allowed(owner.capsules_grant(id, maker.principal(), Role::Owner).await);
    allowed(maker.capsules_accept(id).await);
    allowed(maker.links_create(id, &Who::Link.public_key(), &LinkOptions::default()).await);
    let code = allowed(maker.invitations_create(id, Role::Owner, 9, None, None).await);
    let url = token(&link, &things.memory).await;
    let newcomer = host.client(Who::Newcomer).await;
    let opens = async |holds: bool| {
        assert_status(host, &world, &url, if holds { 200 } else { 401 }).await;
        if holds {
            allowed(link.memories_read(&things.memory).await);
            allowed(newcomer.invitations_read(&code).await);
        } else {
            sees_nothing(&link, &things).await;
            assert_eq!(allowed(link.whoami().await).standing, Standing::LinkExpired);
            refused(newcomer.invitations_read(&code).await, "code_unknown");
            refused(newcomer.invitations_redeem(&code).await, "code_unknown");
        }
    };
    opens(true).await;
    allowed(controller.admin_block(maker.principal(), None).await);
    opens(false).await;
    allowed(controller.admin_unblock(maker.principal()).await);
    opens(true).await;
    allowed(owner.capsules_grant(id, maker.principal(), Role::Admin).await);
    opens(false).await;
    assert_eq!(allowed(owner.links_list(id).await), []);
    assert_eq!(allowed(owner.invitations_list(Some(id)).await), []);
    // What ended with the role does not come back with it.
    allowed(owner.capsules_grant(id, maker.principal(), Role::Owner).await);
    opens(false).await;
}

/// A link to some memories shows those, whatever else is in their capsule.
pub async fn a_link_to_some_memories_shows_no_other<H: Host>(host: &H) {
    let world = World::new(host, "some").await;
    let (owner, link, id) = (world.owner(), host.client(Who::Link).await, world.capsule.as_str());
    let (shown, gone, hidden) = (world.things().await, world.things().await, world.things().await);
    let elsewhere = world.things_in(&world.another_capsule("some").await.id).await;
    let options = |memories: &[&str]| LinkOptions {
        memories: Some(memories.iter().map(|id| (*id).to_owned()).collect()),
        ..LinkOptions::default()
    };
    let make =
        async |memories: &[&str]| owner.links_create(id, &Who::Link.public_key(), &options(memories)).await;
    refused(make(&[]).await, "too_many_items");
    refused(make(&["mem_1"; 1_001]).await, "too_many_items");
    refused(make(&[&shown.memory, "mem_987654321"]).await, "not_found");
    refused(make(&[&elsewhere.memory]).await, "not_found");
    let two = allowed(make(&[&shown.memory, &gone.memory, &shown.memory]).await);
    assert_eq!(two.memories, Some(2));

    let page = allowed(link.memories_list(id, None, Some(1)).await);
    assert_eq!(page.items.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [gone.memory.as_str()]);
    let page = allowed(link.memories_list(id, page.next_cursor.as_deref(), None).await);
    assert_eq!(page.items.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [shown.memory.as_str()]);
    assert_eq!(page.next_cursor, None);
    allowed(link.memories_read(&shown.memory).await);
    allowed(link.blob_read(&shown.referenced).await);
    refused(link.blob_read(&shown.blob).await, "not_found");
    assert_status(host, &world, &token(&link, &shown.memory).await, 200).await;
    let info = allowed(link.capsules_read_basic(Some(id)).await);
    assert_eq!((info.memory_count, info.link.map(|link| link.some_memories)), (2, Some(true)));
    assert_eq!(allowed(link.capsules_read_full(Some(id)).await).bytes_used, 0);
    sees_nothing(&link, &hidden).await;
    sees_nothing(&link, &elsewhere).await;
    refused(link.memories_find(id, &[[7; 32]]).await, "not_found");
    changes_nothing(&link, &shown).await;

    allowed(owner.memories_delete(&gone.memory, true).await);
    sees_nothing(&link, &gone).await;
    let left = allowed(link.memories_list(id, None, None).await).items;
    assert_eq!((left.len(), allowed(link.capsules_read_basic(Some(id)).await).memory_count), (1, 1));
}

/// A link without download shows every version but the original, by no road.
pub async fn a_link_without_download_shows_no_original<H: Host>(host: &H) {
    let world = World::new(host, "no-download").await;
    let (owner, link, id) = (world.owner(), host.client(Who::Link).await, world.capsule.as_str());
    let original = upload(owner, id, b"all of the photo", 16).await.blob_id;
    let display = upload(owner, id, b"a smaller photo", 15).await.blob_id;
    let memory_id = allowed(
        owner
            .memories_create_with_internal_blobs(
                id,
                &memory("Two"),
                &[blob(AssetType::Original, &original), blob(AssetType::Display, &display)],
                &unique("two"),
            )
            .await,
    );
    let note = allowed(
        owner
            .memories_create_with_internal_blobs_and_inline_assets(
                id,
                &memory("Inline"),
                &[blob(AssetType::Thumbnail, &display)],
                &[inline(AssetType::Original, b"an inline original")],
                &unique("note"),
            )
            .await,
    );
    let options = LinkOptions { download: Some(false), ..LinkOptions::default() };
    allowed(owner.links_create(id, &Who::Link.public_key(), &options).await);
    let seen = allowed(link.memories_read(&memory_id).await);
    assert_eq!(seen.blob_internal_assets.len(), 1);
    assert_eq!(seen.blob_internal_assets[0].blob_ref.locator, display);
    assert_eq!(allowed(link.memories_read(&note).await).inline_assets, []);
    refused(link.memories_read_asset(&memory_id, 1).await, "asset_index_out_of_range");
    refused(link.asset_get_by_id(&memory_id, "asset_1").await, "not_found");
    refused(link.blob_read(&original).await, "not_found");
    refused(link.blob_read_range(&original, 0, 3).await, "not_found");
    refused(link.blob_get_meta(&original).await, "not_found");
    assert_eq!(allowed(link.blob_read(&display).await), b"a smaller photo");
    let text = allowed(link.mint_http_token(&memory_id, &[], None, 600).await);
    for (asset, status) in [("original", 403), ("asset_1", 403), ("display", 200)] {
        assert_status(host, &world, &format!("/asset/{memory_id}/{asset}?token={text}"), status).await;
    }
    let text = allowed(link.mint_http_token(&note, &["original".to_owned()], None, 600).await);
    assert_status(host, &world, &format!("/asset/{note}/original?token={text}"), 403).await;
    for row in allowed(link.memories_list(id, None, None).await).items {
        assert!(row.assets.iter().all(|asset| asset.asset_type != AssetType::Original), "{row:?}");
    }
    // Another capsule of the same owner is none of its business.
    let another = allowed(owner.capsules_create(Some(PersonRef::Opaque(unique("no")))).await);
    refused(link.memories_list(&another.id, None, None).await, "not_found");
}

/// After its time a link is as one that never was. False where the clock cannot be moved.
pub async fn a_link_ends_with_its_time<H: Host>(host: &H) -> bool {
    let world = World::new(host, "link-expiry").await;
    let (owner, link, id) = (world.owner(), host.client(Who::Link).await, world.capsule.as_str());
    let things = world.things().await;
    let now = allowed(owner.capsules_read_full(Some(id)).await).updated_at;
    let until = now + 3_600 * 1_000_000_000;
    let options = LinkOptions { expires_at: Some(until), ..LinkOptions::default() };
    allowed(owner.links_create(id, &Who::Link.public_key(), &options).await);
    let url = token(&link, &things.memory).await;
    assert_status(host, &world, &url, 200).await;
    if !host.advance_clock(Duration::from_secs(3_500)).await {
        return false;
    }
    allowed(link.memories_read(&things.memory).await);
    let url = token(&link, &things.memory).await;
    assert_status(host, &world, &url, 200).await;
    host.advance_clock(Duration::from_secs(200)).await;
    sees_nothing(&link, &things).await;
    assert_status(host, &world, &url, 401).await;
    let who = allowed(link.whoami().await);
    assert_eq!((who.standing, who.may_create_capsules), (Standing::LinkExpired, false));
    gets_nothing(link.capsules_create(None).await);
    assert_eq!(allowed(owner.links_list(id).await).len(), 1, "its owner sees that it ended");
    true
}

/// Where a host shows what a link is about, its address has this path: the first bytes of a hash say which link, and open nothing.
pub(crate) fn preview_path(key: &candid::Principal) -> String {
    format!("/l/{}", data_encoding::BASE64URL_NOPAD.encode(&key.as_slice()[..16]))
}

/// A link's address tells a title and shows a picture before it is opened where its owner allows that and its host can, and then
/// only of what the link shows, and only while it is alive. All hosts keep the owner's word.
pub async fn a_link_tells_what_it_shows_where_its_owner_allows<H: Host>(host: &H) {
    let world = World::new(host, "preview").await;
    let (owner, id) = (world.owner(), world.capsule.as_str());
    let picture_of = async |name: &str, bytes: &[u8]| {
        let thumbnail = upload(owner, id, bytes, bytes.len()).await.blob_id;
        let assets = [blob(AssetType::Thumbnail, &thumbnail)];
        allowed(owner.memories_create_with_internal_blobs(id, &memory(name), &assets, &unique(name)).await)
    };
    let older = picture_of("Older", b"an older thumbnail").await;
    picture_of("Newer", b"a newer thumbnail").await;
    let wanted = |memories: Option<&str>, password: bool| LinkOptions {
        memories: memories.map(|id| vec![id.to_owned()]),
        password: Some(password),
        preview: Some(true),
        ..LinkOptions::default()
    };
    let shows = async |key: &candid::Principal, expected: Option<&[u8]>| {
        let picture = get(&format!("{}/picture", preview_path(key)));
        for answer in answers(host, world.by(Who::Anonymous), &picture).await.iter().skip(1) {
            let shown = (answer.status_code == 200).then(|| answer.body.to_vec());
            assert_eq!(shown.as_deref(), expected);
            assert_eq!(answer.status_code, if expected.is_some() { 200 } else { 404 });
        }
        // By the gateway's query, no host answers it.
        let by_gateway = allowed(world.by(Who::Anonymous).http_request(&picture).await);
        assert_eq!(by_gateway.status_code, 404);
    };
    let end = async |key: candid::Principal| {
        allowed(owner.links_revoke(id, key).await);
        shows(&key, None).await;
    };
    let (public_key, other) = (link_key(&unique("link")), link_key(&unique("link")));
    let key = candid::Principal::self_authenticating(&public_key);
    shows(&key, None).await;

    let plain = allowed(owner.links_create(id, &public_key, &LinkOptions::default()).await);
    assert_eq!((plain.preview, plain.path), (false, None), "nothing is told unless its owner says so");
    shows(&key, None).await;
    refused(owner.links_create(id, &public_key, &wanted(None, false)).await, "link_key_taken");
    end(key).await;

    let locked = allowed(owner.links_create(id, &other, &wanted(None, true)).await);
    assert_eq!((locked.preview, locked.path), (false, None), "what takes a password is not shown without it");
    shows(&locked.principal, None).await;
    end(locked.principal).await;

    let public_key = link_key(&unique("link"));
    let made = allowed(owner.links_create(id, &public_key, &wanted(None, false)).await);
    assert!(made.preview);
    let key = made.principal;
    let has_pages = host.direct_http(&get(&format!("{}/picture", preview_path(&key)))).await.is_some();
    assert_eq!(
        made.path,
        has_pages.then(|| preview_path(&key)),
        "the path is told where the host answers it"
    );
    assert_eq!(
        allowed(owner.links_create(id, &public_key, &wanted(None, false)).await),
        made,
        "again is the same"
    );
    assert_eq!(allowed(owner.links_list(id).await), [made]);
    shows(&key, Some(b"a newer thumbnail")).await;
    end(key).await;

    let one = allowed(owner.links_create(id, &link_key(&unique("link")), &wanted(Some(&older), false)).await);
    shows(&one.principal, Some(b"an older thumbnail")).await;
    allowed(owner.memories_delete(&older, true).await);
    shows(&one.principal, None).await;
    end(one.principal).await;
}
