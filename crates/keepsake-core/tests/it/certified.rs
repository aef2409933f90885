//! Which memories are looked at again for the certified tree: those that changed, those of a capsule whose readers
//! changed, and those that an older program made.

use crate::inputs::{START_NS, inline_asset, memory_meta, person};
use ic_stable_structures::VectorMemory;
use keepsake_core::access::Role;
use keepsake_core::capsule::Subject;
use keepsake_core::certified::Certification::{Changed, Done, Walk};
use keepsake_core::ids::{AssetId, CapsuleId, MemoryId};
use keepsake_core::memory::AssetKind;
use keepsake_core::{Call, Config, Principal, Store};

type TestStore = Store<VectorMemory, VectorMemory>;

const CAPSULE: CapsuleId = CapsuleId(1);

fn call() -> Call {
    Call {
        caller: person(1),
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

fn open(records: &VectorMemory) -> TestStore {
    Store::open(records.clone(), VectorMemory::default(), &Config::default(), &[1; 32]).unwrap()
}

/// A store with five memories, all looked at.
fn settled(records: &VectorMemory) -> TestStore {
    let mut store = open(records);
    assert_eq!(store.capsule_create(&call(), None).unwrap().id, CAPSULE);
    for n in 1..=5_u8 {
        let assets = vec![inline_asset(AssetKind::Original, vec![n])];
        store.memory_create(&call(), CAPSULE, memory_meta("m"), assets, &n.to_string()).unwrap();
    }
    assert!(store.take_queued() && store.uncertified() == Changed);
    assert_eq!(numbers(&store.take_uncertified(9, true)), [1, 2, 3, 4, 5]);
    assert!(!store.take_queued() && store.uncertified() == Done);
    store
}

fn numbers(ids: &[MemoryId]) -> Vec<u64> {
    ids.iter().map(|id| id.0).collect()
}

/// What a store of an older program has there.
fn forget_that_all_were_seen(records: &VectorMemory) {
    let mut bytes = records.borrow_mut();
    let header = bytes.windows(8).position(|window| window == b"KEEPSAKE").unwrap();
    bytes[header + 128..header + 136].fill(0);
}

#[test]
fn changed_memories_are_looked_at_again_and_deleted_ones_are_gone() {
    let mut store = settled(&VectorMemory::default());
    let thumbnail = inline_asset(AssetKind::Thumbnail, vec![9]);
    store.memory_add_asset(&call(), MemoryId(2), thumbnail, "t").unwrap();
    assert!(store.take_queued());
    assert_eq!(numbers(&store.take_uncertified(9, true)), [2]);
    store.certify(MemoryId(4), Some(&[4; 32]));
    assert!(store.take_root_changed() && store.certified_root().is_some());
    store.memory_delete(&call(), MemoryId(4), true).unwrap();
    assert!(store.take_root_changed() && store.certified_root().is_none(), "gone in the same message");
    assert!(!store.take_queued());
    store.asset_remove(&call(), MemoryId(2), AssetId(2)).unwrap();
    assert_eq!(numbers(&store.take_uncertified(9, true)), [2]);
    store.memory_update(&call(), MemoryId(3), |meta| meta.title = Some("new".into())).unwrap();
    assert_eq!(store.uncertified(), Done, "a title is in no answer");
}

#[test]
fn a_capsule_that_becomes_public_or_private_is_looked_at_in_slices() {
    let mut store = settled(&VectorMemory::default());
    let anonymous = Principal::anonymous();
    store.capsule_grant(&call(), CAPSULE, &person(2), Role::Guest).unwrap();
    assert!(!store.take_queued(), "a guest changes no answer");
    store.capsule_grant(&call(), CAPSULE, &anonymous, Role::Guest).unwrap();
    assert!(store.take_queued());
    assert_eq!(store.uncertified(), Walk);
    assert_eq!(numbers(&store.take_uncertified(3, false)), Vec::<u64>::new(), "not without leave to walk");
    assert_eq!(numbers(&store.take_uncertified(3, true)), [1, 2, 3]);
    let thumbnail = inline_asset(AssetKind::Thumbnail, vec![9]);
    store.memory_add_asset(&call(), MemoryId(1), thumbnail, "t").unwrap();
    assert_eq!(numbers(&store.take_uncertified(3, true)), [1, 4, 5]);
    assert_eq!(numbers(&store.take_uncertified(3, true)), Vec::<u64>::new());
    assert_eq!(store.uncertified(), Done);
    store.capsule_revoke(&call(), CAPSULE, &anonymous).unwrap();
    assert_eq!(numbers(&store.take_uncertified(9, true)), [1, 2, 3, 4, 5]);
}

#[test]
fn what_an_older_program_made_is_looked_at_in_slices() {
    let records = VectorMemory::default();
    drop(settled(&records));
    forget_that_all_were_seen(&records);
    let mut store = open(&records);
    assert_eq!(store.uncertified(), Changed);
    assert_eq!(numbers(&store.take_uncertified(2, true)), [1, 2]);
    let mut store = open(&records);
    assert_eq!(numbers(&store.take_uncertified(2, true)), [3, 4]);
    assert_eq!(numbers(&store.take_uncertified(2, true)), [5]);
    assert_eq!(store.uncertified(), Done);
    assert_eq!(open(&records).uncertified(), Done, "nor after opening it again");
}

#[test]
fn capsules_take_turns() {
    let mut store = settled(&VectorMemory::default());
    let anonymous = Principal::anonymous();
    let subject = Subject::Opaque("grandmother".into());
    let other = store.capsule_create(&call(), Some(subject)).unwrap().id;
    let assets = vec![inline_asset(AssetKind::Original, vec![6])];
    let sixth = store.memory_create(&call(), other, memory_meta("m"), assets, "sixth").unwrap();
    assert_eq!(store.take_uncertified(9, true), [sixth]);
    store.capsule_grant(&call(), other, &anonymous, Role::Guest).unwrap();
    for round in 0..2 {
        store.capsule_grant(&call(), CAPSULE, &anonymous, Role::Guest).unwrap();
        let taken = [store.take_uncertified(1, true), store.take_uncertified(1, true)].concat();
        assert!(
            round > 0 || taken.contains(&sixth),
            "{taken:?}: it does not wait for a capsule that changes again"
        );
        store.capsule_revoke(&call(), CAPSULE, &anonymous).unwrap();
    }
}

#[test]
fn a_host_that_proves_nothing_keeps_no_list_and_one_that_does_looks_at_all() {
    let records = VectorMemory::default();
    let node = || {
        let config = Config { uncertified: true, ..Config::default() };
        Store::open(records.clone(), VectorMemory::default(), &config, &[1; 32]).unwrap()
    };
    let mut store = node();
    assert_eq!(store.capsule_create(&call(), None).unwrap().id, CAPSULE);
    for n in 1..=3_u8 {
        let assets = vec![inline_asset(AssetKind::Original, vec![n])];
        store.memory_create(&call(), CAPSULE, memory_meta("m"), assets, &n.to_string()).unwrap();
    }
    store.capsule_grant(&call(), CAPSULE, &Principal::anonymous(), Role::Guest).unwrap();
    store.want_pieces(MemoryId(1));
    assert!(!store.take_queued());
    assert_eq!((store.uncertified(), store.hash_pieces(9)), (Done, 0));

    let mut store = open(&records);
    assert_eq!(store.uncertified(), Changed, "from the first on");
    assert_eq!(numbers(&store.take_uncertified(2, false)), [1, 2]);
    store.certify(MemoryId(1), Some(&[1; 32]));
    store.certify(MemoryId(2), Some(&[2; 32]));
    assert_eq!(numbers(&store.take_uncertified(2, false)), [3]);
    assert_eq!(open(&records).uncertified(), Done);

    let (mut store, before) = (node(), store.certified_root());
    assert_eq!(store.certified_root(), before, "the tree is kept");
    store.memory_delete(&call(), MemoryId(2), true).unwrap();
    assert_ne!(store.certified_root(), before, "what is deleted leaves it");
    let mut store = open(&records);
    assert_eq!(numbers(&store.take_uncertified(9, false)), [1, 3], "what changed meanwhile is looked at");
}
