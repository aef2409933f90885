//! Durability, rollback, replay and what readers see.

use super::program::{GATE, PanickingProgram, TICK_KEY};
use super::{keyed, message, open, options, replied, set, value};
use crate::data_dir::DataDir;
use crate::engine::{AssetBytes, Clock, Engine, EngineError, RequestStatus};
use bytes::Bytes;
use futures_core::Stream;
use keepsake_service::Principal;
use keepsake_service::http::AssetRequest;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[tokio::test]
async fn what_was_replied_is_there_after_a_drop_without_shutdown() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for key in 0..50 {
        set(&engine, key, &key.to_be_bytes()).await.unwrap();
    }
    drop(engine);
    let engine = open(dir.path());
    for key in 0..50 {
        assert_eq!(value(&engine, key).await, key.to_be_bytes());
    }
}

#[tokio::test]
async fn a_panic_rolls_back_its_message_and_keeps_the_others_of_the_batch() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let all = (0..60u64).map(|key| {
        let engine = engine.clone();
        let method = if key % 3 == 1 { "set_then_panic" } else { "set" };
        tokio::spawn(async move { engine.update(message(method, keyed(key, b"new"))).await.unwrap() })
    });
    let all: Vec<_> = all.collect();
    for (key, task) in all.into_iter().enumerate() {
        match task.await.unwrap() {
            RequestStatus::Rejected(rejection) => {
                assert_eq!((key % 3, rejection.code, rejection.error_code.as_str()), (1, 5, "IC0502"));
            }
            other => assert_eq!((key % 3 != 1, other), (true, replied(b""))),
        }
    }
    for engine in [engine.clone(), reopened(engine, dir.path()).await] {
        for key in 0..60 {
            let expected: &[u8] = if key % 3 == 1 { b"" } else { b"new" };
            assert_eq!(value(&engine, key).await, expected, "key {key}");
        }
    }
}

async fn reopened(engine: Engine, dir: &std::path::Path) -> Engine {
    engine.shutdown().await;
    // A second opener on the same directory needs the first one gone.
    let copy = dir.join("copy");
    std::fs::create_dir(&copy).unwrap();
    for name in ["VERSION", "records.redb", "heap.bin"] {
        std::fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    open(&copy)
}

#[tokio::test]
async fn after_a_panic_the_program_forgets_what_it_kept_in_its_own_memory() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let count = || engine.update(message("count", []));
    assert_eq!(count().await.unwrap(), replied(&1u64.to_le_bytes()));
    engine.update(message("set_then_panic", keyed(1, b"x"))).await.unwrap();
    assert_eq!(count().await.unwrap(), replied(&2u64.to_le_bytes()));
}

#[tokio::test]
async fn a_request_id_is_executed_once_also_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let once = message("count", []);
    let at_once = (0..8).map(|_| {
        let (engine, once) = (engine.clone(), once.clone());
        tokio::spawn(async move { engine.update(once).await.unwrap() })
    });
    for task in at_once.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), replied(&1u64.to_le_bytes()));
    }
    drop(engine);
    let engine = open(dir.path());
    assert_eq!(engine.update(once.clone()).await.unwrap(), replied(&1u64.to_le_bytes()));
    let known = engine.request_status(&once.request_id).unwrap();
    assert_eq!(known, Some((super::sender(), replied(&1u64.to_le_bytes()))));
    assert_eq!(engine.request_status(&[9; 32]).unwrap(), None);
    assert_eq!(engine.update(message("count", [])).await.unwrap(), replied(&2u64.to_le_bytes()));
}

#[tokio::test]
async fn old_statuses_are_forgotten_and_expired_messages_do_not_run() {
    let dir = tempfile::tempdir().unwrap();
    let time = Arc::new(AtomicU64::new(1_000));
    let mut options = options();
    let source = Arc::clone(&time);
    options.clock = Clock::new(move || source.load(Ordering::Relaxed));
    let data = DataDir::open(dir.path()).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    let mut first = message("count", []);
    first.ingress_expiry_ns = 2_000;
    engine.update(first.clone()).await.unwrap();
    time.store(2_001, Ordering::Relaxed);
    assert!(matches!(engine.update(first.clone()).await, Err(EngineError::Expired)));
    assert!(engine.request_status(&first.request_id).unwrap().is_some(), "still there for pollers");
    time.store(400_000_000_000, Ordering::Relaxed);
    set(&engine, 1, b"any commit prunes").await.unwrap();
    assert_eq!(engine.request_status(&first.request_id).unwrap(), None);
    assert_eq!(engine.update(message("count", [])).await.unwrap(), replied(&2u64.to_le_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_keeps_its_view_and_its_extents_while_writes_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    set(&engine, 7, b"before").await.unwrap();
    let reader = engine.clone();
    let query = tokio::spawn(async move {
        reader.query(Principal::anonymous(), "get_after_gate".into(), 7u64.to_le_bytes().to_vec()).await
    });
    tokio::task::spawn_blocking(|| GATE.wait_for_one()).await.unwrap();
    for round in 0..200u64 {
        set(&engine, 7, &round.to_le_bytes()).await.unwrap();
    }
    assert_eq!(value(&engine, 7).await, 199u64.to_le_bytes(), "a new reader sees the newest");
    let (epoch, held) = epochs(&engine).await;
    assert!(held + 200 <= epoch, "reuse through {held} at epoch {epoch} under a live reader");
    GATE.open();
    assert_eq!(query.await.unwrap().unwrap(), b"before");
    let (epoch, free) = epochs(&engine).await;
    assert_eq!(free + 1, epoch, "no reader is left");
}

/// The epoch and the reuse limit that a message gets.
async fn epochs(engine: &Engine) -> (u64, u64) {
    let RequestStatus::Replied(bytes) = engine.update(message("call", [])).await.unwrap() else { panic!() };
    let number = |range: std::ops::Range<usize>| u64::from_le_bytes(bytes[range].try_into().unwrap());
    (number(0..8), number(8..16))
}

async fn next_block(stream: &mut AssetBytes) -> Option<std::io::Result<Bytes>> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}

#[tokio::test]
async fn an_asset_stream_gives_its_ranges_while_commits_go_on_and_holds_no_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let bytes: Vec<u8> = (0..700_000u32).map(|n| (n % 251) as u8).collect();
    engine.update(message("heap_write", keyed(100, &bytes))).await.unwrap();
    set(&engine, 9, b"100-300000,300100-399000,100-0,699100-1000").await.unwrap();
    let request = AssetRequest { url: "9".into(), ..AssetRequest::default() };
    for commits in [false, true] {
        let mut stream = engine.asset(request.clone()).await.unwrap().body;
        let mut got = Vec::new();
        while let Some(block) = next_block(&mut stream).await {
            got.extend_from_slice(&block.unwrap());
            if commits {
                let (epoch, free) = epochs(&engine).await;
                assert!(
                    free + 2 >= epoch,
                    "reuse through {free} at epoch {epoch} beside a stream that waits"
                );
            }
        }
        assert!(got == bytes, "{} bytes came, {} were written", got.len(), bytes.len());
    }
}

#[tokio::test]
async fn the_stream_of_a_blob_that_is_deleted_breaks_off() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    engine.update(message("heap_write", keyed(100, &vec![1; 900_000]))).await.unwrap();
    set(&engine, 9, b"100-900000").await.unwrap();
    let request = AssetRequest { url: "9".into(), ..AssetRequest::default() };
    let mut stream = engine.asset(request).await.unwrap().body;
    let mut got = next_block(&mut stream).await.unwrap().unwrap().len();
    engine.update(message("clear", 9u64.to_le_bytes())).await.unwrap();
    let error = loop {
        match next_block(&mut stream).await.expect("no end as if it were whole") {
            Ok(block) => got += block.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}");
    assert!(got < 900_000);
}

#[tokio::test]
async fn epochs_grow_across_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let engine = open(dir.path());
        let (epoch, _) = epochs(&engine).await;
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
    }
}

#[tokio::test]
async fn a_query_that_panics_is_rejected_and_nothing_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let rejection = engine.query(Principal::anonymous(), "panic".into(), vec![0; 8]).await.unwrap_err();
    assert_eq!((rejection.code, rejection.error_code.as_str()), (5, "IC0502"));
    let rejection = engine.query(Principal::anonymous(), "nothing".into(), vec![0; 8]).await.unwrap_err();
    assert_eq!((rejection.code, rejection.error_code.as_str()), (5, "IC0536"));
    set(&engine, 1, b"x").await.unwrap();
}

#[tokio::test]
async fn shutdown_finishes_the_queue_and_refuses_new_messages() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    for key in 0..100 {
        engine.submit(message("set", keyed(key, b"queued"))).unwrap();
    }
    engine.shutdown().await;
    assert!(matches!(set(&engine, 1, b"late").await, Err(EngineError::ShuttingDown)));
    assert_eq!(value(&engine, 99).await, b"queued");
    drop(engine);
    let engine = open(dir.path());
    for key in 0..100 {
        assert_eq!(value(&engine, key).await, b"queued");
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_engine_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.queue_messages_max = 4;
    let data = DataDir::open(dir.path()).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    let mut refused = 0;
    for key in 0..2_000 {
        match engine.submit(message("set", keyed(key, b"x"))) {
            Ok(()) => {}
            Err(EngineError::Overloaded) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(refused > 0);
    while let Err(error) = set(&engine, 1, b"later").await {
        assert!(matches!(error, EngineError::Overloaded), "{error}");
        tokio::task::yield_now().await;
    }
    assert_eq!(value(&engine, 1).await, b"later");
}

#[tokio::test]
async fn housekeeping_runs_by_itself_and_is_durable() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.tick_interval = Duration::from_millis(1);
    let data = DataDir::open(dir.path()).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    while value(&engine, TICK_KEY).await != b"ticked" {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn opening_a_store_of_the_service_again_commits_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut epochs = Vec::new();
    for _ in 0..2 {
        let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options()).unwrap();
        epochs.push(engine.inner.shared.epochs.durable());
    }
    assert_eq!(epochs, [1, 1]);
}
