//! Uploads in progress, and blobs of several chunks, that an older version placed: they open, read and go on in every
//! later version. What `golden.rs` keeps is one of every kind; this keeps where the bytes of uploads may lie.
//!
//! The heap is nearly full while the store is made, so that layout 2 cuts a body into fragments, and chunks lie across
//! their ends. `UPDATE_FIXTURES=1` writes the fixture of today's layout; never over one that was released.

use crate::fixture::{load, save, updating};
use crate::inputs::{HOUR_NS, START_NS, file, inline_asset, memory_meta, person, publish_session, sha256};
use crate::sparse_memory::SparseMemory;
use keepsake_core::access::Role;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::layout::LAYOUT_VERSION;
use keepsake_core::memory::{AssetChoice, AssetKind};
use keepsake_core::publish::Publication;
use keepsake_core::upload::{BeginOptions, SessionState, UploadError};
use keepsake_core::{Call, Config, Principal, Store};
use std::sync::Once;

type SparseStore = Store<SparseMemory, SparseMemory>;

const OWNER: u32 = 1;
const MEMBER: u32 = 2;
const CAPSULE: CapsuleId = CapsuleId(1);
const MEMORY: MemoryId = MemoryId(1);
/// The first layout that has this fixture.
const FIRST: u32 = 2;

/// An upload of the fixture: its session, its caller, its file's length, its chunks' length, and the chunks that came
/// before the fixture was saved.
struct Upload {
    session: u64,
    who: u32,
    len: usize,
    chunk: usize,
    came: &'static [u32],
}

const fn upload(session: u64, who: u32, len: usize, chunk: usize, came: &'static [u32]) -> Upload {
    Upload { session, who, len, chunk, came }
}

/// Left pending: body and tail came in part and out of order; only the tail came; nothing came; a body in fragments.
const SCATTERED: Upload = upload(15, MEMBER, 51_234, 5_000, &[10, 0, 1, 7, 3, 9]);
const TAIL_ONLY: Upload = upload(16, OWNER, 9_500, 3_000, &[3]);
const UNTOUCHED: Upload = upload(17, OWNER, 7_000, 2_000, &[]);
const FRAGMENTED: Upload = upload(21, OWNER, 33_000, 8_000, &[2, 4, 0]);
/// Finished: blob 13, unreferenced, came in reverse; blob 14, the original of the memory; blob 16, in fragments.
const REVERSE: Upload = upload(13, MEMBER, 43_000, 6_000, &[7, 6, 5, 4, 3, 2, 1, 0]);
const PUBLISHED: Upload = upload(18, OWNER, 21_000, 4_096, &[5, 0, 2, 1, 4, 3]);
const IN_FRAGMENTS: Upload = upload(20, MEMBER, 29_000, 7_000, &[1, 0, 4, 3, 2]);
/// Aborted with some of its chunks here.
const ABORTED: Upload = upload(14, OWNER, 18_000, 5_000, &[2, 0]);

const PENDING: [&Upload; 4] = [&SCATTERED, &TAIL_ONLY, &UNTOUCHED, &FRAGMENTED];
const STORED: [(u64, &Upload); 3] = [(13, &REVERSE), (14, &PUBLISHED), (16, &IN_FRAGMENTS)];

impl Upload {
    fn id(&self) -> SessionId {
        SessionId(self.session)
    }

    fn bytes(&self) -> Vec<u8> {
        file(self.len, u8::try_from(self.session).unwrap())
    }

    fn chunk(&self, index: u32) -> Vec<u8> {
        self.bytes().chunks(self.chunk).nth(index as usize).unwrap().to_vec()
    }

    fn expected(&self) -> u32 {
        u32::try_from(self.len.div_ceil(self.chunk)).unwrap()
    }

    fn begin(&self, store: &mut SparseStore) -> SessionId {
        let total_len = self.session.is_multiple_of(3).then_some(self.len as u64);
        let options = BeginOptions { total_len, ..BeginOptions::default() };
        let key = format!("upload {}", self.session);
        store.upload_begin(&call(self.who), CAPSULE, self.expected(), &key, options).unwrap()
    }

    fn put(&self, store: &mut SparseStore, index: u32) {
        store.upload_put(&call(self.who), self.id(), index, &self.chunk(index)).unwrap();
    }

    fn start(&self, store: &mut SparseStore) {
        assert_eq!(self.begin(store), self.id());
        self.came.iter().for_each(|index| self.put(store, *index));
    }

    fn finish(&self, store: &mut SparseStore) -> BlobId {
        let (digest, len) = (sha256(&self.bytes()), self.len as u64);
        store.upload_finish(&call(self.who), self.id(), &digest, len).unwrap().done().unwrap().0
    }
}

fn config(heap_bytes_max: u64) -> Config {
    Config { canister_id: Principal::from_slice(&[1, 2]), heap_bytes_max, ..Config::default() }
}

fn call(who: u32) -> Call {
    Call {
        caller: person(who),
        now_ns: START_NS,
        epoch: 40,
        reusable_through: 38,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

/// Twelve blobs side by side, of which every second one goes: holes of three granules.
fn build_holes(store: &mut SparseStore) {
    for number in 1..=12 {
        let hole = upload(number, OWNER, 12_000, 12_000, &[0]);
        hole.start(store);
        assert_eq!(hole.finish(store), BlobId(number));
    }
    let long_ago = Call { epoch: 30, ..call(OWNER) };
    for number in [1, 3, 5, 7, 9, 11] {
        store.blob_delete(&long_ago, BlobId(number)).unwrap();
    }
}

fn build(store: &mut SparseStore) {
    assert_eq!(store.capsule_create(&call(OWNER), None).unwrap().id, CAPSULE);
    store.capsule_grant(&call(OWNER), CAPSULE, &person(MEMBER), Role::Member).unwrap();
    build_holes(store);
    REVERSE.start(store);
    assert_eq!(REVERSE.finish(store), BlobId(13));
    ABORTED.start(store);
    store.upload_abort(&call(OWNER), ABORTED.id()).unwrap();
    for pending in [&SCATTERED, &TAIL_ONLY, &UNTOUCHED] {
        pending.start(store);
    }
    PUBLISHED.start(store);
    let display = upload(19, OWNER, 900, 900, &[0]);
    display.start(store);
    let sessions = vec![
        publish_session(PUBLISHED.id(), AssetKind::Original, &PUBLISHED.bytes()),
        publish_session(display.id(), AssetKind::Display, &display.bytes()),
    ];
    let inline = vec![inline_asset(AssetKind::Placeholder, file(70, 9))];
    let made = store.publish(
        &call(OWNER),
        CAPSULE,
        Publication::new(memory_meta("holes"), sessions, inline),
        "publish",
    );
    assert_eq!(made.unwrap().done().unwrap().memory, MEMORY.0);
    IN_FRAGMENTS.start(store);
    assert_eq!(IN_FRAGMENTS.finish(store), BlobId(16));
    FRAGMENTED.start(store);
}

fn write_todays() {
    let (records, heap) = (SparseMemory::default(), SparseMemory::default());
    let mut store = Store::open(records.clone(), heap.clone(), &config(296 << 10), &[7; 32]).unwrap();
    build(&mut store);
    save("uploads-records", &records.image());
    save("uploads-heap", &heap.image());
}

fn open(version: u32) -> SparseStore {
    static WRITTEN: Once = Once::new();
    if updating() {
        WRITTEN.call_once(write_todays);
    }
    let (records, heap) = (load("uploads-records", version), load("uploads-heap", version));
    Store::open(records, heap, &config(1 << 20), &[8; 32]).unwrap()
}

fn assert_sound(store: &SparseStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}

/// All of it, and every stretch of 777 bytes.
fn assert_reads(store: &SparseStore, blob: BlobId, bytes: &[u8]) {
    let reader = person(MEMBER);
    assert!(store.blob_bytes(&store.blob_read(&reader, blob).unwrap()) == bytes, "blob {}", blob.0);
    for (number, stretch) in (0..).zip(bytes.chunks(777)) {
        let part = store.blob_range(&reader, blob, number * 777, 777).unwrap();
        assert!(store.blob_bytes(&part) == stretch, "blob {}, stretch {number}", blob.0);
    }
    assert_eq!(*store.blob_meta(&reader, blob).unwrap().sha256, sha256(bytes));
}

fn assert_reads_all(store: &SparseStore) {
    for (blob, upload) in STORED {
        assert_reads(store, BlobId(blob), &upload.bytes());
    }
    for kept in [2, 4, 6, 8, 10, 12] {
        assert_reads(store, BlobId(kept), &file(12_000, u8::try_from(kept).unwrap()));
    }
    let choice = AssetChoice::Kind(AssetKind::Placeholder);
    let inline = store.asset_read(&person(MEMBER), MEMORY, choice).unwrap().inline;
    assert_eq!(inline.unwrap(), file(70, 9));
    assert_eq!(store.role_of(CAPSULE, &person(MEMBER)), Some(Role::Member));
}

fn missing(upload: &Upload) -> Vec<u32> {
    (0..upload.expected()).filter(|index| !upload.came.contains(index)).collect()
}

/// The status is that of before, what came is known byte for byte, and begin finds the session again.
fn assert_stands(store: &mut SparseStore, upload: &Upload) {
    let status = store.upload_status(&call(upload.who), upload.id()).unwrap();
    assert_eq!(status.record.state, SessionState::Pending);
    let ranges = status.missing.iter().flat_map(|(from, to)| *from..*to);
    assert_eq!(ranges.collect::<Vec<_>>(), missing(upload));
    assert_eq!(upload.begin(store), upload.id());
    for index in upload.came {
        upload.put(store, *index);
        let mut other = upload.chunk(*index);
        *other.last_mut().unwrap() ^= 1;
        let refused = store.upload_put(&call(upload.who), upload.id(), *index, &other);
        assert_eq!(refused, Err(UploadError::ChunkDiffers(*index)));
    }
}

/// What is missing comes, the last first, each session's in turn with the others'; then all finish.
fn finish_pending(store: &mut SparseStore) {
    for round in 0..11 {
        for upload in PENDING {
            if let Some(index) = missing(upload).iter().rev().nth(round) {
                upload.put(store, *index);
            }
        }
        assert_sound(store);
    }
    for upload in PENDING {
        let blob = upload.finish(store);
        assert_reads(store, blob, &upload.bytes());
    }
}

fn assert_empties(store: &mut SparseStore) {
    store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
    let late = Call { now_ns: START_NS + 50 * HOUR_NS, epoch: 41, reusable_through: u64::MAX, ..call(OWNER) };
    while store.tick(&late).more {}
    let report = store.check();
    assert_eq!((report.memories, report.blobs, report.sessions, report.allocated_bytes), (0, 0, 0, 0));
    assert_sound(store);
}

#[test]
fn uploads_of_every_layout_read_go_on_and_finish() {
    for version in FIRST..=LAYOUT_VERSION {
        let mut store = open(version);
        assert_sound(&store);
        assert_reads_all(&store);
        for upload in PENDING {
            assert_stands(&mut store, upload);
        }
        assert_eq!(store.upload_abort(&call(OWNER), ABORTED.id()), Ok(()));
        finish_pending(&mut store);
        assert_reads_all(&store);
        for (_, upload) in STORED.iter().filter(|(_, upload)| upload.session != PUBLISHED.session) {
            upload.put(&mut store, upload.came[0]);
        }
        assert_sound(&store);
        assert_empties(&mut store);
    }
}

#[test]
fn uploads_of_every_layout_end_by_abort_and_by_time() {
    for version in FIRST..=LAYOUT_VERSION {
        let mut store = open(version);
        let before = store.check().allocated_bytes;
        for upload in [&SCATTERED, &FRAGMENTED] {
            store.upload_abort(&call(upload.who), upload.id()).unwrap();
            assert_sound(&store);
        }
        assert!(store.check().allocated_bytes < before);
        let late = Call { now_ns: START_NS + 25 * HOUR_NS, epoch: 41, ..call(OWNER) };
        while store.tick(&late).more {}
        assert_eq!(store.session_stats(&person(OWNER)).pending, 0);
        assert_sound(&store);
        assert_empties(&mut store);
    }
}

/// A fixture that holds no body in fragments would show less than it says.
#[test]
fn layout_2_cut_a_blob_and_a_session_into_fragments() {
    let store = open(2);
    assert!(store.blob_meta(&person(MEMBER), BlobId(16)).unwrap().extents.len() > 3);
    let status = store.upload_status(&call(OWNER), FRAGMENTED.id()).unwrap();
    assert!(status.record.body.len() > 1);
}
