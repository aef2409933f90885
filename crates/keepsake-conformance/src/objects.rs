//! Questions about originals in a host's bucket: what is announced, who says what is there, that a publish is whole over both
//! kinds of place, and that nothing is left behind. On a host without a bucket each asks that it says so.

use crate::api::{AssetType, Attestation, BeginOptions, BlobHosting, ObjectHolder, PublishRequest};
use crate::host::{Host, Who};
use crate::samples::{bytes, inline, memory, session, sha256, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, pending};
use keepsake_client::{Client, Transport};
use serde_bytes::ByteBuf;
use std::time::Duration;

/// After this no address works any more that was signed before.
const SIGNED_FOR: Duration = Duration::from_secs(2 * 3_600);

fn announced(bytes: &[u8]) -> BeginOptions {
    BeginOptions {
        total_len: Some(bytes.len() as u64),
        sha256: Some(ByteBuf::from(sha256(bytes))),
        mime_type: Some("image/jpeg".into()),
        hosting: Some(BlobHosting::S3),
    }
}

fn found(bytes: &[u8]) -> Attestation {
    Attestation { len: bytes.len() as u64, sha256: ByteBuf::from(sha256(bytes)), version: Some("v1".into()) }
}

async fn begun<T: Transport>(client: &Client<T>, capsule: &str, bytes: &[u8]) -> u64 {
    allowed(client.uploads_begin(capsule, 1, &unique("elsewhere"), Some(announced(bytes))).await)
}

/// Whether the host has a bucket; one that has none says so to whoever begins.
async fn has_bucket<T: Transport>(world: &World<T>) -> bool {
    let has = allowed(world.member().upload_config().await).s3.is_some();
    if !has {
        let options = announced(b"bytes");
        let begun = world.member().uploads_begin(&world.capsule, 1, "none", Some(options)).await;
        refused(begun, "s3_not_configured");
    }
    has
}

/// What goes to the bucket is announced whole, and cut as its length says.
pub async fn bytes_elsewhere_are_announced_whole<H: Host>(host: &H) {
    let world = World::new(host, "announced").await;
    if !has_bucket(&world).await {
        return;
    }
    let (member, whole) = (world.member(), announced(&bytes(1_000, 1)));
    let begin = async |parts, options: BeginOptions| {
        member.uploads_begin(&world.capsule, parts, &unique("begin"), Some(options)).await
    };
    refused(begin(1, BeginOptions { total_len: None, ..whole.clone() }).await, "announcement_missing");
    refused(begin(1, BeginOptions { sha256: None, ..whole.clone() }).await, "announcement_missing");
    refused(begin(2, whole.clone()).await, "expected_chunks_out_of_range");
    refused(begin(0, whole.clone()).await, "expected_chunks_out_of_range");
    let too_long = BeginOptions { total_len: Some(1 << 50), ..whole.clone() };
    refused(begin(1, too_long).await, "object_length_out_of_range");
    refused(
        begin(1, BeginOptions { total_len: Some(0), ..whole.clone() }).await,
        "object_length_out_of_range",
    );
    let at_vercel = BeginOptions { hosting: Some(BlobHosting::Vercel), ..whole.clone() };
    refused(begin(1, at_vercel).await, "hosting_not_offered");
    let large = BeginOptions { total_len: Some((100 << 20) + 1), ..whole.clone() };
    refused(begin(1, large.clone()).await, "expected_chunks_out_of_range");
    let id = allowed(begin(7, large).await);
    refused(member.uploads_put_chunk(id, 0, b"bytes").await, "session_elsewhere");
    allowed(member.uploads_abort(id).await);

    // The same key names one session, here or there.
    let begin = async |options| member.uploads_begin(&world.capsule, 1, "one key", Some(options)).await;
    let id = allowed(begin(whole.clone()).await);
    assert_eq!(allowed(begin(whole.clone()).await), id);
    refused(begin(BeginOptions { hosting: None, ..whole }).await, "idem_reused");
    allowed(member.uploads_abort(id).await);
}

/// Nobody but whoever keeps the bucket's keys says what is in it, and nothing else than what was announced counts.
pub async fn only_the_gate_says_what_is_there<H: Host>(host: &H) {
    let world = World::new(host, "attest").await;
    if !has_bucket(&world).await {
        return;
    }
    let (member, gate, whole) = (world.member(), host.client(Who::Gate).await, bytes(3_000, 2));
    let id = begun(member, &world.capsule, &whole).await;
    for who in Who::COLUMNS {
        refused(world.by(who).uploads_attest(id, &found(&whole)).await, "unauthorized");
    }
    refused(gate.uploads_grant("no ticket").await, "upload_ticket_wrong");
    refused(gate.uploads_granted("no ticket").await, "upload_ticket_wrong");
    let ticket = allowed(member.mint_upload_ticket(id, 60).await);
    let grant = allowed(gate.uploads_grant(&ticket).await);
    assert_eq!(allowed(gate.uploads_granted(&ticket).await), grant, "a look shows the same");
    for who in Who::COLUMNS {
        refused(world.by(who).uploads_granted(&ticket).await, "unauthorized");
    }
    assert_eq!((grant.session_id, grant.len, grant.attested), (id, 3_000, false));
    assert_eq!((grant.part_bytes, grant.sha256.to_vec()), (3_000, sha256(&whole)));
    assert!(!grant.key.contains(&world.capsule), "a key says no name: {}", grant.key);
    assert_eq!(allowed(gate.uploads_multipart(id, "first").await), "first");
    assert_eq!(allowed(gate.uploads_multipart(id, "second").await), "first", "the first one stays");
    refused(gate.uploads_multipart(u64::MAX, "none").await, "not_found");

    refused(gate.uploads_attest(id, &Attestation { len: 2_999, ..found(&whole) }).await, "attested_differs");
    refused(gate.uploads_attest(id, &found(&bytes(3_000, 9))).await, "attested_differs");
    refused(gate.uploads_attest(u64::MAX, &found(&whole)).await, "not_found");
    let early = member.uploads_finish(id, &sha256(&whole), 3_000).await;
    refused(early, "object_pending");
    allowed(gate.uploads_attest(id, &found(&whole)).await);
    allowed(gate.uploads_attest(id, &found(&whole)).await);
    let status = allowed(member.uploads_status(id).await);
    assert_eq!((status.received_chunks, status.bytes_received, status.missing), (1, 3_000, Vec::new()));
    refused(member.uploads_finish(id, &sha256(b"other"), 3_000).await, "sha256_differs");
    let done = allowed(member.uploads_finish(id, &sha256(&whole), 3_000).await);
    assert_eq!(done.storage_backend, BlobHosting::S3);
    assert_eq!(allowed(member.uploads_finish(id, &sha256(&whole), 3_000).await).blob_id, done.blob_id);
    allowed(gate.uploads_attest(id, &found(&whole)).await);
    refused(gate.uploads_grant(&ticket).await, "session_finished");
    refused(gate.uploads_granted(&ticket).await, "session_finished");

    // A session that takes chunks is none of this.
    let here = pending(member, &world.capsule, b"bytes", 5).await;
    let ticket = allowed(member.mint_upload_ticket(here, 60).await);
    refused(gate.uploads_grant(&ticket).await, "session_not_elsewhere");
    refused(gate.uploads_granted(&ticket).await, "session_not_elsewhere");
    refused(gate.uploads_attest(here, &found(b"bytes")).await, "session_not_elsewhere");
    allowed(member.uploads_abort(here).await);
}

/// One publish, whole or not at all: an original in the bucket, a display here, and one that came along.
pub async fn a_publish_is_whole_over_both_places<H: Host>(host: &H) {
    let world = World::new(host, "mixed").await;
    if !has_bucket(&world).await {
        return;
    }
    let (member, gate) = (world.member(), host.client(Who::Gate).await);
    let (original, display) = (bytes(5_000, 3), bytes(700, 4));
    let there = begun(member, &world.capsule, &original).await;
    let here = pending(member, &world.capsule, &display, 400).await;
    let request = PublishRequest {
        capsule_id: world.capsule.clone(),
        metadata: memory("Mixed"),
        sessions: vec![
            session(AssetType::Original, there, &original),
            session(AssetType::Display, here, &display),
        ],
        inline_assets: vec![inline(AssetType::Placeholder, b"tiny")],
        idem: unique("mixed"),
        carried_assets: Some(vec![inline(AssetType::Thumbnail, &bytes(300, 5))]),
        if_present: None,
    };
    refused(member.uploads_publish(&request).await, "object_pending");
    let status = allowed(member.uploads_status(here).await);
    assert_eq!(status.received_chunks, 2, "nothing of it happened");
    allowed(gate.uploads_attest(there, &found(&original)).await);
    let published = allowed(member.uploads_publish(&request).await);
    assert_eq!(published.assets.len(), 4);
    assert_eq!(allowed(member.uploads_publish(&request).await), published);
    let blob = published.assets[0].blob_id.clone().expect("an original is a blob");
    let meta = allowed(world.by(Who::Guest).blob_get_meta(&blob).await);
    assert_eq!((meta.size, meta.sha256.to_vec(), meta.references), (5_000, sha256(&original), 1));
    refused(world.by(Who::Guest).blob_read(&blob).await, "bytes_elsewhere");
    assert_eq!(
        allowed(member.blob_read(published.assets[1].blob_id.as_deref().expect("a blob")).await),
        display
    );
    let hash = sha256(&original).try_into().expect("32 bytes");
    let found = allowed(member.memories_find(&world.capsule, &[hash]).await);
    assert_eq!(found, [Some(published.memory_id.clone())], "it is known by its content");
}

/// Whoever keeps the keys has signed addresses for it.
async fn signed<T: Transport>(world: &World<T>, gate: &Client<T>, session: u64) {
    let ticket = allowed(world.member().mint_upload_ticket(session, 60).await);
    allowed(gate.uploads_grant(&ticket).await);
}

/// What the capsule is charged for, bytes.
async fn capsule_bytes<T: Transport>(world: &World<T>) -> u64 {
    let usage = allowed(world.member().usage(Some(&world.capsule)).await);
    usage.limits.iter().find(|limit| limit.code == "capsule_bytes").expect("it is among them").used
}

/// Bytes count for a quota for as long as a signed address may bring them; what was never signed for counts no longer than its session.
pub async fn what_may_be_in_the_bucket_is_charged_for<H: Host>(host: &H) {
    let world = World::new(host, "charged").await;
    if !has_bucket(&world).await {
        return;
    }
    let (member, gate, whole) = (world.member(), host.client(Who::Gate).await, bytes(6_000, 8));
    let before = capsule_bytes(&world).await;
    for round in 0..4 {
        let id = begun(member, &world.capsule, &whole).await;
        assert_eq!(capsule_bytes(&world).await, before + 6_000, "round {round}");
        allowed(member.uploads_abort(id).await);
        allowed(member.uploads_abort(id).await);
        assert_eq!(capsule_bytes(&world).await, before, "round {round}: nothing of it can be there");
    }
    for round in 1..4 {
        let id = begun(member, &world.capsule, &whole).await;
        signed(&world, &gate, id).await;
        allowed(member.uploads_abort(id).await);
        allowed(member.uploads_abort(id).await);
        assert_eq!(capsule_bytes(&world).await, before + 6_000 * round, "it may come yet");
    }
}

/// What nobody has any more is removed once no address works by which it could come back, and is forgotten then.
pub async fn objects_go_with_what_they_were_for<H: Host>(host: &H) -> bool {
    let world = World::new(host, "objects").await;
    if !has_bucket(&world).await {
        return host.advance_clock(Duration::ZERO).await;
    }
    let (member, gate) = (world.member(), host.client(Who::Gate).await);
    let before = capsule_bytes(&world).await;
    let (one, two) = (bytes(2_000, 6), bytes(2_000, 7));
    let aborted = begun(member, &world.capsule, &one).await;
    signed(&world, &gate, aborted).await;
    let finished = begun(member, &world.capsule, &two).await;
    let objects = allowed(gate.objects_list(None).await);
    let of =
        |id| objects.iter().find(|object| object.holder == ObjectHolder::Session(id)).expect("it has one");
    let (first, second) = (of(aborted).object_id, of(finished).object_id);
    allowed(gate.uploads_attest(finished, &found(&two)).await);
    let done = allowed(member.uploads_finish(finished, &sha256(&two), 2_000).await);
    let now = allowed(gate.objects_list(Some(second)).await);
    assert_eq!(now[0].holder, ObjectHolder::Blob(done.blob_id.clone()));
    assert_eq!((now[0].version.as_deref(), now[0].upload_id.as_deref()), (Some("v1"), None));
    allowed(member.uploads_abort(aborted).await);
    refused(gate.uploads_attest(aborted, &found(&one)).await, "not_found");
    allowed(member.blob_delete(&done.blob_id).await);
    assert_eq!(capsule_bytes(&world).await, before + 4_000, "what may be in the bucket is charged for");
    assert_eq!(allowed(gate.objects_removable().await), Vec::new(), "addresses that were signed still work");
    assert_eq!(allowed(gate.objects_removed(&[first, second]).await), 0);
    if !host.advance_clock(SIGNED_FOR).await {
        return false;
    }
    let removable = allowed(gate.objects_removable().await);
    let ids: Vec<_> = removable.iter().map(|object| object.object_id).collect();
    assert_eq!(ids, [second, first], "what was signed for works longer than what was read");
    assert_eq!(allowed(gate.objects_removed(&[first, second, 999]).await), 2);
    assert_eq!(allowed(gate.objects_removed(&[first, second]).await), 0, "they are forgotten");
    assert_eq!(capsule_bytes(&world).await, before);
    assert_eq!(allowed(gate.objects_list(None).await), Vec::new());
    true
}

/// A blob that moves keeps its number, its hash and its readers; where answers are certified it stays.
pub async fn a_blob_moves_into_the_bucket<H: Host>(host: &H) {
    let world = World::new(host, "moves").await;
    if !has_bucket(&world).await {
        return;
    }
    let gate = host.client(Who::Gate).await;
    let things = world.things().await;
    let movable = allowed(gate.objects_movable(None, u64::MAX, 1).await);
    assert!(movable.blobs.contains(&things.referenced), "{movable:?}");
    assert!(!movable.blobs.contains(&things.blob), "what nobody refers to expires here");
    assert_eq!(movable.next, None);
    assert_eq!(allowed(gate.objects_movable(None, 0, 1).await).blobs, Vec::<String>::new(), "none is so old");
    assert_eq!(allowed(gate.objects_movable(None, u64::MAX, 1 << 40).await).blobs, Vec::<String>::new());
    let whole = bytes(100, 7);
    refused(gate.objects_moved(&things.referenced, &found(&whole)).await, "blob_not_movable");
    let object = match gate.objects_move(&things.referenced).await {
        Err(error) => return refused::<()>(Err(error), "blob_not_movable"),
        Ok(object) => object,
    };
    assert_eq!(allowed(gate.objects_move(&things.referenced).await), object, "again: the same");
    assert_eq!(allowed(world.member().blob_read(&things.referenced).await), whole, "it is read meanwhile");
    refused(gate.objects_moved(&things.referenced, &found(b"other")).await, "attested_differs");
    allowed(gate.objects_moved(&things.referenced, &found(&whole)).await);
    allowed(gate.objects_moved(&things.referenced, &found(&whole)).await);
    refused(world.member().blob_read(&things.referenced).await, "bytes_elsewhere");
    let meta = allowed(world.member().blob_get_meta(&things.referenced).await);
    assert_eq!((meta.size, meta.sha256.to_vec(), meta.references), (100, sha256(&whole), 1));
    assert!(!allowed(gate.objects_movable(None, u64::MAX, 1).await).blobs.contains(&things.referenced));
}
