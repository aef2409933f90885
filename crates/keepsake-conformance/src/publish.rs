//! Part 4: publish. All of it appears together, or none does; what `Ok` promised is there in the next message.

use crate::access::table::get;
use crate::api::{AssetType, PublishRequest, PublishResult, SessionState};
use crate::host::{Host, Who};
use crate::samples::{bytes, inline, memory, session, sha256, unique};
use crate::snapshot::Snapshot;
use crate::verdict::{allowed, refused};
use crate::world::{World, pending};
use keepsake_client::{Client, Transport};

const KINDS: [AssetType; 4] =
    [AssetType::Original, AssetType::Display, AssetType::Thumbnail, AssetType::Placeholder];

/// A request over `uploaded` complete sessions, `carried` files that come along and, where there is room, an inline
/// placeholder.
async fn request<T: Transport>(
    client: &Client<T>,
    capsule: &str,
    uploaded: usize,
    carried: usize,
) -> (PublishRequest, Vec<Vec<u8>>) {
    let count = uploaded + carried;
    let mut files: Vec<Vec<u8>> =
        (40..).take(count).map(|seed| bytes(1_000 + 10 * count, seed + 100 * carried as u64)).collect();
    let mut sessions = Vec::new();
    for (file, kind) in files.iter().zip(KINDS).take(uploaded) {
        let id = pending(client, capsule, file, 400).await;
        sessions.push(session(kind, id, file));
    }
    let along = files.iter().zip(KINDS).skip(uploaded).map(|(file, kind)| inline(kind, file));
    let carried_assets = (carried > 0).then(|| along.collect());
    let mut inline_assets = Vec::new();
    if count < 4 {
        inline_assets.push(inline(AssetType::Placeholder, b"tiny"));
        files.push(b"tiny".to_vec());
    }
    let request = PublishRequest {
        capsule_id: capsule.into(),
        metadata: memory("Published"),
        sessions,
        inline_assets,
        carried_assets,
        if_present: None,
        idem: unique("publish"),
    };
    (request, files)
}

/// How many assets come by a session, and how many along in the message.
const ROADS: [(usize, usize); 9] = [(1, 0), (2, 0), (3, 0), (4, 0), (0, 1), (0, 3), (0, 4), (1, 2), (2, 2)];

/// By sessions and along in the message, with inline: all of it can be read, listed and fetched in the very next messages.
pub async fn what_is_published_is_there_at_once<H: Host>(host: &H) {
    let world = World::new(host, "publish").await;
    let member = world.member();
    let mut stored = 0;
    for (uploaded, carried) in ROADS {
        let (request, files) = request(member, &world.capsule, uploaded, carried).await;
        let published = allowed(member.uploads_publish(&request).await);
        assert_eq!(published.assets.len(), files.len(), "{uploaded} sessions, {carried} files");
        assert!(published.assets[..uploaded + carried].iter().all(|asset| asset.blob_id.is_some()));
        assert_barrier(host, &world, &published, &files).await;
        for asked in &request.sessions {
            let status = allowed(member.uploads_status(asked.session_id).await);
            let SessionState::Finished(blob) = status.state else { panic!("a published session is pending") };
            let again =
                allowed(member.uploads_finish(asked.session_id, &asked.sha256, asked.total_len).await);
            assert_eq!((again.blob_id, again.memory_id), (blob, published.memory_id.clone()));
            assert_eq!(again.expires_at, None, "a published blob does not expire");
        }
        assert_eq!(allowed(member.uploads_publish(&request).await), published, "the same publish again");
        stored += files.iter().map(|file| file.len() as u64).sum::<u64>();
    }
    let full = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    let memories = ROADS.len() as u64;
    assert_eq!((full.memory_count, full.bytes_used, full.bytes_in_flight), (memories, stored, 0));
}

/// The four assets of a photo that together are just as long as one message takes; their blobs are as any others, and go with
/// the memory.
pub async fn a_photo_comes_in_one_message<H: Host>(host: &H) {
    let world = World::new(host, "one-message").await;
    let member = world.member();
    let most = allowed(member.upload_config().await).carried_bytes_max.expect("it is told") as usize;
    let lens = [most - 41_100, 40_000, 1_000, 100];
    let files: Vec<_> = (70..).zip(lens).map(|(seed, len)| bytes(len, seed)).collect();
    let carried = files.iter().zip(KINDS).map(|(file, kind)| inline(kind, file)).collect();
    let request = PublishRequest {
        capsule_id: world.capsule.clone(),
        metadata: memory("Photo"),
        sessions: Vec::new(),
        inline_assets: Vec::new(),
        carried_assets: Some(carried),
        if_present: None,
        idem: unique("one-message"),
    };
    let published = allowed(member.uploads_publish(&request).await);
    assert_barrier(host, &world, &published, &files).await;
    assert_eq!(allowed(member.sessions_stats().await).pending, 0);
    let blob = published.assets[0].blob_id.clone().expect("it is a blob");
    let meta = allowed(member.blob_get_meta(&blob).await);
    assert_eq!((meta.size, meta.references, meta.expires_at), (lens[0] as u64, 1, None));
    assert_eq!(meta.mime_type.as_deref(), Some("image/png"));
    refused(member.blob_delete(&blob).await, "blob_referenced");
    let mut longer = request.clone();
    longer.carried_assets.as_mut().expect("four")[3].bytes.push(0);
    longer.idem = unique("one-message");
    refused(member.uploads_publish(&longer).await, "carried_too_large");
    allowed(member.memories_delete(&published.memory_id, true).await);
    refused(member.blob_read(&blob).await, "not_found");
    let full = allowed(member.capsules_read_full(Some(&world.capsule)).await);
    assert_eq!((full.memory_count, full.bytes_used), (0, 0));
}

async fn assert_barrier<H: Host>(
    host: &H,
    world: &World<H::Transport>,
    published: &PublishResult,
    files: &[Vec<u8>],
) {
    let (guest, id) = (world.by(Who::Guest), published.memory_id.as_str());
    let page = allowed(guest.memories_list(&world.capsule, None, Some(1)).await);
    assert_eq!(page.items[0].id, id, "the newest memory comes first");
    let read = allowed(guest.memories_read(id).await);
    assert_eq!(read.blob_internal_assets.len() + read.inline_assets.len(), files.len());
    let token = allowed(guest.mint_http_token(id, &[], None, 60).await);
    for (asset, file) in published.assets.iter().zip(files) {
        assert_eq!((asset.size, asset.sha256.to_vec()), (file.len() as u64, sha256(file)));
        if let Some(locator) = &asset.blob_id {
            assert!(allowed(guest.blob_read(locator).await) == *file, "{locator} differs");
        }
        let request = get(&format!("/asset/{id}/{}?token={token}", asset.asset_id));
        let answer = allowed(guest.http_request(&request).await);
        assert!(answer.status_code == 200 && answer.body == *file, "GET {}: {answer:?}", asset.asset_id);
        if let Some(answer) = host.direct_http(&request).await {
            assert!(answer.status_code == 200 && answer.body == *file, "direct GET: {answer:?}");
        }
    }
}

/// Why one publish of two sessions and a file that comes along fails.
#[derive(Clone, Copy, Debug)]
enum Spoil {
    Incomplete,
    WrongHash,
    WrongLength,
    ShortHash,
    Aborted,
    Missing,
    OfAColleague,
    InOtherCapsule,
    Repeated,
    KindTwice,
    InlineTooLarge,
    InlineEmpty,
    LongTitle,
    TooManyAssets,
    CarriedEmpty,
    CarriedTooLarge,
    CarriedKindTwice,
    Nothing,
    EmptyKey,
}

const SPOILS: [(Spoil, &str); 19] = [
    (Spoil::Incomplete, "chunks_missing"),
    (Spoil::WrongHash, "sha256_differs"),
    (Spoil::WrongLength, "total_len_differs"),
    (Spoil::ShortHash, "sha256_length"),
    (Spoil::Aborted, "not_found"),
    (Spoil::Missing, "not_found"),
    (Spoil::OfAColleague, "not_found"),
    (Spoil::InOtherCapsule, "session_in_other_capsule"),
    (Spoil::Repeated, "session_repeated"),
    (Spoil::KindTwice, "asset_kind_taken"),
    (Spoil::InlineTooLarge, "inline_too_large"),
    (Spoil::InlineEmpty, "inline_empty"),
    (Spoil::LongTitle, "text_too_long"),
    (Spoil::TooManyAssets, "assets_count"),
    (Spoil::CarriedEmpty, "carried_empty"),
    (Spoil::CarriedTooLarge, "carried_too_large"),
    (Spoil::CarriedKindTwice, "asset_kind_taken"),
    (Spoil::Nothing, "sessions_count"),
    (Spoil::EmptyKey, "idem_length"),
];

/// One fault, wherever it is: no session is finished, no memory is made, and the good request works after it.
pub async fn a_publish_happens_whole_or_not_at_all<H: Host>(host: &H) {
    let world = World::new(host, "atomic").await;
    let member = world.member();
    for (spoil, code) in SPOILS {
        // The fault is in the last session where it is in a session: the others were looked at before it.
        let (good, _) = request(member, &world.capsule, 2, 1).await;
        let bad = spoiled(&world, &good, spoil).await;
        let things = world.things().await;
        let before = Snapshot::take(&world, &things).await;
        refused(member.uploads_publish(&bad).await, code);
        let after = Snapshot::take(&world, &things).await;
        assert_eq!(before.changes(&after), Vec::<&str>::new(), "{spoil:?}: a refused publish changed this");
        for session in &good.sessions {
            let status = allowed(member.uploads_status(session.session_id).await);
            assert_eq!(status.state, SessionState::Pending, "{spoil:?}");
        }
        let published = allowed(member.uploads_publish(&good).await);
        assert_eq!(published.assets.len(), 4, "{spoil:?}: the good request after the bad one");
    }
}

async fn spoiled<T: Transport>(world: &World<T>, good: &PublishRequest, spoil: Spoil) -> PublishRequest {
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let mut bad = good.clone();
    let last = bad.sessions.last_mut().expect("two sessions");
    let file = bytes(50, 60);
    match spoil {
        Spoil::Incomplete => {
            last.session_id = allowed(member.uploads_begin(capsule, 2, &unique("half"), None).await);
        }
        Spoil::WrongHash => last.sha256 = sha256(b"other").into(),
        Spoil::WrongLength => last.total_len += 1,
        Spoil::ShortHash => last.sha256.truncate(31),
        Spoil::Aborted => {
            last.session_id = pending(member, capsule, &file, 50).await;
            allowed(member.uploads_abort(last.session_id).await);
        }
        Spoil::Missing => last.session_id = u64::MAX,
        Spoil::OfAColleague => {
            *last = session(
                AssetType::Display,
                pending(world.by(Who::Colleague), capsule, &file, 50).await,
                &file,
            );
        }
        Spoil::InOtherCapsule => {
            let other = world.another_capsule("atomic").await.id;
            *last = session(AssetType::Display, pending(member, &other, &file, 50).await, &file);
        }
        Spoil::Repeated => bad.sessions[1].session_id = good.sessions[0].session_id,
        Spoil::KindTwice => bad.inline_assets = vec![inline(AssetType::Thumbnail, b"tiny")],
        Spoil::InlineTooLarge => {
            bad.inline_assets = vec![inline(AssetType::Placeholder, &bytes(32_769, 1))];
        }
        Spoil::InlineEmpty => bad.inline_assets = vec![inline(AssetType::Placeholder, b"")],
        Spoil::LongTitle => bad.metadata.title = Some("é".repeat(513)),
        Spoil::TooManyAssets => bad.inline_assets.push(inline(AssetType::Preview, b"tiny")),
        Spoil::CarriedEmpty => bad.carried_assets = Some(vec![inline(AssetType::Thumbnail, b"")]),
        Spoil::CarriedTooLarge => {
            bad.carried_assets = Some(vec![inline(AssetType::Thumbnail, &bytes(1_800_001, 1))]);
        }
        Spoil::CarriedKindTwice => bad.carried_assets = Some(vec![inline(AssetType::Display, b"small")]),
        Spoil::Nothing => (bad.sessions, bad.carried_assets) = (Vec::new(), None),
        Spoil::EmptyKey => bad.idem.clear(),
    }
    bad
}

/// The key decides: the same request, the same answer, also after a restart; another request, `Conflict`.
pub async fn a_publish_is_idempotent<H: Host>(host: &H) {
    let world = World::new(host, "idempotent").await;
    let member = world.member();
    let (request, _) = request(member, &world.capsule, 2, 1).await;
    let published = allowed(member.uploads_publish(&request).await);
    let mut other = request.clone();
    other.metadata.title = Some("Another".into());
    refused(member.uploads_publish(&other).await, "idem_reused");
    let mut other = request.clone();
    other.inline_assets.clear();
    refused(member.uploads_publish(&other).await, "idem_reused");
    let mut other = request.clone();
    other.sessions.swap(0, 1);
    refused(member.uploads_publish(&other).await, "idem_reused");
    let mut other = request.clone();
    other.carried_assets.as_mut().expect("one")[0].bytes[7] ^= 1;
    refused(member.uploads_publish(&other).await, "idem_reused");
    let mut other = request.clone();
    other.carried_assets = None;
    refused(member.uploads_publish(&other).await, "idem_reused");
    host.restart().await;
    let member = host.client(Who::Member).await;
    assert_eq!(allowed(member.uploads_publish(&request).await), published);
    let full = allowed(member.capsules_read_full(Some(&world.capsule)).await);
    assert_eq!(full.memory_count, 1);
    allowed(member.memories_delete(&published.memory_id, true).await);
    refused(member.uploads_publish(&request).await, "not_found");
}
