//! The file that lies in the most pieces: each message over it costs no more than over any other, and it is given back in
//! slices. 5,000 runs, or 100,000 with `KEEPSAKE_FULL=1`; `--nocapture` prints what was counted.

use crate::counting_memory::{Cost, CountingMemory};
use crate::inputs::{HOUR_NS, START_NS, memory_meta, person, publish_session};
use crate::sparse_memory::SparseMemory;
use keepsake_core::heap::HeapUse;
use keepsake_core::ids::{BlobId, CapsuleId, SessionId};
use keepsake_core::limits::{DELETE_ALL_RUNS, RUNS_SLICE, TICK_SLICE};
use keepsake_core::memory::AssetKind;
use keepsake_core::publish::Publication;
use keepsake_core::upload::{BeginOptions, Progress};
use keepsake_core::{Call, Config, Store};
use sha2::{Digest as _, Sha256};

type Counted = CountingMemory<SparseMemory>;

const OWNER: u32 = 1;
const CAPSULE: CapsuleId = CapsuleId(1);
/// As short as chunks of so large a number may be.
const CHUNK: usize = 65_536;
static CHUNK_OF_ZEROS: [u8; CHUNK] = [0; CHUNK];
/// Reads and writes of records by a put, or by taking out one run, at most: some steps down the trees of sessions, bits,
/// runs and free runs, and the pages that change.
const ROW_CALLS: u64 = 150;
/// A message that looks through the bits of a session: a page of them for each 4,096 chunks.
const MESSAGE_CALLS: u64 = 600;

fn runs() -> u32 {
    if std::env::var_os("KEEPSAKE_FULL").is_some() { 100_000 } else { 5_000 }
}

struct World {
    store: Store<Counted, SparseMemory>,
    records: Counted,
    id: SessionId,
}

fn call() -> Call {
    let (now_ns, reusable_through) = (START_NS, u64::MAX);
    Call {
        caller: person(OWNER),
        now_ns,
        epoch: 0,
        reusable_through,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

impl World {
    /// A file of zeros, which the heap's memory does not keep, that came from its end to its begin but for the first
    /// chunk.
    fn new() -> Self {
        let records = Counted::default();
        let heap = SparseMemory::default();
        let mut store = Store::open(records.clone(), heap, &Config::default(), &[1; 32]).unwrap();
        store.capsule_create(&call(), None).unwrap();
        let expected = runs() + 1;
        let total_len = Some(u64::from(expected) * CHUNK as u64);
        let options = BeginOptions { total_len, ..BeginOptions::default() };
        let id = store.upload_begin(&call(), CAPSULE, expected, "many", options).unwrap();
        let mut world = Self { store, records, id };
        let most = (1..expected).rev().map(|index| world.put(index)).max();
        let most = most.unwrap();
        println!("put: at most {most} reads and writes of records");
        assert!(most <= ROW_CALLS, "a put makes {most} reads and writes of records");
        world
    }

    fn put(&mut self, index: u32) -> u64 {
        self.measure(|store, id| store.upload_put(&call(), id, index, &CHUNK_OF_ZEROS).unwrap()).0
    }

    /// Reads and writes of records.
    fn measure<T>(
        &mut self,
        message: impl FnOnce(&mut Store<Counted, SparseMemory>, SessionId) -> T,
    ) -> (u64, T) {
        let before: Cost = self.records.cost.get();
        let answer = message(&mut self.store, self.id);
        ((self.records.cost.get() - before).calls, answer)
    }

    /// Hashes it all, part by part, and finishes it: what the message costs that makes the blob.
    fn finish(&mut self) -> (u64, BlobId) {
        let len = u64::from(runs() + 1) * CHUNK as u64;
        let mut digest = Sha256::new();
        (0..=runs()).for_each(|_| digest.update(CHUNK_OF_ZEROS));
        let digest: [u8; 32] = digest.finalize().into();
        loop {
            let (cost, done) = self.measure(|store, id| store.upload_finish(&call(), id, &digest, len));
            match done.unwrap() {
                Progress::Done((blob, _)) => return (cost, blob),
                Progress::Hashing { .. } => {}
            }
        }
    }

    /// Ticks until nothing is due: each is bounded, and all runs come back.
    fn assert_given_back(&mut self, now_ns: u64) {
        let late = Call { now_ns, ..call() };
        let (mut ticks, mut most) = (0, 0);
        loop {
            let (cost, tick) = self.measure(|store, _| store.tick(&late));
            (ticks, most) = (ticks + 1, cost.max(most));
            if !tick.more {
                break;
            }
        }
        println!("tick: {ticks}, at most {most} reads and writes of records");
        assert!(most <= u64::from(TICK_SLICE) * ROW_CALLS + MESSAGE_CALLS, "a tick makes {most} of them");
        assert!(ticks >= runs() / TICK_SLICE, "{ticks} ticks are as many slices");
        assert_eq!(self.store.heap().usage(), HeapUse::default());
        assert_eq!(self.store.check().violations, Vec::<String>::new());
    }

    fn assert_one_message(name: &str, cost: u64) {
        println!("{name}: {cost} reads and writes of records");
        assert!(cost <= MESSAGE_CALLS, "{name} makes {cost} reads and writes of records");
    }
}

#[test]
fn a_file_of_very_many_runs_finishes_reads_and_goes_in_bounded_messages() {
    let mut world = World::new();
    world.put(0);
    let (_, blob) = world.finish();
    let reader = person(OWNER);
    let last = world.store.blob_meta(&reader, blob).unwrap().chunk_count() - 1;
    for index in [0, last / 2, last] {
        let (cost, bytes) = world.measure(|store, _| {
            let part = store.blob_chunk(&reader, blob, index).unwrap();
            store.blob_bytes(&part)
        });
        assert!(bytes.iter().all(|byte| *byte == 0));
        World::assert_one_message("read", cost);
    }
    let (cost, done) = world.measure(|store, _| store.blob_delete(&call(), blob));
    done.unwrap();
    World::assert_one_message("delete", cost);
    world.assert_given_back(START_NS);
}

#[test]
fn an_upload_of_very_many_runs_ends_in_slices_however_it_ends() {
    let mut world = World::new();
    let (cost, done) = world.measure(|store, id| store.upload_abort(&call(), id));
    done.unwrap();
    World::assert_one_message("abort", cost);
    world.assert_given_back(START_NS);

    World::new().assert_given_back(START_NS + 25 * HOUR_NS);

    let mut world = World::new();
    let (cost, done) = world.measure(|store, _| store.capsule_delete(&call(), CAPSULE));
    done.unwrap();
    World::assert_one_message("delete of the capsule", cost);
    world.assert_given_back(START_NS);
}

/// Memories whose assets came in the worst order: each frees as many runs as one message frees of a file.
#[test]
fn all_memories_of_a_capsule_go_in_messages_that_free_bounded_runs() {
    const PIECE: [u8; 4_096] = [0; 4_096];
    const KINDS: [AssetKind; 4] =
        [AssetKind::Original, AssetKind::Display, AssetKind::Thumbnail, AssetKind::Placeholder];
    let heap = SparseMemory::default();
    let mut store = Store::open(SparseMemory::default(), heap, &Config::default(), &[1; 32]).unwrap();
    store.capsule_create(&call(), None).unwrap();
    let file = vec![0; (RUNS_SLICE + 1) * PIECE.len()];
    let (chunks, a_memory) = (u32::try_from(RUNS_SLICE + 1).unwrap(), KINDS.len() as u64 * RUNS_SLICE as u64);
    let memories = DELETE_ALL_RUNS / a_memory + 5;
    for memory in 0..memories {
        let sessions = KINDS.map(|kind| {
            let key = format!("{memory} {kind:?}");
            let id = store.upload_begin(&call(), CAPSULE, chunks, &key, BeginOptions::default()).unwrap();
            (0..chunks).rev().for_each(|index| store.upload_put(&call(), id, index, &PIECE).unwrap());
            publish_session(id, kind, &file)
        });
        let key = format!("{memory}");
        let made = store.publish(
            &call(),
            CAPSULE,
            Publication::new(memory_meta("m"), sessions.to_vec(), Vec::new()),
            &key,
        );
        made.unwrap().done().unwrap();
    }
    let first = store.memory_delete_all(&call(), CAPSULE, true).unwrap();
    assert_eq!((u64::from(first.deleted), first.left), (memories - 5, 5));
    let second = store.memory_delete_all(&call(), CAPSULE, true).unwrap();
    assert_eq!((second.deleted, second.left), (5, 0));
    assert_eq!(store.heap().usage(), HeapUse::default(), "no file had more runs than a message frees");
    assert_eq!(store.check().violations, Vec::<String>::new());
}
