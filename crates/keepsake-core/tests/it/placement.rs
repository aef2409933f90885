//! Bytes get their place as they arrive: whatever many callers do, nobody takes more of the heap than about twice what it
//! sent, every byte lies where it is read from, and all of it comes back.
//!
//! What is sent is counted in whole granules per chunk, since no two files share a granule.

use crate::inputs::{HOUR_NS, START_NS, file, person, sha256};
use crate::sparse_memory::SparseMemory;
use ic_stable_structures::Memory as _;
use keepsake_core::heap::{GRANULE_BYTES, HeapUse};
use keepsake_core::ids::{BlobId, CapsuleId, SessionId};
use keepsake_core::limits::{BLOB_TTL_NS, ROOM_BYTES_MAX, SESSION_TTL_NS};
use keepsake_core::upload::{BeginOptions, SessionState, UploadError};
use keepsake_core::{Call, Config, Refusal as _, RefusalKind, Store};
use proptest::prelude::*;
use std::collections::BTreeSet;

const WASM_PAGE_BYTES: u64 = 65_536;
/// The heap's memory grows by as much as this at once.
const GROW_STEP_BYTES: u64 = 8 << 20;
const CALLERS: u32 = 4;
/// Of chunks shorter than a granule, of one granule, and longer.
const CHUNK_LENGTHS: [usize; 8] = [1, 5, 700, 1_500, 3_000, 4_096, 5_000, 9_000];

/// A file that is on its way.
#[derive(Clone, Debug)]
struct Upload {
    id: SessionId,
    who: u32,
    bytes: Vec<u8>,
    chunk: usize,
    came: BTreeSet<u32>,
    last_seen_ns: u64,
}

/// A file that arrived.
#[derive(Clone, Debug)]
struct Stored {
    id: BlobId,
    who: u32,
    bytes: Vec<u8>,
    chunk: usize,
    made_ns: u64,
}

fn live(usage: HeapUse) -> u64 {
    usage.end - usage.free - usage.limbo
}

fn whole_granules(len: usize) -> u64 {
    (len as u64).next_multiple_of(GRANULE_BYTES)
}

impl Upload {
    fn expected(&self) -> u32 {
        u32::try_from(self.bytes.len().div_ceil(self.chunk)).unwrap()
    }

    fn chunk(&self, index: u32) -> &[u8] {
        let from = index as usize * self.chunk;
        &self.bytes[from..self.bytes.len().min(from + self.chunk)]
    }

    /// What its chunks take where each lies by itself, bytes.
    fn received_granules(&self) -> u64 {
        self.came.iter().map(|index| whole_granules(self.chunk(*index).len())).sum()
    }

    fn is_whole(&self) -> bool {
        self.came.len() == self.expected() as usize
    }
}

/// A store, and what its callers know of it.
struct World {
    store: Store<SparseMemory, SparseMemory>,
    heap: SparseMemory,
    now_ns: u64,
    epoch: u64,
    reusable_through: u64,
    uploads: Vec<Upload>,
    stored: Vec<Stored>,
    begun: u8,
    end_most: u64,
}

impl World {
    fn new(heap_bytes_max: u64) -> Self {
        let heap = SparseMemory::default();
        let config = Config { heap_bytes_max, ..Config::default() };
        let store = Store::open(SparseMemory::default(), heap.clone(), &config, &[1; 32]).unwrap();
        let (uploads, stored) = (Vec::new(), Vec::new());
        let mut world = Self {
            store,
            heap,
            now_ns: START_NS,
            epoch: 1,
            reusable_through: 0,
            uploads,
            stored,
            begun: 0,
            end_most: 0,
        };
        for who in 1..=CALLERS {
            let made = world.store.capsule_create(&world.call(who), None).unwrap();
            assert_eq!(made.id, CapsuleId(who.into()));
        }
        world
    }

    fn call(&self, who: u32) -> Call {
        let (now_ns, epoch, reusable_through) = (self.now_ns, self.epoch, self.reusable_through);
        Call {
            caller: person(who),
            now_ns,
            epoch,
            reusable_through,
            room_bytes: u64::MAX,
            rows_max: u32::MAX,
        }
    }

    /// Begins an upload; none where it says a length that the heap cannot hold now.
    fn begin(&mut self, who: u32, len: usize, chunk: usize, announced: bool) -> Option<usize> {
        self.begun = self.begun.wrapping_add(1);
        let expected = u32::try_from(len.div_ceil(chunk)).unwrap();
        let options = BeginOptions { total_len: announced.then_some(len as u64), ..BeginOptions::default() };
        let key = format!("upload {} at {}", self.begun, self.now_ns);
        let call = self.call(who);
        let id = self.store.upload_begin(&call, CapsuleId(who.into()), expected, &key, options);
        if let Err(refusal) = &id {
            assert_eq!(refusal.kind(), RefusalKind::ResourceExhausted, "{refusal}");
            assert!(announced, "only what is announced is refused");
        }
        let (bytes, came) = (file(len, self.begun), BTreeSet::new());
        let (id, last_seen_ns) = (id.ok()?, self.now_ns);
        self.uploads.push(Upload { id, who, bytes, chunk, came, last_seen_ns });
        Some(self.uploads.len() - 1)
    }

    /// Sends one chunk. False where the heap was full.
    fn put(&mut self, at: usize, index: u32) -> bool {
        let upload = &self.uploads[at];
        let taken = self.store.heap().usage();
        let sent = self.store.upload_put(&self.call(upload.who), upload.id, index, upload.chunk(index));
        if let Err(refusal) = sent {
            assert_eq!(refusal.kind(), RefusalKind::ResourceExhausted, "{refusal}");
            let now = self.store.heap().usage();
            assert_eq!(live(now), live(taken), "a refused chunk takes nothing");
            return false;
        }
        let upload = &mut self.uploads[at];
        upload.came.insert(index);
        upload.last_seen_ns = self.now_ns;
        true
    }

    fn abort(&mut self, at: usize) {
        let upload = self.uploads.swap_remove(at);
        self.store.upload_abort(&self.call(upload.who), upload.id).unwrap();
        self.tick();
    }

    /// Finishes a whole file; of any other it is refused.
    fn finish(&mut self, at: usize) {
        let upload = self.uploads[at].clone();
        let (call, digest) = (self.call(upload.who), sha256(&upload.bytes));
        let done = self.store.upload_finish(&call, upload.id, &digest, upload.bytes.len() as u64);
        if !upload.is_whole() {
            assert!(matches!(done, Err(UploadError::ChunksMissing { .. })), "{done:?}");
            return;
        }
        let (id, _) = done.unwrap().done().unwrap();
        self.uploads.swap_remove(at);
        let Upload { who, bytes, chunk, .. } = upload;
        let made_ns = self.now_ns;
        self.stored.push(Stored { id, who, bytes, chunk, made_ns });
        self.assert_reads(self.stored.len() - 1);
    }

    fn delete(&mut self, at: usize) {
        let stored = self.stored.swap_remove(at);
        self.store.blob_delete(&self.call(stored.who), stored.id).unwrap();
        self.tick();
    }

    /// Time passes: what nobody touched for long is gone, and nothing else.
    fn wait(&mut self, hours: u64) {
        self.now_ns += hours * HOUR_NS;
        self.tick();
        let now_ns = self.now_ns;
        self.uploads.retain(|upload| upload.last_seen_ns + SESSION_TTL_NS >= now_ns);
        self.stored.retain(|stored| stored.made_ns + BLOB_TTL_NS >= now_ns);
    }

    fn tick(&mut self) {
        while self.store.tick(&self.call(1)).more {}
    }

    fn assert_reads(&self, at: usize) {
        let stored = &self.stored[at];
        let part = self.store.blob_read(&person(stored.who), stored.id).unwrap();
        assert!(self.store.blob_bytes(&part) == stored.bytes, "bytes of {}", stored.id.0);
    }

    /// The bounds, for each session and for all.
    fn assert_bounded(&mut self) {
        let mut most = 0;
        for upload in &self.uploads {
            let status = self.store.upload_status(&self.call(upload.who), upload.id).unwrap();
            assert_eq!(status.record.state, SessionState::Pending);
            assert_eq!(status.record.received as usize, upload.came.len());
            let body = upload.came.iter().filter(|index| **index + 1 < upload.expected()).count() as u64;
            let together = (GRANULE_BYTES / upload.chunk as u64).max(1);
            let room = u64::from(status.record.room);
            assert!(room <= 2 * body * together + 1, "{room} chunks of room for {body}: {upload:?}");
            let one_more = if upload.came.is_empty() { 0 } else { whole_granules(upload.chunk) };
            most += 2 * upload.received_granules() + one_more;
        }
        for stored in &self.stored {
            most += stored.bytes.chunks(stored.chunk).map(|chunk| whole_granules(chunk.len())).sum::<u64>();
        }
        let report = self.store.check();
        assert_eq!(report.violations, Vec::<String>::new());
        assert!(report.allocated_bytes <= most, "{} bytes taken, {most} allowed", report.allocated_bytes);
        let usage = self.store.heap().usage();
        assert_eq!(usage.end, report.allocated_bytes + usage.free + usage.limbo);
        self.end_most = self.end_most.max(usage.end);
        let backed = self.heap.size() * WASM_PAGE_BYTES;
        assert!(backed <= self.end_most + GROW_STEP_BYTES, "{backed} bytes for {}", self.end_most);
    }

    /// Everything goes, and the heap is as at first.
    fn assert_empties(&mut self) {
        self.reusable_through = u64::MAX;
        while !self.uploads.is_empty() {
            self.abort(0);
        }
        (0..self.stored.len()).for_each(|at| self.assert_reads(at));
        while !self.stored.is_empty() {
            self.delete(0);
        }
        // What is in limbo leaves it when somebody asks for room.
        while self.store.heap().usage().limbo > 0 {
            let at = self.begin(1, 1, 1, false).unwrap();
            assert!(self.put(at, 0));
            self.abort(at);
        }
        assert_eq!(self.store.heap().usage(), HeapUse::default(), "one run, and it is empty");
        assert_eq!(self.store.check().violations, Vec::<String>::new());
    }
}

#[derive(Clone, Debug)]
enum Operation {
    Begin {
        who: u32,
        chunks: usize,
        chunk: usize,
        tail: usize,
        announced: bool,
    },
    /// So many chunks, each so far from the one before.
    Put {
        pick: usize,
        from: u32,
        step: u32,
        count: u32,
    },
    Abort(usize),
    Finish(usize),
    /// What is missing comes, and it is finished.
    Complete(usize),
    Delete(usize),
    Wait(u64),
    /// A commit becomes durable, and no reader is before it.
    Settle,
}

fn operation() -> impl Strategy<Value = Operation> {
    let begin = (1..=CALLERS, 1..40_usize, 0..CHUNK_LENGTHS.len(), any::<usize>(), any::<bool>());
    let put = (any::<usize>(), any::<u32>(), 1..20_u32, 1..12_u32);
    prop_oneof![
        5 => begin.prop_map(|(who, chunks, length, tail, announced)| {
            let chunk = CHUNK_LENGTHS[length];
            Operation::Begin { who, chunks, chunk, tail: 1 + tail % chunk, announced }
        }),
        12 => put.prop_map(|(pick, from, step, count)| Operation::Put { pick, from, step, count }),
        2 => any::<usize>().prop_map(Operation::Abort),
        1 => any::<usize>().prop_map(Operation::Finish),
        3 => any::<usize>().prop_map(Operation::Complete),
        2 => any::<usize>().prop_map(Operation::Delete),
        1 => (1..14_u64).prop_map(Operation::Wait),
        2 => Just(Operation::Settle),
    ]
}

impl World {
    fn run(&mut self, operation: &Operation) {
        let picked = |pick: usize, of: usize| (of > 0).then(|| pick % of);
        match *operation {
            Operation::Begin { who, chunks, chunk, tail, announced } => {
                self.begin(who, (chunks - 1) * chunk + tail, chunk, announced);
            }
            Operation::Put { pick, from, step, count } => {
                let Some(at) = picked(pick, self.uploads.len()) else { return };
                let expected = self.uploads[at].expected();
                for nth in 0..count.min(expected) {
                    self.put(at, (from % expected + nth * step) % expected);
                    self.assert_bounded();
                }
            }
            Operation::Abort(pick) => {
                if let Some(at) = picked(pick, self.uploads.len()) {
                    self.abort(at);
                }
            }
            Operation::Finish(pick) => {
                if let Some(at) = picked(pick, self.uploads.len()) {
                    self.finish(at);
                }
            }
            Operation::Complete(pick) => {
                let Some(at) = picked(pick, self.uploads.len()) else { return };
                if (0..self.uploads[at].expected()).all(|index| self.put(at, index)) {
                    self.finish(at);
                }
            }
            Operation::Delete(pick) => {
                if let Some(at) = picked(pick, self.stored.len()) {
                    self.delete(at);
                }
            }
            Operation::Wait(hours) => self.wait(hours),
            Operation::Settle => {
                self.reusable_through = self.epoch;
                self.epoch += 1;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn nobody_takes_more_than_twice_what_it_sent(operations in prop::collection::vec(operation(), 1..60)) {
        let mut world = World::new(1 << 30);
        for operation in &operations {
            world.run(operation);
            world.assert_bounded();
        }
        world.assert_empties();
    }

    #[test]
    fn a_full_heap_refuses_and_loses_nothing(operations in prop::collection::vec(operation(), 20..60)) {
        let mut world = World::new(512 << 10);
        for operation in &operations {
            world.run(operation);
            world.assert_bounded();
        }
        world.assert_empties();
    }
}

/// Indices `0..n` in some order, the same each time.
fn shuffled(n: u32) -> Vec<u32> {
    let mut order: Vec<_> = (0..n).collect();
    order.sort_by_key(|index| index.wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995);
    order
}

fn every_sixteenth_first(n: u32) -> Vec<u32> {
    (0..16).flat_map(|from| (from..n).step_by(16)).collect()
}

/// Every order of a file's chunks that clients are known to use, and worse ones.
fn orders(n: u32) -> [(&'static str, Vec<u32>); 5] {
    [
        ("in order", (0..n).collect()),
        ("in reverse", (0..n).rev().collect()),
        ("shuffled", shuffled(n)),
        ("every sixteenth first", every_sixteenth_first(n)),
        ("odd ones first", (0..n).filter(|i| i % 2 == 1).chain((0..n).step_by(2)).collect()),
    ]
}

impl World {
    /// In how many pieces a blob lies.
    fn pieces(&self, at: usize) -> usize {
        let stored = &self.stored[at];
        let record = self.store.blob_meta(&person(stored.who), stored.id).unwrap();
        self.store.blob_runs(&record, 0, record.len).len()
    }
}

#[test]
fn a_file_arrives_whole_in_every_order() {
    for chunk in [100, 3_000, 10_000] {
        let len = 150 * chunk + 37;
        for (name, order) in orders(151) {
            let mut world = World::new(1 << 30);
            let at = world.begin(1, len, chunk, false).unwrap();
            for index in order {
                assert!(world.put(at, index));
                world.assert_bounded();
            }
            world.finish(at);
            let pieces = world.pieces(0);
            assert!(pieces <= 152, "{name}, chunks of {chunk}: {pieces} pieces");
            if name == "in order" {
                assert!(pieces <= 2, "chunks of {chunk} came in order into {pieces} pieces");
            }
            world.assert_empties();
        }
    }
}

#[test]
fn two_files_whose_chunks_come_in_turn_lie_in_few_pieces_each() {
    for (name, order) in orders(150) {
        let mut world = World::new(1 << 30);
        let one = world.begin(1, 149 * 9_000 + 5, 9_000, true).unwrap();
        let other = world.begin(2, 149 * 9_000 + 7, 9_000, false).unwrap();
        for index in order {
            for at in [one, other] {
                assert!(world.put(at, index));
                world.assert_bounded();
            }
        }
        world.finish(1);
        world.finish(0);
        if name == "in order" {
            assert!(world.pieces(0).max(world.pieces(1)) <= 16);
        }
        world.assert_empties();
    }
}

#[test]
fn one_byte_chunks_share_their_granules_in_every_order() {
    let chunks = 16_384;
    for (name, order) in orders(chunks) {
        let mut world = World::new(1 << 30);
        let at = world.begin(1, chunks as usize, 1, false).unwrap();
        let bytes = world.uploads[at].bytes.clone();
        let (id, call) = (world.uploads[at].id, world.call(1));
        for (nth, index) in order.into_iter().enumerate() {
            world.store.upload_put(&call, id, index, &bytes[index as usize..][..1]).unwrap();
            world.uploads[at].came.insert(index);
            if nth % 1_000 == 0 {
                let taken = world.store.check().allocated_bytes;
                assert!(taken <= (4 + 1) * GRANULE_BYTES, "{name}: {taken} bytes for {nth}");
            }
        }
        world.finish(at);
        world.assert_empties();
    }
}

#[test]
fn a_first_chunk_takes_its_own_bytes_whatever_is_announced() {
    let len: usize = 255 << 30;
    let chunk = 1_800_000;
    let (heap, config) = (SparseMemory::default(), Config::default());
    let mut store = Store::open(SparseMemory::default(), heap.clone(), &config, &[1; 32]).unwrap();
    let call = Call {
        caller: person(1),
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    };
    store.capsule_create(&call, None).unwrap();
    let expected = u32::try_from(len.div_ceil(chunk)).unwrap();
    for (nth, index) in [0, expected - 2, expected / 2].into_iter().enumerate() {
        let options = BeginOptions { total_len: Some(len as u64), ..BeginOptions::default() };
        let key = format!("upload {nth}");
        let id = store.upload_begin(&call, CapsuleId(1), expected, &key, options).unwrap();
        store.upload_put(&call, id, index, &vec![7; chunk]).unwrap();
        let end = store.heap().usage().end;
        assert!(end <= 2 * whole_granules(chunk), "{end} bytes for one chunk at {index}");
        assert!(heap.size() * WASM_PAGE_BYTES <= end + GROW_STEP_BYTES);
        store.upload_abort(&call, id).unwrap();
    }
    assert_eq!(store.heap().usage(), HeapUse::default());
}

#[test]
fn room_ahead_is_bounded_however_much_has_come() {
    let (chunk, chunks) = (1_800_000_usize, 60_u32);
    let mut store =
        Store::open(SparseMemory::default(), SparseMemory::default(), &Config::default(), &[1; 32]).unwrap();
    let call = Call {
        caller: person(1),
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    };
    store.capsule_create(&call, None).unwrap();
    let id = store.upload_begin(&call, CapsuleId(1), 1_000, "k", BeginOptions::default()).unwrap();
    let bytes = vec![0; chunk];
    for index in 0..chunks {
        store.upload_put(&call, id, index, &bytes).unwrap();
        let received = u64::from(index + 1) * chunk as u64;
        let taken = store.check().allocated_bytes;
        assert!(taken <= 2 * received + GRANULE_BYTES, "{taken} bytes for {received}");
        assert!(taken <= received + ROOM_BYTES_MAX + GRANULE_BYTES, "{taken} bytes for {received}");
    }
    store.upload_abort(&call, id).unwrap();
    assert_eq!(store.heap().usage(), HeapUse::default());
}
