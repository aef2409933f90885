//! Tests of the engine with real files, over a small program that panics and waits on request.

mod chunks;
mod crash;
mod faults;
mod full_disk;
mod ordering;
mod program;
mod site;
mod strangers;
mod streams;
mod time;
mod views;

use crate::data_dir::DataDir;
use crate::engine::{ChunkMessage, Engine, EngineError, EngineOptions, RequestStatus, UpdateMessage};
use keepsake_service::Principal;
use program::PanickingProgram;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

fn options() -> EngineOptions {
    let mut options = EngineOptions::new(Principal::anonymous());
    options.tick_interval = Duration::from_secs(3600);
    options.reserve_bytes = 0;
    options.freeing_reserve_bytes = 0;
    options
}

fn open(dir: &Path) -> Engine {
    Engine::open_with(DataDir::open(dir).unwrap(), options(), Arc::new(PanickingProgram)).unwrap()
}

/// Who sends the messages.
fn sender() -> Principal {
    Principal::self_authenticating([7; 32])
}

/// A message with a request id of its own.
fn message(method: &str, arg: impl Into<Vec<u8>>) -> UpdateMessage {
    let mut request_id = [0; 32];
    request_id[..8].copy_from_slice(&NEXT_ID.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    request_id[8..12].copy_from_slice(&std::process::id().to_le_bytes());
    UpdateMessage {
        request_id,
        caller: sender(),
        method: method.into(),
        arg: arg.into().into(),
        ingress_expiry_ns: u64::MAX,
        permit: None,
    }
}

/// A chunk that came without an envelope.
fn chunk(session: u64, index: u32, bytes: impl Into<Vec<u8>>) -> ChunkMessage {
    ChunkMessage { caller: sender(), session, index, bytes: bytes.into().into(), permit: None }
}

fn keyed(key: u64, value: &[u8]) -> Vec<u8> {
    [&key.to_le_bytes(), value].concat()
}

async fn set(engine: &Engine, key: u64, value: &[u8]) -> Result<RequestStatus, EngineError> {
    engine.update(message("set", keyed(key, value))).await
}

async fn value(engine: &Engine, key: u64) -> Vec<u8> {
    engine.query(Principal::anonymous(), "get".into(), key.to_le_bytes().to_vec()).await.unwrap()
}

fn replied(bytes: &[u8]) -> RequestStatus {
    RequestStatus::Replied(bytes.to_vec())
}
