//! Which memories are looked at again for the certified tree: those that changed, those of a capsule whose readers
//! changed, and those that an older program made.

use crate::inputs::{START_NS, inline_asset, memory_meta, person};
use ic_stable_structures::VectorMemory;
use keepsake_core::access::Role;
use keepsake_core::ids::{AssetId, CapsuleId, MemoryId};
use keepsake_core::memory::AssetKind;
use keepsake_core::{Call, Config, Principal, Store};

type TestStore = Store<VectorMemory, VectorMemory>;

const CAPSULE: CapsuleId = CapsuleId(1);

fn call() -> Call {
    Call { caller: person(1), now_ns: START_NS, epoch: 0, reusable_through: u64::MAX, room_bytes: u64::MAX }
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
    assert!(store.take_queued() && store.has_uncertified());
    assert_eq!(numbers(&store.take_uncertified(9)), [1, 2, 3, 4, 5]);
    assert!(!store.take_queued() && !store.has_uncertified());
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
    assert_eq!(numbers(&store.take_uncertified(9)), [2]);
    store.certify(MemoryId(4), Some(&[4; 32]));
    assert!(store.take_root_changed() && store.certified_root().is_some());
    store.memory_delete(&call(), MemoryId(4), true).unwrap();
    assert!(store.take_root_changed() && store.certified_root().is_none(), "gone in the same message");
    assert!(!store.take_queued());
    store.asset_remove(&call(), MemoryId(2), AssetId(2)).unwrap();
    assert_eq!(numbers(&store.take_uncertified(9)), [2]);
    store.memory_update(&call(), MemoryId(3), |meta| meta.title = Some("new".into())).unwrap();
    assert!(!store.has_uncertified(), "a title is in no answer");
}

#[test]
fn a_capsule_that_becomes_public_or_private_is_looked_at_in_slices() {
    let mut store = settled(&VectorMemory::default());
    let anonymous = Principal::anonymous();
    store.capsule_grant(&call(), CAPSULE, &person(2), Role::Guest).unwrap();
    assert!(!store.take_queued(), "a guest changes no answer");
    store.capsule_grant(&call(), CAPSULE, &anonymous, Role::Guest).unwrap();
    assert!(store.take_queued());
    assert_eq!(numbers(&store.take_uncertified(3)), [1, 2, 3]);
    let thumbnail = inline_asset(AssetKind::Thumbnail, vec![9]);
    store.memory_add_asset(&call(), MemoryId(1), thumbnail, "t").unwrap();
    assert_eq!(numbers(&store.take_uncertified(3)), [1, 4, 5]);
    assert_eq!(numbers(&store.take_uncertified(3)), Vec::<u64>::new());
    assert!(!store.has_uncertified());
    store.capsule_revoke(&call(), CAPSULE, &anonymous).unwrap();
    assert_eq!(numbers(&store.take_uncertified(9)), [1, 2, 3, 4, 5]);
}

#[test]
fn what_an_older_program_made_is_looked_at_in_slices() {
    let records = VectorMemory::default();
    drop(settled(&records));
    forget_that_all_were_seen(&records);
    let mut store = open(&records);
    assert!(store.has_uncertified());
    assert_eq!(numbers(&store.take_uncertified(2)), [1, 2]);
    let mut store = open(&records);
    assert_eq!(numbers(&store.take_uncertified(2)), [3, 4]);
    assert_eq!(numbers(&store.take_uncertified(2)), [5]);
    assert!(!store.has_uncertified());
    assert!(!open(&records).has_uncertified(), "nor after opening it again");
}
