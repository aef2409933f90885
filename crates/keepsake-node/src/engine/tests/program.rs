//! A program for the engine's tests: a map in the records memory, raw bytes in the heap memory, and methods
//! that panic or wait. Owns no assertion.

use crate::engine::application::{Application, Class, Reading, Writing};
use crate::engine::message::{ChunkMessage, resource_exhausted};
use crate::storage::heap_memory::{SnapshotHeap, WriterHeap};
use crate::storage::page::WASM_PAGE_BYTES;
use crate::storage::pages::WriterPages;
use crate::storage::snapshot::SnapshotMemory;
use ic_stable_structures::{Memory, StableBTreeMap};
use keepsake_service::http::{AssetBody, AssetRequest, AssetResponse, BlobPlace, BlobRange, HeapRange};
use keepsake_service::{Call, OpenError, Reject, Reply, Tick, TicketKey};
use std::sync::{Condvar, Mutex};

/// Key under which the program counts its `count` messages; kept in its own memory too.
const COUNT_KEY: u64 = u64::MAX;
/// Key that housekeeping writes.
pub(super) const TICK_KEY: u64 = u64::MAX - 1;

/// Its chunks make the program panic.
pub(super) const SESSION_THAT_PANICS: u64 = u64::MAX - 2;

pub(super) struct PanickingProgram;

struct Open<R: Memory, H: Memory> {
    map: StableBTreeMap<u64, Vec<u8>, R>,
    heap: H,
    count: u64,
}

/// What `wait` messages and `get_twice` queries wait for.
pub(super) struct Gate {
    open: Mutex<(bool, usize)>,
    changed: Condvar,
}

pub(super) static GATE: Gate = Gate { open: Mutex::new((false, 0)), changed: Condvar::new() };

impl Gate {
    fn pass(&self) {
        let mut state = self.open.lock().unwrap();
        state.1 += 1;
        self.changed.notify_all();
        while !state.0 {
            state = self.changed.wait(state).unwrap();
        }
    }

    /// Blocks until one is waiting.
    pub(super) fn wait_for_one(&self) {
        let mut state = self.open.lock().unwrap();
        while state.1 == 0 {
            state = self.changed.wait(state).unwrap();
        }
    }

    pub(super) fn open(&self) {
        self.open.lock().unwrap().0 = true;
        self.changed.notify_all();
    }
}

impl Application for PanickingProgram {
    fn class(&self, method: &str) -> Class {
        match method {
            "get" | "get_after_gate" => Class::Query,
            "look" => Class::Harmless,
            "clear" => Class::Freeing,
            _ => Class::Update,
        }
    }

    fn refuse(&self, _: &str, _: usize) -> Option<Reject> {
        None
    }

    fn open(&self, records: WriterPages, heap: WriterHeap) -> Result<Box<dyn Writing>, OpenError> {
        Ok(Box::new(Open::new(records, heap)))
    }

    fn open_snapshot(
        &self,
        records: SnapshotMemory,
        heap: SnapshotHeap,
    ) -> Result<Box<dyn Reading>, OpenError> {
        Ok(Box::new(Open::new(records, heap)))
    }
}

impl<R: Memory, H: Memory> Open<R, H> {
    fn new(records: R, heap: H) -> Self {
        let map = StableBTreeMap::init(records);
        let count = map.get(&COUNT_KEY).map_or(0, |bytes: Vec<u8>| number(&bytes).0);
        Self { map, heap, count }
    }

    fn heap_write(&self, arg: &[u8]) -> Vec<u8> {
        let (offset, bytes) = number(arg);
        let pages = (offset + bytes.len() as u64).div_ceil(WASM_PAGE_BYTES);
        let more = pages.saturating_sub(self.heap.size());
        if more > 0 && self.heap.grow(more) < 0 {
            return resource_exhausted();
        }
        self.heap.write(offset, bytes);
        b"ok".to_vec()
    }
}

fn number(bytes: &[u8]) -> (u64, &[u8]) {
    let (number, rest) = bytes.split_first_chunk::<8>().expect("tests send a number");
    (u64::from_le_bytes(*number), rest)
}

fn reply(bytes: Vec<u8>) -> Reply {
    Reply { bytes, events: Vec::new() }
}

fn unknown() -> Reject {
    Reject { code: 5, error_code: "IC0536", message: "no such method".into() }
}

impl<R: Memory, H: Memory> Writing for Open<R, H> {
    fn update(&mut self, call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        Ok(match method {
            // `look` writes, although it is said to be harmless.
            "set" | "look" => {
                let (key, value) = number(arg);
                reply(self.map.insert(key, value.to_vec()).unwrap_or_default())
            }
            "set_then_panic" => {
                let (key, value) = number(arg);
                self.map.insert(key, value.to_vec());
                self.count += 1;
                panic!("asked to")
            }
            "clear" => {
                self.map.remove(&number(arg).0);
                reply(Vec::new())
            }
            "get" => reply(self.map.get(&number(arg).0).unwrap_or_default()),
            "count" => {
                self.count += 1;
                self.map.insert(COUNT_KEY, self.count.to_le_bytes().to_vec());
                reply(self.count.to_le_bytes().to_vec())
            }
            "heap_write" => reply(self.heap_write(arg)),
            "call" => reply([call.epoch.to_le_bytes(), call.reusable_through.to_le_bytes()].concat()),
            "wait" => {
                GATE.pass();
                reply(Vec::new())
            }
            _ => return Err(unknown()),
        })
    }

    /// The session is a place in the heap, in chunks of this length, and the key that says so. `SESSION_THAT_PANICS` does.
    fn put(&mut self, _call: &Call, chunk: &ChunkMessage) -> Reply {
        self.map.insert(chunk.session, chunk.index.to_le_bytes().to_vec());
        assert_ne!(chunk.session, SESSION_THAT_PANICS, "asked to");
        let offset = chunk.session * chunk.bytes.len() as u64;
        reply(self.heap_write(&[&offset.to_le_bytes(), &*chunk.bytes].concat()))
    }

    fn tick(&mut self, _call: &Call) -> Tick {
        self.map.insert(TICK_KEY, b"ticked".to_vec());
        Tick::default()
    }

    fn heap_end(&self) -> u64 {
        self.heap.size() * WASM_PAGE_BYTES
    }

    fn free_runs(&self, _: u64, _: usize) -> Vec<HeapRange> {
        Vec::new()
    }

    fn site_after(&self, _: &str) -> Option<Vec<String>> {
        None
    }

    fn site(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<R: Memory, H: Memory> Reading for Open<R, H> {
    fn query(&self, _call: &Call, method: &str, arg: &[u8]) -> Result<Reply, Reject> {
        let get = || self.map.get(&number(arg).0).unwrap_or_default();
        Ok(match method {
            "get" => reply(get()),
            "get_after_gate" => {
                GATE.pass();
                reply(get())
            }
            "panic" => panic!("asked to"),
            _ => return Err(unknown()),
        })
    }

    /// The address is a key, and its value the blob: `OFFSET-LEN[,…]`, ranges of the heap.
    fn asset(&self, _call: &Call, request: &AssetRequest) -> AssetResponse {
        let blob = request.url.parse().unwrap();
        let runs = self.ranges(blob).unwrap();
        let blob = BlobRange { blob, offset: 0, len: runs.iter().map(|run| run.len).sum() };
        AssetResponse { status: 200, headers: Vec::new(), body: AssetBody::Heap { blob, runs } }
    }

    fn elsewhere(
        &self,
        _call: &Call,
        _method: &str,
        _arg: &[u8],
    ) -> Option<keepsake_service::http::ObjectRange> {
        None
    }

    fn preview(&self, _call: &Call, _path: &str) -> Option<keepsake_service::http::preview::Preview> {
        None
    }

    fn place(&self, range: &BlobRange) -> Option<BlobPlace> {
        let mut skip = range.offset;
        let rest = self.ranges(range.blob)?.into_iter().map(|run| {
            let skipped = skip.min(run.len);
            skip -= skipped;
            HeapRange { offset: run.offset + skipped, len: run.len - skipped }
        });
        Some(BlobPlace::Heap(rest.collect()))
    }

    fn ticket_key(&self) -> Option<TicketKey> {
        None
    }

    fn controllers(&self) -> Vec<keepsake_service::Principal> {
        Vec::new()
    }
}

impl<R: Memory, H: Memory> Open<R, H> {
    fn ranges(&self, blob: u64) -> Option<Vec<HeapRange>> {
        let text = String::from_utf8(self.map.get(&blob).filter(|text| !text.is_empty())?).unwrap();
        let range = |text: &str| {
            let (offset, len) = text.split_once('-').expect("tests keep ranges");
            HeapRange { offset: offset.parse().unwrap(), len: len.parse().unwrap() }
        };
        Some(text.split(',').map(range).collect())
    }
}
