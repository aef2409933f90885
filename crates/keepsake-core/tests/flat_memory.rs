//! Heap in use does not grow with the size of a file, measured by a counting allocator. Owns this one measurement, in
//! a binary of its own so that no other test allocates beside it.

#[path = "support/inputs.rs"]
mod inputs;
#[path = "support/sparse_memory.rs"]
mod sparse_memory;

use ic_stable_structures::Memory;
use inputs::{START_NS, inline_asset, memory_meta, person, publish_session};
use keepsake_core::ids::{CapsuleId, SessionId};
use keepsake_core::limits::CHUNK_BYTES_MAX;
use keepsake_core::memory::AssetKind;
use keepsake_core::publish::Publication;
use keepsake_core::publish::PublishSession;
use keepsake_core::upload::BeginOptions;
use keepsake_core::{Call, Config, Store};
use peak_alloc::PeakAlloc;
use sha2::{Digest, Sha256};
use sparse_memory::SparseMemory;
use std::cell::Cell;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const CHUNK: usize = CHUNK_BYTES_MAX as usize;
/// Runs begin at granules and chunks lie one after the other in them: both lengths are multiples of the period.
const PERIOD: usize = 64;

/// The byte at every offset of the heap.
fn pattern(at: usize) -> u8 {
    let at = at % PERIOD;
    (at * 31 + at / 251).to_le_bytes()[0]
}

/// A blob heap that takes no room: whatever is written must be the pattern, and the pattern is what is read.
#[derive(Default)]
struct PatternMemory {
    pages: Cell<u64>,
}

impl Memory for PatternMemory {
    fn size(&self) -> u64 {
        self.pages.get()
    }

    fn grow(&self, pages: u64) -> i64 {
        let before = self.pages.get();
        self.pages.set(before + pages);
        i64::try_from(before).unwrap()
    }

    fn read(&self, offset: u64, dst: &mut [u8]) {
        let phase = usize::try_from(offset % PERIOD as u64).unwrap();
        let (first, rest) = dst.split_at_mut(dst.len().min(PERIOD));
        (phase..).zip(&mut *first).for_each(|(at, byte)| *byte = pattern(at));
        rest.chunks_mut(PERIOD).for_each(|piece| piece.copy_from_slice(&first[..piece.len()]));
    }

    fn write(&self, offset: u64, src: &[u8]) {
        let mut expected = [0; PERIOD];
        self.read(offset, &mut expected);
        let right = src.chunks(PERIOD).all(|piece| *piece == expected[..piece.len()]);
        assert!(right, "chunks are written where they belong");
    }
}

type FlatStore = Store<SparseMemory, PatternMemory>;

fn call() -> Call {
    Call {
        caller: person(1),
        now_ns: START_NS,
        epoch: 1,
        reusable_through: 0,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

/// A file of `len` bytes, as its chunks: each begins with the pattern, wherever it lies.
struct File<'a> {
    len: usize,
    /// The pattern, as long as a chunk.
    pattern: &'a [u8],
}

impl File<'_> {
    fn chunks(&self) -> usize {
        self.len.div_ceil(CHUNK)
    }

    fn chunk(&self, index: usize) -> &[u8] {
        &self.pattern[..CHUNK.min(self.len - index * CHUNK)]
    }

    fn sha256(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        (0..self.chunks()).for_each(|index| hash.update(self.chunk(index)));
        hash.finalize().to_vec()
    }
}

/// Uploads in windows of six chunks, each backwards, as a client with six chunks in flight may.
fn upload(store: &mut FlatStore, capsule: CapsuleId, idem: &str, file: &File<'_>) -> SessionId {
    let expected = u32::try_from(file.chunks()).unwrap();
    let id = store.upload_begin(&call(), capsule, expected, idem, BeginOptions::default()).unwrap();
    for from in (0..file.chunks()).step_by(6) {
        for index in (from..file.chunks().min(from + 6)).rev() {
            store.upload_put(&call(), id, u32::try_from(index).unwrap(), file.chunk(index)).unwrap();
        }
    }
    id
}

/// Publishes a file through both lanes, finishes it once more alone, and reads a bit of it.
fn two_lanes(store: &mut FlatStore, capsule: CapsuleId, files: [&File<'_>; 3], sha256: [&[u8]; 3]) {
    let kinds = [AssetKind::Original, AssetKind::Display, AssetKind::Thumbnail];
    let mut sessions: Vec<PublishSession> = Vec::new();
    for ((file, kind), sha256) in files.into_iter().zip(kinds).zip(sha256) {
        let id = upload(store, capsule, &format!("{kind:?}"), file);
        let session = publish_session(id, kind, &[]);
        sessions.push(PublishSession {
            sha256: sha256.to_vec().into(),
            total_len: file.len as u64,
            ..session
        });
    }
    let inline = vec![inline_asset(AssetKind::Placeholder, vec![1; 900])];
    let done = store
        .publish(&call(), capsule, Publication::new(memory_meta("m"), sessions, inline), "publish")
        .unwrap()
        .done()
        .unwrap();
    assert_eq!(done.assets[0].len, files[0].len as u64);

    let alone = upload(store, capsule, "alone", files[1]);
    let (blob, record) =
        store.upload_finish(&call(), alone, sha256[1], files[1].len as u64).unwrap().done().unwrap();
    assert_eq!(
        store.blob_bytes(&store.blob_chunk(&person(1), blob, record.chunk_count() - 1).unwrap()),
        files[1].chunk(1)
    );
}

/// The most heap in use beyond what there was before, bytes.
fn heap_in_use_at_most(original_len: usize, pattern: &[u8]) -> usize {
    let mut store =
        Store::open(SparseMemory::default(), PatternMemory::default(), &Config::default(), &[1; 32]).unwrap();
    let capsule = store.capsule_create(&call(), None).unwrap().id;
    let [original, display, thumbnail] = [original_len, 2_000_000, 150_000].map(|len| File { len, pattern });
    let files = [&original, &display, &thumbnail];
    let sha256 = files.map(File::sha256);
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    two_lanes(&mut store, capsule, files, [&sha256[0], &sha256[1], &sha256[2]]);
    ALLOCATOR.peak_usage() - before
}

#[test]
fn flat_memory_under_pressure() {
    let pattern: Vec<u8> = (0..CHUNK).map(pattern).collect();
    // What is allocated once per process is there before anything is measured.
    heap_in_use_at_most(4_000_000, &pattern);
    let [small, medium, large] =
        [20_000_000, 200_000_000, 2_000_000_000].map(|len| heap_in_use_at_most(len, &pattern));
    println!("heap in use: 20 MB {small}, 200 MB {medium}, 2 GB {large} bytes");
    assert!(small < 1 << 20, "{small} bytes: less than a chunk");
    // The bitset and the records grow by pages of 4 KiB within the memory that the test keeps on the heap.
    let slack = 32 << 10;
    assert!(medium <= small + slack, "20 MB took {small}, 200 MB {medium}");
    assert!(large <= small + slack, "20 MB took {small}, 2 GB {large}");
}
