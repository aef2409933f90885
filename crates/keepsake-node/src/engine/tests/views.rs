//! What readers share, and what one query costs.

use super::program::PanickingProgram;
use super::{keyed, message, open, options, replied, sender, set, value};
use crate::data_dir::DataDir;
use crate::engine::{Engine, Reader, RequestStatus};
use crate::storage::heap_memory::SnapshotHeap;
use crate::storage::snapshot::SnapshotMemory;
use crate::storage::views::View;
use candid::{Decode, Encode};
use futures_core::Stream;
use keepsake_api::{Answer, BeginOptions, Capsule, PersonRef, UploadStatus};
use keepsake_service::Call;
use keepsake_service::http::AssetRequest;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::time::Instant;
use tokio::sync::oneshot;

/// Pages that the first small query after a commit may take from the records: the few that the commit changed. All
/// others come from the cache that readers share; before there was one, each query took 39.
const PAGES_AFTER_COMMIT_MAX: u64 = 4;

pub(super) async fn update<T: candid::CandidType + serde::de::DeserializeOwned>(
    engine: &Engine,
    method: &str,
    arg: Vec<u8>,
) -> T {
    let RequestStatus::Replied(reply) = engine.update(message(method, arg)).await.unwrap() else { panic!() };
    Decode!(&reply, Answer<T>).unwrap().unwrap()
}

async fn status(engine: &Engine, session: u64) -> UploadStatus {
    let arg = Encode!(&session).unwrap();
    let reply = engine.query(sender(), "uploads_status".into(), arg).await.unwrap();
    Decode!(&reply, Answer<UploadStatus>).unwrap().unwrap()
}

#[tokio::test]
async fn a_small_query_reads_no_page_from_the_records_and_few_after_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.queries_running_max = 1;
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options).unwrap();
    let capsule: Capsule = update(&engine, "capsules_create", Encode!(&None::<PersonRef>).unwrap()).await;
    let begin = Encode!(&capsule.id, &4u32, &"a file", &None::<BeginOptions>).unwrap();
    let session: u64 = update(&engine, "uploads_begin", begin).await;
    status(&engine, session).await;
    let pages_read = || engine.inner.shared.views.pages_read();
    let first = pages_read();
    for _ in 0..100 {
        status(&engine, session).await;
    }
    assert_eq!(pages_read(), first, "the same commit");
    for index in 0..3u32 {
        let before = pages_read();
        let chunk = serde_bytes::ByteBuf::from(vec![1; 1000]);
        let () = update(&engine, "uploads_put_chunk", Encode!(&session, &index, &chunk).unwrap()).await;
        assert_eq!(status(&engine, session).await.received_chunks, index + 1);
        let read = pages_read() - before;
        println!("{read} pages after a commit");
        assert!(read <= PAGES_AFTER_COMMIT_MAX, "{read} pages");
    }
}

#[tokio::test]
async fn an_idle_reader_holds_no_view_of_an_older_commit() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    set(&engine, 1, b"old").await.unwrap();
    assert_eq!(value(&engine, 1).await, b"old");
    let view = engine.inner.shared.views.newest().unwrap();
    set(&engine, 1, b"new").await.unwrap();
    assert_eq!(Arc::strong_count(&view), 1, "only this test holds it");
    assert!(engine.inner.shared.epochs.reusable_through() < engine.inner.shared.epochs.durable());
    drop(view);
    assert_eq!(engine.inner.shared.epochs.reusable_through(), engine.inner.shared.epochs.durable());
    assert_eq!(value(&engine, 1).await, b"new");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_given_on_this_commit_needs_no_reader_and_never_outlives_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options();
    options.queries_running_max = 1;
    let data = DataDir::open(dir.path()).unwrap();
    let engine = Engine::open_with(data, options, Arc::new(PanickingProgram)).unwrap();
    engine.update(message("heap_write", keyed(100, b"old new"))).await.unwrap();
    set(&engine, 9, b"100-3").await.unwrap();
    let body = |engine: Engine| async move {
        let request = AssetRequest { url: "9".into(), ..AssetRequest::default() };
        let mut stream = engine.asset(request).await.unwrap().body;
        poll_fn(|context| Pin::new(&mut stream).poll_next(context)).await.unwrap().unwrap()
    };
    assert_eq!(&body(engine.clone()).await[..], b"old");
    let reader = engine.clone();
    let (open, gate) = mpsc::channel::<()>();
    let (begun, is_busy) = oneshot::channel();
    let busy = tokio::spawn(async move {
        let wait = move |_: &mut Reader| {
            begun.send(()).unwrap();
            gate.recv().unwrap();
        };
        reader.read(wait).await
    });
    is_busy.await.unwrap();
    assert_eq!(&body(engine.clone()).await[..], b"old", "while the only reader is busy");
    set(&engine, 9, b"104-3").await.unwrap();
    let after = tokio::spawn(body(engine.clone()));
    open.send(()).unwrap();
    busy.await.unwrap().unwrap();
    assert_eq!(&after.await.unwrap()[..], b"new", "after the reply");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_replied_is_seen_by_every_later_query_while_many_read() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open(dir.path());
    let readers = (0..8).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let mut last = 0;
            while last < 300 {
                let found = value(&engine, 1).await;
                let found = found.try_into().map_or(0, u64::from_le_bytes);
                assert!(found >= last, "{found} after {last}");
                last = found;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for number in 1..=300u64 {
        assert!(matches!(set(&engine, 1, &number.to_le_bytes()).await.unwrap(), RequestStatus::Replied(_)));
        assert_eq!(value(&engine, 1).await, number.to_le_bytes());
        // Pages of other keys come and go in the cache.
        assert_eq!(engine.update(message("set", keyed(number + 10, &[1; 500]))).await.unwrap(), replied(b""));
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// `cargo test -p keepsake-node --lib rate_of_small_queries -- --ignored --nocapture`
///
/// Both ways in turn, on one thread, in one process.
#[tokio::test]
#[ignore = "a measurement"]
async fn rate_of_small_queries_on_shared_views_beside_opening_the_store_for_each() {
    const QUERIES: u32 = 20_000;
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options()).unwrap();
    let capsule: Capsule = update(&engine, "capsules_create", Encode!(&None::<PersonRef>).unwrap()).await;
    let begin = Encode!(&capsule.id, &4u32, &"a file", &None::<BeginOptions>).unwrap();
    let session: u64 = update(&engine, "uploads_begin", begin).await;
    let arg = Encode!(&session).unwrap();
    for round in 1..=3 {
        let rate = |start: Instant| f64::from(QUERIES) / start.elapsed().as_secs_f64();
        let (task_arg, shared, application) =
            (arg.clone(), engine.inner.shared.clone(), Arc::clone(&engine.inner.application));
        let alone = tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            for _ in 0..QUERIES {
                let view = Arc::new(View::alone(shared.records.snapshot().unwrap()));
                let state = view.state();
                let heap = SnapshotHeap::new(Arc::clone(&shared.heap), state.heap_pages);
                let program = application.open_snapshot(SnapshotMemory::new(view), heap).unwrap();
                let call = Call {
                    caller: sender(),
                    now_ns: 1,
                    epoch: state.epoch,
                    reusable_through: 0,
                    room_bytes: u64::MAX,
                    rows_max: u32::MAX,
                };
                program.query(&call, "uploads_status", &task_arg).unwrap();
            }
            rate(start)
        });
        let alone = alone.await.unwrap();
        let task_arg = arg.clone();
        let shared = engine.read(move |reader| {
            let start = Instant::now();
            for _ in 0..QUERIES {
                reader.query(sender(), "uploads_status", &task_arg).unwrap();
            }
            rate(start)
        });
        let shared = shared.await.unwrap();
        println!(
            "round {round}: opened for each {alone:.0}/s, shared view {shared:.0}/s, ratio {:.1}",
            shared / alone
        );
    }
}
