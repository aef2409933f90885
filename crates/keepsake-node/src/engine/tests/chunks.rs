//! Chunks that come without an envelope: on disk before they are answered, rolled back alone, recorded nowhere.

use super::faults::open_failing;
use super::program::SESSION_THAT_PANICS;
use super::{chunk, message, open, replied, set, value};
use crate::engine::application::Class;
use crate::engine::ledger::AnswerLimits;
use crate::engine::mailbox::{Mailbox, QueueLimits};
use crate::engine::message::{EngineError, Rejection, RequestStatus, resource_exhausted};
use rustix::io::Errno;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_chunk_is_there_when_it_is_answered_and_leaves_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for session in 0..20 {
        assert_eq!(engine.put(chunk(session, 7, [3; 100])).await.unwrap(), replied(b"ok"));
        assert_eq!(value(&engine, session).await, 7_u32.to_le_bytes(), "a query after the answer sees it");
    }
    assert_eq!(engine.inner.shared.mailbox.recorded_rows(), 0);
    set(&engine, 99, b"a message").await.unwrap();
    assert_eq!(engine.inner.shared.mailbox.recorded_rows(), 1);
    drop(engine);
    let engine = open(dir.path());
    let mut heap = [0; 2_000];
    engine.inner.shared.heap.read(0, &mut heap).unwrap();
    assert!(heap == [3; 2_000] && value(&engine, 19).await == 7_u32.to_le_bytes());
    assert_eq!(engine.inner.shared.mailbox.recorded_rows(), 1);
}

#[tokio::test]
async fn a_chunk_that_panics_is_rolled_back_alone() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let (before, panicking, after) = tokio::join!(
        engine.put(chunk(1, 1, [1; 10])),
        engine.put(chunk(SESSION_THAT_PANICS, 1, [2; 10])),
        engine.put(chunk(3, 3, [3; 10])),
    );
    assert_eq!((before.unwrap(), after.unwrap()), (replied(b"ok"), replied(b"ok")));
    assert_eq!(panicking.unwrap(), RequestStatus::Rejected(Rejection::trapped()));
    assert_eq!(value(&engine, SESSION_THAT_PANICS).await, b"");
    assert_eq!(value(&engine, 1).await, 1_u32.to_le_bytes());
    assert_eq!(value(&engine, 3).await, 3_u32.to_le_bytes());
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_the_chunks_in_it_and_they_can_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, errno) = open_failing(dir.path());
    for (error, told) in [
        (Errno::NOSPC, replied(&resource_exhausted())),
        (Errno::IO, RequestStatus::Rejected(Rejection::storage_failed())),
    ] {
        set(&engine, 1, b"before").await.unwrap();
        errno.store(-error.raw_os_error(), Ordering::SeqCst);
        assert_eq!(engine.put(chunk(2, 2, [2; 10])).await.unwrap(), told, "{error}");
        assert_eq!(value(&engine, 2).await, b"", "{error}");
        assert_eq!(value(&engine, 1).await, b"before");
    }
    assert_eq!(engine.put(chunk(2, 2, [2; 10])).await.unwrap(), replied(b"ok"));
    assert_eq!(value(&engine, 2).await, 2_u32.to_le_bytes());
}

#[tokio::test]
async fn chunks_have_places_in_the_one_queue_and_hear_when_it_ends() {
    let mailbox = || Mailbox::new(QueueLimits { messages_max: 2, answers: AnswerLimits::default() });
    let full = mailbox();
    let first = full.submit_chunk(chunk(1, 1, [1])).unwrap();
    full.submit(message("set", []), Class::Update).unwrap();
    assert!(matches!(full.submit_chunk(chunk(1, 2, [1])), Err(EngineError::Overloaded)));
    assert!(matches!(full.submit(message("set", []), Class::Update), Err(EngineError::Overloaded)));
    full.stopped(Some("a fault"));
    assert!(first.await.is_err());
    assert!(matches!(full.why_unfinished(), EngineError::Stopped(_)));
    let closing = mailbox();
    closing.drain();
    assert!(matches!(closing.submit_chunk(chunk(1, 1, [1])), Err(EngineError::ShuttingDown)));
    assert!(matches!(closing.why_unfinished(), EngineError::ShuttingDown));
}
