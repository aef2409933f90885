//! Originals in the host's bucket, as the core keeps them: the objects' records at each step, that a check notices what is wrong, and
//! a store of layout 7 that has one of each kind. `UPDATE_FIXTURES=1` writes its fixture; never over one that was released.

use crate::fixture::{load, save, updating};
use crate::inputs::{HOUR_NS, START_NS, file, memory_meta, person, publish_session, sha256};
use crate::sparse_memory::SparseMemory;
use keepsake_core::access::Denied;
use keepsake_core::blob::BlobError;
use keepsake_core::ids::{BlobId, CapsuleId, MemoryId, ObjectId, SessionId};
use keepsake_core::layout::LAYOUT_VERSION;
use keepsake_core::memory::AssetKind;
use keepsake_core::objects::{Holder, ObjectError};
use keepsake_core::publish::Publication;
use keepsake_core::site::{NewSiteFile, SiteError};
use keepsake_core::upload::{Attestation, BeginOptions, UploadError};
use keepsake_core::{Call, Config, Store};
use std::sync::Once;

type SparseStore = Store<SparseMemory, SparseMemory>;

const OWNER: u32 = 1;
/// Keeps the bucket's keys.
const GATE: u32 = 5;
const CAPSULE: CapsuleId = CapsuleId(1);
/// The first layout that has objects.
const FIRST: u32 = 7;

fn config() -> Config {
    Config { attestors: vec![person(GATE)], uncertified: true, ..Config::default() }
}

fn call(who: u32) -> Call {
    at(who, START_NS)
}

fn at(who: u32, now_ns: u64) -> Call {
    Call {
        caller: person(who),
        now_ns,
        epoch: 1,
        reusable_through: 0,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn fresh_in(records: SparseMemory, heap: SparseMemory) -> SparseStore {
    let mut store = Store::open(records, heap, &config(), &[7; 32]).unwrap();
    store.capsule_create(&call(OWNER), None).unwrap();
    store
}

fn fresh() -> SparseStore {
    fresh_in(SparseMemory::default(), SparseMemory::default())
}

fn begin(store: &mut SparseStore, bytes: &[u8], idem: &str) -> SessionId {
    let options = BeginOptions {
        total_len: Some(bytes.len() as u64),
        sha256: Some(sha256(bytes).to_vec()),
        mime_type: Some("image/jpeg".into()),
        elsewhere: true,
    };
    store.upload_begin(&call(OWNER), CAPSULE, 1, idem, options).unwrap()
}

fn found(bytes: &[u8]) -> Attestation {
    Attestation { len: bytes.len() as u64, sha256: sha256(bytes).to_vec(), version: Some("v1".into()) }
}

fn publish(store: &mut SparseStore, id: SessionId, bytes: &[u8]) -> MemoryId {
    let sessions = vec![publish_session(id, AssetKind::Original, bytes)];
    let publication = Publication::new(memory_meta("elsewhere"), sessions, Vec::new());
    let done = store.publish(&call(OWNER), CAPSULE, publication, &format!("publish {}", id.0)).unwrap();
    MemoryId(done.done().unwrap().memory)
}

/// A memory whose original lies here.
fn here(store: &mut SparseStore, bytes: &[u8], idem: &str) -> BlobId {
    let id = store.upload_begin(&call(OWNER), CAPSULE, 1, idem, BeginOptions::default()).unwrap();
    store.upload_put(&call(OWNER), id, 0, bytes).unwrap();
    publish(store, id, bytes);
    store.blob_ids().last().unwrap()
}

fn holders(store: &SparseStore) -> Vec<Holder> {
    store.objects_from(ObjectId(0)).map(|object| object.record.holder).collect()
}

#[track_caller]
fn assert_sound(store: &SparseStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}

fn pending_file() -> Vec<u8> {
    file(5_000, 1)
}

fn attested_file() -> Vec<u8> {
    file(6_000, 2)
}

fn published_file() -> Vec<u8> {
    file(7_000, 3)
}

fn moved_file() -> Vec<u8> {
    file(8_000, 4)
}

fn moving_file() -> Vec<u8> {
    file(9_000, 5)
}

/// One of each: pending with parts, attested, published, aborted, moved, moving.
fn fill(store: &mut SparseStore) {
    let pending = begin(store, &pending_file(), "pending");
    store.upload_grant(&call(OWNER), pending).unwrap();
    store.upload_multipart(&call(GATE), pending, "parts").unwrap();
    let attested = begin(store, &attested_file(), "attested");
    store.upload_attest(&call(GATE), attested, &found(&attested_file())).unwrap();
    let published = begin(store, &published_file(), "published");
    store.upload_attest(&call(GATE), published, &found(&published_file())).unwrap();
    publish(store, published, &published_file());
    let aborted = begin(store, b"aborted", "aborted");
    store.upload_grant(&call(OWNER), aborted).unwrap();
    store.upload_abort(&call(OWNER), aborted).unwrap();
    let moved = here(store, &moved_file(), "moved");
    store.blob_move_begin(&call(GATE), moved).unwrap();
    store.blob_moved(&call(GATE), moved, &sha256(&moved_file()), 8_000, None).unwrap();
    let moving = here(store, &moving_file(), "moving");
    store.blob_move_begin(&call(GATE), moving).unwrap();
}

fn open(version: u32) -> SparseStore {
    static WRITTEN: Once = Once::new();
    if updating() {
        WRITTEN.call_once(|| {
            let (records, heap) = (SparseMemory::default(), SparseMemory::default());
            fill(&mut fresh_in(records.clone(), heap.clone()));
            save("objects-records", &records.image());
            save("objects-heap", &heap.image());
        });
    }
    let (records, heap) = (load("objects-records", version), load("objects-heap", version));
    Store::open(records, heap, &config(), &[8; 32]).unwrap()
}

#[test]
fn a_store_of_each_layout_with_objects_opens_reads_and_goes_on() {
    for version in FIRST..=LAYOUT_VERSION {
        let mut store = open(version);
        assert_sound(&store);
        let leaves = START_NS + 2 * HOUR_NS;
        let kinds = holders(&store);
        assert_eq!(kinds[..3], [Holder::Session(1), Holder::Session(2), Holder::Blob(1)], "layout {version}");
        assert!(matches!(kinds[3], Holder::Nobody(at_ns) if at_ns < leaves), "layout {version}");
        assert_eq!(kinds[4..], [Holder::Blob(2), Holder::Blob(3)], "layout {version}");

        let pending = begin(&mut store, &pending_file(), "pending");
        assert_eq!(pending, SessionId(1), "layout {version}: it is the same one");
        let view = store.upload_grant(&call(OWNER), pending).unwrap();
        assert_eq!(view.record.upload_id.as_deref(), Some("parts"));
        store.upload_attest(&call(GATE), pending, &found(&pending_file())).unwrap();
        publish(&mut store, pending, &pending_file());
        publish(&mut store, SessionId(2), &attested_file());
        let moving = store.blob_meta(&person(OWNER), BlobId(3)).unwrap();
        let part = store.blob_read(&person(OWNER), BlobId(3)).unwrap();
        assert_eq!(store.blob_bytes(&part), moving_file(), "layout {version}: it is here until it is there");
        store.blob_moved(&call(GATE), BlobId(3), &moving.sha256[..], 9_000, None).unwrap();
        for blob in store.blob_ids().collect::<Vec<_>>() {
            let part = store.blob_read(&person(OWNER), blob).unwrap();
            assert!(part.elsewhere.is_some_and(|range| range.key.starts_with("1/")), "{blob}");
        }
        assert_sound(&store);

        store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
        let late = at(GATE, START_NS + 50 * HOUR_NS);
        while store.tick(&late).more {}
        assert_sound(&store);
        let last = at(GATE, START_NS + 60 * HOUR_NS);
        let due: Vec<_> = store.objects_to_remove(&last).unwrap().iter().map(|object| object.id.0).collect();
        assert_eq!(due.len(), 6, "layout {version}: all of them, in some order");
        assert_eq!(store.objects_removed(&last, &due), Ok(6));
        assert_eq!(holders(&store), []);
        assert_sound(&store);
    }
}

#[test]
fn no_object_leaves_while_an_address_for_it_may_work() {
    let mut store = fresh();
    let id = begin(&mut store, &published_file(), "one");
    let granted = at(OWNER, START_NS + HOUR_NS);
    store.upload_grant(&granted, id).unwrap();
    store.upload_abort(&at(OWNER, START_NS + HOUR_NS + 1), id).unwrap();
    let removable = |store: &SparseStore, now_ns| store.objects_to_remove(&at(GATE, now_ns)).unwrap().len();
    assert_eq!(removable(&store, START_NS + 2 * HOUR_NS), 0, "signed an hour ago");
    assert_eq!(removable(&store, START_NS + 2 * HOUR_NS + HOUR_NS / 10), 1);
    assert_eq!(store.objects_removed(&at(GATE, START_NS + 2 * HOUR_NS), &[1]), Ok(0), "not yet");
    assert_eq!(store.objects_to_remove(&call(OWNER)), Err(ObjectError::Denied(Denied::Unauthorized)));
    assert_sound(&store);
}

#[test]
fn an_original_elsewhere_takes_no_heap_and_counts_for_quotas() {
    let mut store = fresh();
    let before = store.heap().usage();
    let id = begin(&mut store, &published_file(), "one");
    assert_eq!(store.upload_put(&call(OWNER), id, 0, b"x"), Err(UploadError::Elsewhere));
    let early = store.upload_finish(&call(OWNER), id, &sha256(&published_file()), 7_000);
    assert_eq!(early.unwrap_err(), UploadError::ObjectPending);
    store.upload_attest(&call(GATE), id, &found(&published_file())).unwrap();
    let memory = publish(&mut store, id, &published_file());
    let capsule = store.capsule(&person(OWNER), Some(CAPSULE)).unwrap().record;
    assert_eq!((capsule.bytes_used, capsule.bytes_in_flight), (7_000, 0));
    assert_eq!(store.heap().usage(), before);
    assert_eq!(store.check_bytes(|_| ()).elsewhere, 1);
    store.memory_delete(&call(OWNER), memory, true).unwrap();
    let capsule = store.capsule(&person(OWNER), Some(CAPSULE)).unwrap().record;
    assert_eq!((capsule.bytes_used, capsule.record_bytes), (0, 0));
    assert!(matches!(holders(&store)[..], [Holder::Nobody(_)]));
    assert_sound(&store);
}

#[test]
fn a_blob_that_moves_is_charged_for_its_object_and_goes_with_it() {
    let mut store = fresh();
    let blob = here(&mut store, &moved_file(), "one");
    let records =
        |store: &SparseStore| store.capsule(&person(OWNER), Some(CAPSULE)).unwrap().record.record_bytes;
    let before = records(&store);
    assert_eq!(store.blob_move_begin(&call(OWNER), blob).map(drop).unwrap_err().to_string(), "unauthorized");
    store.blob_move_begin(&call(GATE), blob).unwrap();
    assert_eq!(records(&store), before + 512);
    assert_sound(&store);
    let other = store.blob_moved(&call(GATE), blob, &sha256(b"other"), 8_000, None);
    assert_eq!(other, Err(ObjectError::Differs));
    store.blob_moved(&call(GATE), blob, &sha256(&moved_file()), 8_000, None).unwrap();
    assert_eq!(store.blob_move_begin(&call(GATE), blob).map(drop), Err(ObjectError::NotMovable(blob)));
    assert_eq!(store.blob_delete(&call(OWNER), blob), Err(BlobError::Referenced(1)));
    assert_sound(&store);
    store.memory_delete(&call(OWNER), MemoryId(1), true).unwrap();
    assert_eq!(records(&store), 0);
    assert!(matches!(holders(&store)[..], [Holder::Nobody(_)]));
    assert_sound(&store);
}

fn limited(capsule_bytes_max: u64, in_flight_max: u64) -> SparseStore {
    let mut limited = config();
    limited.quotas.capsule_bytes_max = capsule_bytes_max;
    limited.quotas.bytes_in_flight_per_caller_max = in_flight_max;
    let mut store =
        Store::open(SparseMemory::default(), SparseMemory::default(), &limited, &[7; 32]).unwrap();
    store.capsule_create(&call(OWNER), None).unwrap();
    store
}

fn announced(bytes: &[u8]) -> BeginOptions {
    BeginOptions {
        total_len: Some(bytes.len() as u64),
        sha256: Some(sha256(bytes).to_vec()),
        mime_type: None,
        elsewhere: true,
    }
}

/// Begins and gives up again and again, with addresses in between: how often that goes.
fn given_up(store: &mut SparseStore, capsule: CapsuleId, granted: bool) -> u32 {
    let bytes = file(5_000, 9);
    for round in 0..20 {
        let begun = store.upload_begin(&call(OWNER), capsule, 1, "again", announced(&bytes));
        let Ok(id) = begun else { return round };
        if granted {
            store.upload_grant(&call(OWNER), id).unwrap();
        }
        store.upload_abort(&call(OWNER), id).unwrap();
        assert_sound(store);
    }
    20
}

#[test]
fn what_addresses_were_signed_for_counts_until_it_is_gone() {
    let mut store = limited(20_000, 1 << 40);
    assert_eq!(given_up(&mut store, CAPSULE, false), 20, "nothing was signed, so nothing can be there");
    assert_eq!(holders(&store), []);
    assert_eq!(given_up(&mut store, CAPSULE, true), 4);
    let leaving = |store: &SparseStore| {
        store.capsule(&person(OWNER), Some(CAPSULE)).map(|view| view.record.leaving_bytes)
    };
    assert_eq!(leaving(&store), Ok(20_000));
    let late = at(GATE, START_NS + 3 * HOUR_NS);
    while store.tick(&late).more {}
    assert_eq!(leaving(&store), Ok(20_000), "the host has not said that they are gone");
    let due: Vec<_> = store.objects_to_remove(&late).unwrap().iter().map(|object| object.id.0).collect();
    assert_eq!(store.objects_removed(&late, &due[..1]), Ok(1));
    assert_eq!(leaving(&store), Ok(15_000));
    assert_eq!(given_up(&mut store, CAPSULE, true), 1);
    assert_sound(&store);

    // What was attested is in the bucket, whoever signed for it.
    let mut store = limited(20_000, 1 << 40);
    let id = begin(&mut store, &pending_file(), "attested");
    store.upload_attest(&call(GATE), id, &found(&pending_file())).unwrap();
    store.upload_abort(&call(OWNER), id).unwrap();
    assert_eq!(leaving(&store), Ok(5_000));
    assert_sound(&store);
}

#[test]
fn what_leaves_of_a_deleted_capsule_counts_for_whoever_made_it() {
    let mut store = limited(1 << 40, 20_000);
    let published = begin(&mut store, &published_file(), "published");
    store.upload_attest(&call(GATE), published, &found(&published_file())).unwrap();
    publish(&mut store, published, &published_file());
    assert_eq!(given_up(&mut store, CAPSULE, true), 20, "a caller's limit is for what it has open");
    store.capsule_delete(&call(OWNER), CAPSULE).unwrap();
    while store.tick(&call(OWNER)).more {}
    assert_sound(&store);
    let next = store.capsule_create(&call(OWNER), None).unwrap().id;
    assert_eq!(given_up(&mut store, next, true), 0, "107,000 bytes of a deleted capsule may be there");
    let late = at(GATE, START_NS + 3 * HOUR_NS);
    let due: Vec<_> = store.objects_to_remove(&late).unwrap().iter().map(|object| object.id.0).collect();
    assert_eq!(store.objects_removed(&late, &due), Ok(21));
    while store.tick(&late).more {}
    assert_sound(&store);
    assert_eq!(store.check().capsules, 1, "the deleted one's record is gone too");
    assert_eq!(given_up(&mut store, next, true), 20);
}

#[test]
fn no_file_of_the_site_lies_in_the_bucket() {
    let mut controlled = config();
    controlled.controllers = vec![person(OWNER)];
    let mut store =
        Store::open(SparseMemory::default(), SparseMemory::default(), &controlled, &[7; 32]).unwrap();
    store.capsule_create(&call(OWNER), None).unwrap();
    let id = begin(&mut store, &published_file(), "page");
    store.upload_attest(&call(GATE), id, &found(&published_file())).unwrap();
    let done = store.upload_finish(&call(OWNER), id, &sha256(&published_file()), 7_000).unwrap();
    let (blob, _) = done.done().unwrap();
    let file = NewSiteFile { path: "index.html".into(), blob, mime_type: "text/html".into() };
    assert_eq!(store.site_set(&call(OWNER), vec![file], |_| [[0; 32]; 2]), Err(SiteError::Elsewhere(blob)));
    assert_sound(&store);
}
