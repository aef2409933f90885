//! Data made by an older version opens in every later one: stores kept in `fixtures/`, one per layout version.
//!
//! `UPDATE_FIXTURES=1` writes those of today's layout; do so only for a new layout version, never over one that was
//! released.

use crate::fixture::{load, save, updating};
use crate::inputs::{HOUR_NS, START_NS, file, inline_asset, memory_meta, person, publish_session, sha256};
use crate::sparse_memory::SparseMemory;
use keepsake_core::access::Role;
use keepsake_core::capsule::Subject;
use keepsake_core::certified::Certification;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, SessionId};
use keepsake_core::layout::LAYOUT_VERSION;
use keepsake_core::memory::{AssetChoice, AssetKind, MemoryError};
use keepsake_core::publish::Publication;
use keepsake_core::site::NewSiteFile;
use keepsake_core::token::TokenScope;
use keepsake_core::upload::{BeginOptions, SessionState};
use keepsake_core::{Call, Config, Principal, Store};
use std::sync::Once;

type SparseStore = Store<SparseMemory, SparseMemory>;

const OWNER: u32 = 1;
const MEMBER: u32 = 2;
const CAPSULE: CapsuleId = CapsuleId(1);

fn config() -> Config {
    Config { controllers: vec![person(9)], canister_id: Principal::from_slice(&[1, 2]), ..Config::default() }
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

fn original() -> Vec<u8> {
    file(10_500, 1)
}

fn pending_file() -> Vec<u8> {
    file(9_100, 2)
}

fn lone_blob() -> Vec<u8> {
    file(3_000, 4)
}

fn put_all(store: &mut SparseStore, who: u32, id: SessionId, data: &[u8], chunk: usize) {
    for (index, bytes) in (0..).zip(data.chunks(chunk)) {
        store.upload_put(&call(who), id, index, bytes).unwrap();
    }
}

fn begin(store: &mut SparseStore, who: u32, expected: u32, idem: &str) -> SessionId {
    let options = BeginOptions { mime_type: Some("image/jpeg".into()), ..BeginOptions::default() };
    store.upload_begin(&call(who), CAPSULE, expected, idem, options).unwrap()
}

/// A small store with one thing of every kind.
fn build(store: &mut SparseStore) {
    assert_eq!(store.capsule_create(&call(OWNER), None).unwrap().id, CAPSULE);
    store.capsule_create(&call(OWNER), Some(Subject::Opaque("Grandmother".into()))).unwrap();
    store.capsule_grant(&call(OWNER), CAPSULE, &person(MEMBER), Role::Member).unwrap();

    let (one, two) = (begin(store, OWNER, 3, "original"), begin(store, OWNER, 1, "display"));
    put_all(store, OWNER, one, &original(), 4_000);
    put_all(store, OWNER, two, &file(700, 3), 700);
    let sessions = [
        publish_session(one, AssetKind::Original, &original()),
        publish_session(two, AssetKind::Display, &file(700, 3)),
    ];
    let inline = vec![inline_asset(AssetKind::Placeholder, file(90, 5))];
    store
        .publish(
            &call(OWNER),
            CAPSULE,
            Publication::new(memory_meta("published"), sessions.to_vec(), inline),
            "publish",
        )
        .unwrap()
        .done()
        .unwrap();
    let note = vec![inline_asset(AssetKind::Original, b"a note".to_vec())];
    store.memory_create(&call(MEMBER), CAPSULE, memory_meta("note"), note, "note").unwrap();

    let aborted = begin(store, OWNER, 2, "aborted");
    put_all(store, OWNER, aborted, &[7; 6_000], 3_000);
    let lone = begin(store, MEMBER, 1, "lone");
    put_all(store, MEMBER, lone, &lone_blob(), 3_000);
    store.upload_finish(&call(MEMBER), lone, &sha256(&lone_blob()), 3_000).unwrap().done().unwrap();
    store.upload_abort(&call(OWNER), aborted).unwrap();

    let pending = begin(store, MEMBER, 4, "pending");
    for index in [3, 0, 2] {
        let chunk = pending_file()[index as usize * 2_500..].chunks(2_500).next().unwrap().to_vec();
        store.upload_put(&call(MEMBER), pending, index, &chunk).unwrap();
    }
}

/// What layout 2 added.
fn build_site(store: &mut SparseStore) {
    store.capsule_create(&call(9), None).unwrap();
    let id = store.upload_begin(&call(9), CapsuleId(3), 1, "page", BeginOptions::default()).unwrap();
    store.upload_put(&call(9), id, 0, b"a page").unwrap();
    let (blob, _) = store.upload_finish(&call(9), id, &sha256(b"a page"), 6).unwrap().done().unwrap();
    let page = NewSiteFile { path: "index.html".into(), blob, mime_type: "text/html".into() };
    store.site_set(&call(9), vec![page], |_| [[5; 32], [6; 32]]).unwrap();
}

fn write_todays() {
    let (records, heap) = (SparseMemory::default(), SparseMemory::default());
    let mut store = Store::open(records.clone(), heap.clone(), &config(), &[7; 32]).unwrap();
    build(&mut store);
    build_site(&mut store);
    save("records", &records.image());
    save("heap", &heap.image());
}

fn open(version: u32) -> SparseStore {
    static WRITTEN: Once = Once::new();
    if updating() {
        WRITTEN.call_once(write_todays);
    }
    Store::open(load("records", version), load("heap", version), &config(), &[8; 32]).unwrap()
}

fn assert_sound(store: &SparseStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}

fn assert_reads_all(store: &SparseStore) {
    let report = store.check();
    let of_site = u64::from(!store.site().files.is_empty());
    let counted = (report.capsules, report.memories, report.blobs, report.sessions);
    assert_eq!(counted, (2 + of_site, 2, 3 + of_site, 5 + of_site));
    let page = store.memory_page(&person(MEMBER), CAPSULE, None, None).unwrap();
    let titles: Vec<_> = page.items.iter().map(|(_, record)| record.meta.title.clone().unwrap()).collect();
    assert_eq!(titles, ["note", "published"]);
    for (blob, bytes) in [(1, original()), (2, file(700, 3)), (3, lone_blob())] {
        assert_eq!(store.blob_bytes(&store.blob_read(&person(OWNER), BlobId(blob)).unwrap()), bytes);
        assert_eq!(*store.blob_meta(&person(OWNER), BlobId(blob)).unwrap().sha256, sha256(&bytes));
    }
    let inline = |memory, kind| {
        store.asset_read(&person(OWNER), MemoryId(memory), AssetChoice::Kind(kind)).unwrap().inline.unwrap()
    };
    assert_eq!(inline(1, AssetKind::Placeholder), file(90, 5));
    assert_eq!(inline(2, AssetKind::Original), b"a note");
    assert_eq!(store.role_of(CAPSULE, &person(MEMBER)), Some(Role::Member));
    assert_eq!(store.capsule_list(&person(OWNER)).len(), 2);
    assert_eq!(store.heap().limbo_epoch_last(), Some(40));
}

fn assert_has_site(store: &SparseStore, version: u32) {
    let files = store.site().files;
    let pages: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.len)).collect();
    if version == 1 {
        assert_eq!((pages, store.beside_assets()), (vec![], None));
    } else {
        assert_eq!(pages, [("index.html", 6)]);
        assert_eq!(store.beside_assets(), Some([[5; 32], [6; 32]]));
    }
    assert_eq!(
        store.uncertified(),
        Certification::Changed,
        "an older store is looked through again, this one has two memories"
    );
}

/// A repeated message of before is answered as it was.
fn assert_remembers(store: &mut SparseStore) {
    let note = vec![inline_asset(AssetKind::Original, b"a note".to_vec())];
    let again = store.memory_create(&call(MEMBER), CAPSULE, memory_meta("note"), note, "note");
    assert_eq!(again.unwrap(), MemoryId(2));
    let sessions = [
        publish_session(SessionId(1), AssetKind::Original, &original()),
        publish_session(SessionId(2), AssetKind::Display, &file(700, 3)),
    ];
    let inline = vec![inline_asset(AssetKind::Placeholder, file(90, 5))];
    let again = store.publish(
        &call(OWNER),
        CAPSULE,
        Publication::new(memory_meta("published"), sessions.to_vec(), inline),
        "publish",
    );
    assert_eq!(again.unwrap().done().unwrap().memory, 1);
    let finished = store.upload_finish(&call(MEMBER), SessionId(4), &sha256(&lone_blob()), 3_000);
    assert_eq!(finished.unwrap().done().unwrap().0, BlobId(3));
    assert_eq!(store.upload_abort(&call(OWNER), SessionId(3)), Ok(()));
}

fn finish_pending(store: &mut SparseStore) {
    let id = begin(store, MEMBER, 4, "pending");
    let status = store.upload_status(&call(MEMBER), id).unwrap();
    assert_eq!(
        (id, status.record.state, status.missing),
        (SessionId(5), SessionState::Pending, vec![(1, 2)])
    );
    store.upload_put(&call(MEMBER), id, 1, &pending_file()[2_500..5_000]).unwrap();
    let (blob, _) =
        store.upload_finish(&call(MEMBER), id, &sha256(&pending_file()), 9_100).unwrap().done().unwrap();
    assert_eq!(store.blob_bytes(&store.blob_read(&person(MEMBER), blob).unwrap()), pending_file());
}

#[test]
fn a_store_of_every_layout_opens_reads_and_goes_on() {
    for version in 1..=LAYOUT_VERSION {
        let mut store = open(version);
        assert_eq!(store.config(), &config(), "layout {version}");
        assert_sound(&store);
        assert_reads_all(&store);
        assert_has_site(&store, version);
        assert_remembers(&mut store);
        assert_reads_all(&store);
        finish_pending(&mut store);
        assert_sound(&store);

        store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
        let late = Call { now_ns: START_NS + 50 * HOUR_NS, epoch: 41, reusable_through: u64::MAX, ..call(9) };
        while store.tick(&late).more {}
        store.site_set(&late, Vec::new(), |_| [[0; 32]; 2]).unwrap();
        let report = store.check();
        assert_eq!((report.memories, report.blobs, report.sessions, report.allocated_bytes), (0, 0, 0, 0));
        assert_sound(&store);
    }
}

/// What layout 5 added: older memories are found as soon as the tick went through them.
#[test]
fn the_originals_of_every_layout_are_found_by_their_hash() {
    for version in 1..=LAYOUT_VERSION {
        let mut store = open(version);
        let found = |store: &SparseStore| {
            let hashes =
                [sha256(&original()), sha256(b"a note"), sha256(&file(700, 3)), sha256(&lone_blob())];
            store.memories_find(&person(MEMBER), CAPSULE, &hashes)
        };
        let all = Ok(vec![Some(MemoryId(1)), Some(MemoryId(2)), None, None]);
        let at_first = if version < 5 { Err(MemoryError::ContentsPending) } else { all.clone() };
        assert_eq!(found(&store), at_first, "layout {version}");
        while store.tick(&call(OWNER)).more {}
        assert_eq!(found(&store), all, "layout {version}");
        assert_sound(&store);
        store.memory_delete(&call(OWNER), MemoryId(1), true).unwrap();
        assert_eq!(found(&store).unwrap()[..2], [None, Some(MemoryId(2))]);
        assert_sound(&store);
    }
}

#[test]
fn a_token_of_an_older_store_still_opens() {
    let store = open(LAYOUT_VERSION);
    let minted = {
        let (records, heap) = (SparseMemory::default(), SparseMemory::default());
        let mut made_now = Store::open(records, heap, &config(), &[7; 32]).unwrap();
        build(&mut made_now);
        made_now.token_mint(&call(OWNER), MemoryId(1), &TokenScope::default(), 60).unwrap()
    };
    assert_eq!(store.token_open(&call(OWNER), &minted).unwrap().memory, MemoryId(1));
}
