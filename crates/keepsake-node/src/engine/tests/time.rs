//! What stays when the computer's clock is put ahead and back while the engine runs.

use super::full_disk::{Owner, call};
use super::{message, options, sender};
use crate::data_dir::DataDir;
use crate::engine::{Clock, ClockState, Engine};
use candid::{Decode, Encode};
use keepsake_api::{Answer, BeginOptions};
use serde_bytes::ByteBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const S: u64 = 1_000_000_000;
const HOUR: u64 = 3_600 * S;

/// The computer's clock and the steady one, both in the test's hand.
#[derive(Clone)]
struct Hands {
    wall: Arc<AtomicU64>,
    steady: Arc<AtomicU64>,
}

impl Hands {
    fn clock(&self) -> Clock {
        let (wall, steady) = (Arc::clone(&self.wall), Arc::clone(&self.steady));
        Clock::over(move || wall.load(Ordering::SeqCst), move || steady.load(Ordering::SeqCst))
    }

    /// `seconds` pass on both, and the engine looks at them before and after.
    fn pass(&self, engine: &Engine, seconds: u64) {
        engine.now_ns();
        self.steady.fetch_add(seconds * S, Ordering::SeqCst);
        self.wall.fetch_add(seconds * S, Ordering::SeqCst);
        engine.now_ns();
    }
}

/// Housekeeping had its turn a few times.
async fn ticks() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_put_a_day_ahead_and_back_ends_no_session_and_refuses_nobody_for_long() {
    let dir = tempfile::tempdir().unwrap();
    let hands =
        Hands { wall: Arc::new(AtomicU64::new(1_000 * HOUR)), steady: Arc::new(AtomicU64::new(HOUR)) };
    let mut options = options();
    options.tick_interval = Duration::from_millis(10);
    options.clock = hands.clock();
    let engine = Engine::open(DataDir::open(dir.path()).unwrap(), options).unwrap();
    let owner = Owner::new(engine).await;
    let engine = &owner.engine;
    let begin = Encode!(&owner.capsule, &1u32, &"a photo", &None::<BeginOptions>).unwrap();
    let session: u64 = call(engine, "uploads_begin", begin).await.unwrap();
    let chunk = Encode!(&session, &0u32, &ByteBuf::from(vec![1; 1000])).unwrap();
    call::<()>(engine, "uploads_put_chunk", chunk.clone()).await.unwrap();
    let time = engine.now_ns();
    let sent_before = {
        let mut message = message("uploads_put_chunk", chunk.clone());
        message.ingress_expiry_ns = time + 300 * S;
        message
    };
    engine.update(sent_before.clone()).await.unwrap();

    hands.wall.fetch_add(25 * HOUR, Ordering::SeqCst);
    hands.pass(engine, 6);
    assert_eq!((engine.now_ns() - time, engine.clock()), (6 * S, ClockState::Jumped(25 * 3_600)));
    hands.pass(engine, 6);
    assert_eq!((engine.now_ns() - time, engine.clock()), (25 * HOUR + 12 * S, ClockState::Held));
    ticks().await;
    // What ran meanwhile is remembered like all else.
    call::<()>(engine, "uploads_put_chunk", chunk.clone()).await.unwrap();
    ticks().await;
    hands.wall.fetch_sub(25 * HOUR, Ordering::SeqCst);
    hands.pass(engine, 1);
    hands.pass(engine, 10);
    assert_eq!(engine.now_ns() - time, 23 * S, "it is followed back");
    ticks().await;
    let known = engine.request_status(&sent_before.request_id).unwrap();
    assert!(known.is_some(), "a message that may come again is remembered");
    call::<()>(engine, "uploads_put_chunk", chunk.clone()).await.expect("the session is there");

    // Time that really passes ends it: a day after it was last seen, which was when the clock was ahead.
    for _ in 0..50 {
        hands.pass(engine, 3_600);
    }
    let gone = async || {
        let status =
            engine.query(sender(), "uploads_status".into(), Encode!(&session).unwrap()).await.unwrap();
        Decode!(&status, Answer<candid::Reserved>).unwrap().is_err()
    };
    while !gone().await {
        ticks().await;
    }
}
