//! The life of a session: begin, status, finish, abort, expiry, and that no other session notices.

use super::{assert_blob_is, assert_finished};
use crate::api::{BeginOptions, SessionState, UploadStatus};
use crate::host::{Host, Who};
use crate::samples::{bytes, sha256, unique};
use crate::verdict::{allowed, refused};
use crate::world::{World, finish, pending, upload};
use serde_bytes::ByteBuf;
use std::time::Duration;

/// The same arguments: the same session, while it is pending. Others: `Conflict`. Keys are per caller and capsule.
pub async fn a_begin_is_idempotent<H: Host>(host: &H) {
    let world = World::new(host, "begin").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let options = BeginOptions {
        total_len: Some(20),
        sha256: Some(ByteBuf::from(sha256(b"x"))),
        mime_type: Some("image/png".into()),
        hosting: None,
    };
    let begin = async |chunks, options: &BeginOptions| {
        member.uploads_begin(capsule, chunks, "one key", Some(options.clone())).await
    };
    let id = allowed(begin(2, &options).await);
    assert_eq!(allowed(begin(2, &options).await), id);
    refused(begin(3, &options).await, "idem_reused");
    for other in [
        BeginOptions { total_len: Some(21), ..options.clone() },
        BeginOptions { total_len: None, ..options.clone() },
        BeginOptions { sha256: Some(ByteBuf::from(sha256(b"y"))), ..options.clone() },
        BeginOptions { mime_type: None, ..options.clone() },
    ] {
        refused(begin(2, &other).await, "idem_reused");
    }
    refused(member.uploads_begin(capsule, 2, "one key", None).await, "idem_reused");

    let colleagues = allowed(world.by(Who::Colleague).uploads_begin(capsule, 2, "one key", None).await);
    let other_capsule = world.another_capsule("begin").await.id;
    let elsewhere = allowed(member.uploads_begin(&other_capsule, 2, "one key", None).await);
    assert!(
        colleagues != id && elsewhere != id && elsewhere != colleagues,
        "keys are per caller and capsule"
    );

    allowed(member.uploads_abort(id).await);
    let again = allowed(begin(2, &options).await);
    assert_ne!(again, id, "an aborted session is not begun again");
}

/// Counts, bytes and missing ranges, at each step; and a list that is cut says so.
pub async fn status_tells_what_is_missing<H: Host>(host: &H) {
    let world = World::new(host, "status").await;
    let member = world.member();
    let id = allowed(member.uploads_begin(&world.capsule, 10, &unique("status"), None).await);
    let status = async || allowed(member.uploads_status(id).await);
    let counts = |s: &UploadStatus| (s.expected_chunks, s.received_chunks, s.bytes_received, s.chunk_size);
    let fresh = status().await;
    assert_eq!((counts(&fresh), fresh.missing), ((10, 0, 0, None), vec![(0, 10)]));
    for index in [0, 3, 4, 9] {
        allowed(member.uploads_put_chunk(id, index, &bytes(8, index.into())).await);
    }
    let partly = status().await;
    assert_eq!((counts(&partly), partly.missing), ((10, 4, 32, Some(8)), vec![(1, 3), (5, 9)]));
    assert_eq!((partly.missing_truncated, partly.state), (false, SessionState::Pending));
    assert_eq!(partly.capsule_id, world.capsule);
    for index in [1, 2, 5, 6, 7, 8] {
        allowed(member.uploads_put_chunk(id, index, &bytes(8, index.into())).await);
    }
    let file: Vec<u8> = (0..10).flat_map(|index| bytes(8, index)).collect();
    let whole = status().await;
    assert_eq!((counts(&whole), whole.missing), ((10, 10, 80, Some(8)), vec![]));
    let finished = finish(member, id, &file).await;
    assert_eq!(status().await.state, SessionState::Finished(finished.blob_id));

    let id = allowed(member.uploads_begin(&world.capsule, 2_100, &unique("many"), None).await);
    for index in (1..2_020).step_by(2) {
        allowed(member.uploads_put_chunk(id, index, b"x").await);
    }
    let holes = allowed(member.uploads_status(id).await);
    assert_eq!((holes.missing.len(), holes.missing_truncated), (1_000, true));
    assert_eq!((holes.missing[0], holes.missing[999]), ((0, 1), (1_998, 1_999)));
    allowed(member.uploads_abort(id).await);
}

/// Too early, wrong length, wrong hash: refused, and then the session goes on to a good finish.
pub async fn a_failed_finish_leaves_the_session_to_go_on<H: Host>(host: &H) {
    let world = World::new(host, "finish").await;
    let member = world.member();
    let file = bytes(100, 21);
    let id = allowed(member.uploads_begin(&world.capsule, 4, &unique("finish"), None).await);
    refused(member.uploads_finish(id, &sha256(&file), 100).await, "chunks_missing");
    for index in [3_u32, 1, 0] {
        let at = index as usize * 30;
        allowed(member.uploads_put_chunk(id, index, &file[at..100.min(at + 30)]).await);
    }
    refused(member.uploads_finish(id, &sha256(&file), 100).await, "chunks_missing");
    refused(member.uploads_finish(id, &sha256(&file), 70).await, "chunks_missing");
    allowed(member.uploads_put_chunk(id, 2, &file[60..90]).await);
    refused(member.uploads_finish(id, &sha256(&file), 99).await, "total_len_differs");
    refused(member.uploads_finish(id, &sha256(&file), 0).await, "total_len_differs");
    refused(member.uploads_finish(id, &sha256(b"other"), 100).await, "sha256_differs");
    refused(member.uploads_finish(id, b"short", 100).await, "sha256_length");
    assert_eq!(allowed(member.uploads_status(id).await).state, SessionState::Pending);
    let finished = finish(member, id, &file).await;
    assert_finished(&finished, &file);
    assert_blob_is(member, &finished.blob_id, &file).await;

    // What was announced at begin counts too.
    let options =
        BeginOptions { sha256: Some(ByteBuf::from(sha256(b"announced"))), ..BeginOptions::default() };
    let id = allowed(member.uploads_begin(&world.capsule, 1, &unique("finish"), Some(options)).await);
    allowed(member.uploads_put_chunk(id, 0, b"sent").await);
    refused(member.uploads_finish(id, &sha256(b"sent"), 4).await, "sha256_differs");
    refused(member.uploads_finish(id, &sha256(b"announced"), 4).await, "sha256_differs");
}

/// The same finish again: the same answer, and no second blob. Another claim: refused.
pub async fn a_repeated_finish_is_the_same<H: Host>(host: &H) {
    let world = World::new(host, "again").await;
    let file = bytes(70, 22);
    let id = pending(world.member(), &world.capsule, &file, 50).await;
    let first = finish(world.member(), id, &file).await;
    let used = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await).bytes_used;
    assert_eq!(used, 70);
    for _ in 0..3 {
        assert_eq!(finish(world.member(), id, &file).await, first);
    }
    let used = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await).bytes_used;
    assert_eq!(used, 70, "a repeated finish counted its bytes again");
    refused(world.member().uploads_finish(id, &sha256(&file), 71).await, "total_len_differs");
    refused(world.member().uploads_finish(id, &sha256(b"other"), 70).await, "sha256_differs");
    refused(world.member().uploads_abort(id).await, "session_finished");
    assert_blob_is(world.member(), &first.blob_id, &file).await;
}

/// An abort frees everything; again: `Ok`; after it the session takes nothing more.
pub async fn an_abort_is_final_and_repeatable<H: Host>(host: &H) {
    let world = World::new(host, "abort").await;
    let member = world.member();
    let file = bytes(90, 23);
    let id = pending(member, &world.capsule, &file, 30).await;
    let full = async || allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    assert_eq!(full().await.bytes_in_flight, 90);
    for _ in 0..3 {
        allowed(member.uploads_abort(id).await);
    }
    assert_eq!((full().await.bytes_in_flight, full().await.bytes_used), (0, 0));
    refused(member.uploads_status(id).await, "not_found");
    refused(member.uploads_put_chunk(id, 0, &file[..30]).await, "not_found");
    refused(member.uploads_finish(id, &sha256(&file), 90).await, "not_found");
    let listed = allowed(member.sessions_list().await);
    assert!(listed.iter().all(|session| session.session_id != id), "an aborted session is listed");
    let live = allowed(member.probe_sessions().await);
    assert!(!live.contains(&id), "an aborted session is live");
}

/// Whatever one session does, others of the same caller and capsule stay as they are.
pub async fn sessions_do_not_touch_each_other<H: Host>(host: &H) {
    let world = World::new(host, "isolation").await;
    let (member, capsule) = (world.member(), world.capsule.as_str());
    let file = bytes(120, 24);
    let watched = allowed(member.uploads_begin(capsule, 3, &unique("watched"), None).await);
    allowed(member.uploads_put_chunk(watched, 0, &file[..40]).await);
    allowed(member.uploads_put_chunk(watched, 2, &file[80..]).await);
    let before = allowed(member.uploads_status(watched).await);

    let aborted = pending(member, capsule, &bytes(500, 25), 100).await;
    allowed(member.uploads_abort(aborted).await);
    let finished = upload(member, capsule, &bytes(500, 26), 100).await;
    allowed(member.blob_delete(&finished.blob_id).await);
    let failing = pending(member, capsule, &bytes(10, 27), 10).await;
    refused(member.uploads_finish(failing, &sha256(b"other"), 10).await, "sha256_differs");
    allowed(world.by(Who::Colleague).uploads_begin(capsule, 1, &unique("other"), None).await);
    allowed(member.sessions_cleanup_expired().await);
    assert_eq!(allowed(member.uploads_status(watched).await), before, "another session changed this one");

    allowed(member.uploads_put_chunk(watched, 1, &file[40..80]).await);
    let finished = finish(member, watched, &file).await;
    assert_blob_is(member, &finished.blob_id, &file).await;
    allowed(member.uploads_abort(failing).await);
}

/// After its time a session is evicted, and no other. False where the clock cannot be moved.
pub async fn a_pending_session_expires_alone<H: Host>(host: &H) -> bool {
    let world = World::new(host, "expiry").await;
    let member = world.member();
    let ttl = Duration::from_secs(allowed(member.upload_config().await).session_ttl_secs);
    let old = pending(member, &world.capsule, &bytes(50, 28), 25).await;
    let touched = pending(member, &world.capsule, &bytes(50, 29), 25).await;
    if !host.advance_clock(ttl / 2).await {
        return false;
    }
    let young = pending(member, &world.capsule, &bytes(50, 30), 25).await;
    allowed(member.uploads_put_chunk(touched, 0, &bytes(50, 29)[..25]).await);
    assert_eq!(allowed(member.sessions_cleanup_expired().await), 0, "nothing is old enough");
    host.advance_clock(ttl / 2 + Duration::from_secs(1)).await;
    assert_eq!(allowed(member.sessions_cleanup_expired().await), 1, "one session is too old");
    refused(member.uploads_status(old).await, "not_found");
    for alive in [touched, young] {
        assert_eq!(allowed(member.uploads_status(alive).await).received_chunks, 2);
    }
    let full = allowed(world.owner().capsules_read_full(Some(&world.capsule)).await);
    assert_eq!(full.bytes_in_flight, 100, "the evicted session gave its bytes back");
    finish(member, touched, &bytes(50, 29)).await;
    host.advance_clock(ttl + Duration::from_secs(1)).await;
    allowed(member.sessions_cleanup_expired().await);
    refused(member.uploads_finish(touched, &sha256(&bytes(50, 29)), 50).await, "not_found");
    true
}
