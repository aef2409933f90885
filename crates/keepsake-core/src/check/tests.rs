//! The check finds what it is for: each test breaks one row of a sound store.

use crate::access::Role;
use crate::capsule::{Subject, listing_key, own_key};
use crate::devices::{DeviceRecord, Passkey};
use crate::ids::{CapsuleId, InvitationId, SessionId};
use crate::links::NewLink;
use crate::tables::due::DueKind;
use crate::tables::idem::{Scope, idem_key};
use crate::tables::registry::LogRecord;
use crate::upload::BeginOptions;
use crate::{Call, Config, Principal, Store};
use ic_stable_structures::VectorMemory;

type TestStore = Store<VectorMemory, VectorMemory>;

const CAPSULE: CapsuleId = CapsuleId(1);
const PENDING: SessionId = SessionId(1);

fn person(who: u8) -> Principal {
    Principal::self_authenticating([who])
}

/// Ed25519 in DER.
fn link_public_key() -> Vec<u8> {
    let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    [head.as_slice(), &[7; 32]].concat()
}

fn link_key() -> Principal {
    Principal::self_authenticating(link_public_key())
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

/// Somebody's own capsule with a guest, a pending session, an aborted one and an unreferenced blob. A code and a link lead into it, a
/// passkey is kept, a second device waits for its code, and a controller used a right.
fn sound() -> TestStore {
    let (records, heap) = (VectorMemory::default(), VectorMemory::default());
    let config = Config { controllers: vec![person(9)], ..Config::default() };
    let mut store = Store::open(records, heap, &config, &[7; 32]).unwrap();
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
    let soon = Some(2_000_000);
    store.invitation_create(&call(1), CAPSULE, Role::Guest, 1, soon, "").unwrap();
    store.devices_invite(&call(1), "").unwrap();
    store.link_create(&call(1), CAPSULE, &link_public_key(), NewLink::default()).unwrap();
    let passkey = Passkey { credential_id: vec![5], public_key: vec![1] };
    store.passkey_register(&call(1), &passkey).unwrap();
    store.operator_quota(&call(9), &person(2), Some(5)).unwrap();
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
        let listing = crate::capsule::Listing { granted: vec![1, 2], ..Default::default() };
        let detail = minicbor::to_vec(&listing).unwrap();
        store.idem.remember(listing_key(&person(2)), [0; 32], 0, detail);
    });
}

#[test]
fn counts_of_members_that_are_wrong_are_found() {
    assert_found("capsule_1: member_count is 3, found 2", |store| {
        store.capsules.update(CAPSULE, |capsule| capsule.member_count += 1);
    });
    assert_found("capsule_1: owner_count is 0, found 1", |store| {
        store.capsules.update(CAPSULE, |capsule| capsule.owner_count = 0);
    });
}

#[test]
fn an_invitation_that_is_not_forgotten_in_its_time_is_found() {
    let forgotten_ns = |store: &TestStore, number| {
        let invitation = store.registry.invitation(InvitationId(number)).unwrap();
        crate::invitations::forgotten_ns(&invitation).unwrap()
    };
    assert_found("invitation 1 is due at []", |store| {
        store.due.remove(forgotten_ns(store, 1), DueKind::Invitation, 1);
    });
    assert_found("invitation 1 is due at [5", |store| store.due.add(5, DueKind::Invitation, 1));
    assert_found("due for invitation 2, which is not there", |store| {
        let at_ns = forgotten_ns(store, 2);
        store.forget_invitation(InvitationId(2));
        store.due.add(at_ns, DueKind::Invitation, 2);
    });
}

#[test]
fn a_code_that_nobody_waits_for_is_found() {
    assert_found("1 devices are invited, 0 are waited for", |store| {
        store.registry.update_person(&person(1), |person| person.waiting.clear());
    });
    assert_found("waits for invitation 1, which is not its", |store| {
        store.registry.update_person(&person(1), |person| person.waiting.push(1));
    });
}

#[test]
fn a_way_into_a_capsule_that_is_not_there_is_found() {
    let lose_members = |store: &mut TestStore| {
        store.remove_member(CAPSULE, &person(1));
        store.remove_member(CAPSULE, &person(2));
    };
    assert_found("invitation 1 is into a capsule that is not there", lose_members);
    assert_found("is into a capsule that is not there", |store| {
        store.registry.remove_invitation(InvitationId(1));
        lose_members(store);
        // What is left of a deleted capsule's links goes with its record.
        store.capsules.remove(CAPSULE);
    });
}

#[test]
fn a_capsule_that_is_noted_under_another_maker_is_found() {
    assert_found("capsule_1 is noted as made by", |store| {
        store.registry.set_maker(CAPSULE, None, Some(&person(2)));
    });
}

#[test]
fn a_row_of_the_registry_that_another_does_not_name_is_found() {
    assert_found("row of kind 8", |store| {
        let device = store.registry.device(&person(1)).unwrap();
        store.registry.put_device(&person(1), &DeviceRecord { credential: None, ..device });
    });
    assert_found("row of kind 1 ", |store| {
        let device = store.registry.device(&person(1)).unwrap();
        store.registry.remove_passkey(&device.credential.unwrap());
    });
    assert_found("row of kind 1 ", |store| {
        let link = store.registry.link(&link_key()).unwrap();
        store.registry.put_link(&link_key(), &crate::links::LinkRecord { named: Some(2), ..link });
    });
    assert_found("row of kind 9", |store| {
        let link = store.registry.link(&link_key()).unwrap();
        store.registry.put_link(&link_key(), &crate::links::LinkRecord { capsule: 2, ..link });
    });
    assert_found("row of kind 11", |store| {
        let entry = LogRecord { at_ns: 1, by: person(9), action: "quota".into(), target: String::new() };
        store.registry.put_log(99, &entry);
    });
}
