//! The check finds what it is for: each test breaks one row of a sound store.

use crate::access::Role;
use crate::capsule::{Subject, listing_key, own_key};
use crate::ids::{CapsuleId, SessionId};
use crate::tables::due::DueKind;
use crate::tables::idem::{Scope, idem_key};
use crate::upload::BeginOptions;
use crate::{Call, Config, Principal, Store};
use ic_stable_structures::VectorMemory;

type TestStore = Store<VectorMemory, VectorMemory>;

const CAPSULE: CapsuleId = CapsuleId(1);
const PENDING: SessionId = SessionId(1);

fn person(who: u8) -> Principal {
    Principal::self_authenticating([who])
}

fn call(who: u8) -> Call {
    Call {
        caller: person(who),
        now_ns: 1_000_000,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

/// Somebody's own capsule with a guest, a pending session, an aborted one and an unreferenced blob.
fn sound() -> TestStore {
    let (records, heap) = (VectorMemory::default(), VectorMemory::default());
    let mut store = Store::open(records, heap, &Config::default(), &[7; 32]).unwrap();
    assert_eq!(store.capsule_create(&call(1), None).unwrap().id, CAPSULE);
    store.capsule_create(&call(1), Some(Subject::Opaque("Grandmother".into()))).unwrap();
    store.capsule_grant(&call(1), CAPSULE, &person(2), Role::Guest).unwrap();
    let mut begin = |key| store.upload_begin(&call(1), CAPSULE, 1, key, BeginOptions::default()).unwrap();
    assert_eq!(begin("pending"), PENDING);
    let (aborted, finished) = (begin("aborted"), begin("finished"));
    store.upload_abort(&call(1), aborted).unwrap();
    store.upload_put(&call(1), finished, 0, b"abc").unwrap();
    let sha256 = <sha2::Sha256 as sha2::Digest>::digest(b"abc");
    store.upload_finish(&call(1), finished, &sha256, 3).unwrap();
    assert_eq!(store.check().violations, Vec::<String>::new());
    store
}

#[track_caller]
fn assert_found(what: &str, broken: impl FnOnce(&mut TestStore)) {
    let mut store = sound();
    broken(&mut store);
    let violations = store.check().violations;
    assert!(violations.iter().any(|text| text.contains(what)), "{what} is not among {violations:?}");
}

#[test]
fn a_thing_that_would_never_end_is_found() {
    assert_found("session 1 is due at []", |store| {
        let at_ns = store.sessions.get(PENDING).unwrap().due_ns.unwrap();
        store.due.remove(at_ns, DueKind::Session, PENDING.0);
    });
    assert_found("blob_1 is due at []", |store| {
        let at_ns = store.blobs.get(crate::ids::BlobId(1)).unwrap().expires_ns.unwrap();
        store.due.remove(at_ns, DueKind::Blob, 1);
    });
}

#[test]
fn an_entry_too_many_is_found() {
    assert_found("session 1 is due at [5", |store| store.due.add(5, DueKind::Session, PENDING.0));
    assert_found("number 99 of kind Blob", |store| store.due.add(5, DueKind::Blob, 99));
    assert_found("capsule_1: members and its purge", |store| {
        store.due.add(0, DueKind::Capsule, CAPSULE.0);
    });
}

#[test]
fn a_key_that_answers_for_nothing_or_for_another_thing_is_found() {
    assert_found("5 idempotency records, 4 things", |store| {
        store.idem.remember([9; 32], [0; 32], 1, Vec::new());
    });
    assert_found("session 1: its key does not name it", |store| {
        let key = idem_key(Scope::Begin, &person(1), CAPSULE, "pending").unwrap();
        store.idem.remember(key, [0; 32], 77, Vec::new());
    });
    assert_found("the own capsule", |store| {
        store.idem.remember(own_key(&person(1)), [0; 32], 2, Vec::new());
    });
}

#[test]
fn a_listing_that_names_a_capsule_without_role_is_found() {
    assert_found("capsule_2 is not listed rightly", |store| {
        let listing = crate::capsule::Listing { made: vec![], granted: vec![1, 2] };
        let detail = minicbor::to_vec(&listing).unwrap();
        store.idem.remember(listing_key(&person(2)), [0; 32], 0, detail);
    });
}
