//! Which file is it: what is found by its SHA-256, by whom, and after every road that adds or removes an original.

use crate::api::{AssetType, IfPresent, PublishRequest};
use crate::host::{Host, Who};
use crate::samples::{asset, blob, bytes, inline, memory, session, sha256, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, pending, upload};
use keepsake_client::{BytesSource, Client, Transport};

fn hash(file: &[u8]) -> [u8; 32] {
    sha256(file).try_into().expect("a SHA-256 has 32 bytes")
}

/// The memory that is found for one file.
async fn found<T: Transport>(client: &Client<T>, capsule: &str, file: &[u8]) -> Option<String> {
    allowed(client.memories_find(capsule, &[hash(file)]).await).remove(0)
}

/// A publish of one file in one message.
fn of_file(capsule: &str, file: &[u8]) -> PublishRequest {
    PublishRequest {
        capsule_id: capsule.to_owned(),
        metadata: memory("Found"),
        sessions: Vec::new(),
        inline_assets: Vec::new(),
        carried_assets: Some(vec![inline(AssetType::Original, file)]),
        if_present: None,
        idem: unique("found"),
    }
}

/// A publish of one session.
fn of_session(capsule: &str, id: u64, file: &[u8]) -> PublishRequest {
    let sessions = vec![session(AssetType::Original, id, file)];
    PublishRequest { sessions, carried_assets: None, ..of_file(capsule, file) }
}

/// The same, of a memory that is there already where there is one.
fn once(request: PublishRequest) -> PublishRequest {
    PublishRequest { if_present: Some(IfPresent::Return), ..request }
}

async fn published<T: Transport>(client: &Client<T>, capsule: &str, file: &[u8]) -> String {
    allowed(client.uploads_publish(&of_file(capsule, file)).await).memory_id
}

/// The oldest memory of the capsule that has it, for everybody who may read the capsule; no other capsule's, no derivative.
pub async fn a_file_is_found_by_its_hash_as_long_as_it_is_an_original<H: Host>(host: &H) {
    let world = World::new(host, "find").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let other = world.another_capsule("find").await.id;
    let (file, display) = (bytes(5_000, 1), bytes(900, 2));
    assert_eq!(found(member, capsule, &file).await, None);
    let elsewhere = published(member, &other, &file).await;
    assert_eq!(found(member, capsule, &file).await, None, "another capsule's");
    let first = published(member, capsule, &file).await;
    let second = published(member, capsule, &file).await;
    assert_ne!(first, second, "nothing was said of one that is there");
    allowed(
        member.memories_add_inline_asset(&first, &inline(AssetType::Display, &display), &unique("d")).await,
    );
    for who in [Who::Owner, Who::Member, Who::Guest] {
        let asked = [hash(&display), hash(&file), [7; 32], hash(&file)];
        let answer = allowed(world.by(who).memories_find(capsule, &asked).await);
        assert_eq!(answer, [None, Some(first.clone()), None, Some(first.clone())], "{who:?}");
    }
    refused(world.by(Who::Stranger).memories_find(capsule, &[hash(&file)]).await, "not_found");
    assert_eq!(allowed(member.memories_find(capsule, &[]).await), Vec::<Option<String>>::new());
    allowed(member.memories_delete(&first, true).await);
    assert_eq!(found(member, capsule, &file).await, Some(second.clone()));
    host.restart().await;
    let member = host.client(Who::Member).await;
    assert_eq!(found(&member, capsule, &file).await, Some(second.clone()));
    assert_eq!(found(&member, &other, &file).await, Some(elsewhere));
    allowed(member.memories_delete(&second, false).await);
    assert_eq!(found(&member, capsule, &file).await, None);
}

/// Publish of a session, create of inline bytes and of a blob, adding and removing an asset, delete of one, of many and of
/// all.
pub async fn every_road_keeps_the_index_true<H: Host>(host: &H) {
    let world = World::new(host, "roads").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let files: Vec<Vec<u8>> = (0..5).map(|seed| bytes(600, 20 + seed)).collect();
    let key = || unique("road");

    let id = pending(member, capsule, &files[0], 400).await;
    assert_eq!(found(member, capsule, &files[0]).await, None, "a pending session is no memory");
    let of_session = allowed(member.uploads_publish(&of_session(capsule, id, &files[0])).await).memory_id;
    let note = asset(AssetType::Original, "text/plain");
    let source = BytesSource::Inline(files[1].clone());
    let of_inline = allowed(member.memories_create(capsule, source, &note, &key()).await);
    let made = upload(member, capsule, &files[2], 600).await.blob_id;
    assert_eq!(found(member, capsule, &files[2]).await, None, "a blob alone is no memory");
    let original = [blob(AssetType::Original, &made)];
    let of_blob = allowed(
        member.memories_create_with_internal_blobs(capsule, &memory("Blob"), &original, &key()).await,
    );
    let preview = [inline(AssetType::Preview, b"small")];
    let late = allowed(
        member
            .memories_create_with_internal_blobs_and_inline_assets(
                capsule,
                &memory("Late"),
                &[],
                &preview,
                &key(),
            )
            .await,
    );
    let added = inline(AssetType::Original, &files[3]);
    let added = allowed(member.memories_add_inline_asset(&late, &added, &key()).await);
    let hashes: Vec<_> = files.iter().map(|file| hash(file)).collect();
    let some = |id: &String| Some(id.clone());
    let mut expected = vec![some(&of_session), some(&of_inline), some(&of_blob), some(&late), None];
    assert_eq!(allowed(member.memories_find(capsule, &hashes).await), expected);

    allowed(member.asset_remove_by_id(&late, &added).await);
    expected[3] = None;
    assert_eq!(allowed(member.memories_find(capsule, &hashes).await), expected, "the asset was removed");
    let made = upload(member, capsule, &files[4], 600).await.blob_id;
    allowed(member.memories_add_asset(&late, &blob(AssetType::Original, &made), &key()).await);
    expected[4] = some(&late);
    assert_eq!(allowed(member.memories_find(capsule, &hashes).await), expected, "another original was added");

    allowed(member.memories_delete_bulk(capsule, std::slice::from_ref(&of_inline), true).await);
    expected[1] = None;
    assert_eq!(allowed(member.memories_find(capsule, &hashes).await), expected, "one was deleted");
    allowed(world.owner().memories_delete_all(capsule, true).await);
    assert_eq!(allowed(member.memories_find(capsule, &hashes).await), [None, None, None, None, None]);
    allowed(world.owner().capsules_delete(capsule).await);
    refused(member.memories_find(capsule, &hashes).await, "not_found");
}

/// Asked for one memory of a file, a publish answers with the one that is there: it makes nothing, and nothing is left of its
/// sessions.
pub async fn a_file_that_is_there_is_published_once<H: Host>(host: &H) {
    let world = World::new(host, "once").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let file = bytes(3_000, 5);
    let other = world.another_capsule("once").await.id;
    published(member, &other, &file).await;

    let id = pending(member, capsule, &file, 1_000).await;
    let first = once(of_session(capsule, id, &file));
    let made = allowed(member.uploads_publish(&first).await);
    assert_eq!(made.already, Some(false), "it is in another capsule only");
    assert_eq!(allowed(member.uploads_publish(&first).await), made, "the same message again");
    let before = allowed(member.capsules_read_full(Some(capsule)).await);

    // By a session that has all its bytes, by one that has not, and along in the message.
    let whole = pending(member, capsule, &file, 500).await;
    let half = allowed(member.uploads_begin(capsule, 2, &unique("half"), None).await);
    allowed(member.uploads_put_chunk(half, 0, &file[..1_500]).await);
    let requests = [
        once(of_session(capsule, whole, &file)),
        once(of_session(capsule, half, &file)),
        once(of_file(capsule, &file)),
    ];
    for request in &requests {
        for again in [false, true] {
            let answer = allowed(member.uploads_publish(request).await);
            let expected = crate::api::PublishResult { already: Some(true), ..made.clone() };
            assert_eq!(answer, expected, "again: {again}");
        }
    }
    let colleague = world.by(Who::Colleague);
    let answer = allowed(colleague.uploads_publish(&once(of_file(capsule, &file))).await);
    assert_eq!((answer.memory_id, answer.already), (made.memory_id.clone(), Some(true)));
    for session in [whole, half] {
        refused(member.uploads_status(session).await, "not_found");
    }
    assert_eq!(allowed(member.sessions_stats().await).pending, 0);
    let after = allowed(member.capsules_read_full(Some(capsule)).await);
    assert_eq!((after.memory_count, after.bytes_used, after.bytes_in_flight), (1, before.bytes_used, 0));

    refused_changes_nothing(&world, &file).await;
    let twin = PublishRequest { if_present: Some(IfPresent::Duplicate), ..of_file(capsule, &file) };
    let twin = allowed(member.uploads_publish(&twin).await);
    assert_eq!(twin.already, Some(false));
    assert_ne!(twin.memory_id, made.memory_id);
    allowed(member.memories_delete(&made.memory_id, true).await);
    let answer = allowed(member.uploads_publish(&requests[2]).await);
    assert_eq!((answer.memory_id, answer.already), (twin.memory_id.clone(), Some(true)));
    allowed(member.memories_delete(&twin.memory_id, true).await);
    assert_eq!(allowed(member.uploads_publish(&requests[2]).await).already, Some(false), "it is gone");
}

/// A session that is not the caller's to give up: refused as ever, and the caller's own sessions beside it stay.
async fn refused_changes_nothing<T: Transport>(world: &World<T>, file: &[u8]) {
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let own = pending(member, capsule, file, 1_000).await;
    let foreign = pending(world.by(Who::Colleague), capsule, b"another", 7).await;
    let elsewhere = world.another_capsule("once").await.id;
    let elsewhere = pending(member, &elsewhere, b"another", 7).await;
    for (session_id, code) in
        [(foreign, "not_found"), (u64::MAX, "not_found"), (elsewhere, "session_in_other_capsule")]
    {
        let mut request = once(of_session(capsule, own, file));
        request.sessions.push(session(AssetType::Display, session_id, b"another"));
        refused(member.uploads_publish(&request).await, code);
        assert_eq!(allowed(member.uploads_status(own).await).received_chunks, 3, "{code}");
    }
    let mut nameless = once(of_session(capsule, own, file));
    nameless.idem.clear();
    refused(member.uploads_publish(&nameless).await, "idem_length");
    assert_eq!(allowed(member.uploads_status(own).await).received_chunks, 3);
    for session in [own, elsewhere] {
        allowed(member.uploads_abort(session).await);
    }
    allowed(world.by(Who::Colleague).uploads_abort(foreign).await);
}
