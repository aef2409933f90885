//! A store in memory for tests of rules: how it is opened, and messages to it. Owns no data.

use crate::inputs::{START_NS, person};
use ic_stable_structures::VectorMemory;
use keepsake_core::{Call, Config, Store};

pub(crate) type TestStore = Store<VectorMemory, VectorMemory>;

pub(crate) fn opened(config: &Config) -> TestStore {
    Store::open(VectorMemory::default(), VectorMemory::default(), config, &[7; 32]).unwrap()
}

pub(crate) fn empty() -> TestStore {
    opened(&Config::default())
}

/// A message of one of [`person`].
pub(crate) fn call(who: u32) -> Call {
    Call {
        caller: person(who),
        now_ns: START_NS,
        epoch: 0,
        reusable_through: u64::MAX,
        room_bytes: u64::MAX,
        rows_max: u32::MAX,
    }
}

#[track_caller]
pub(crate) fn assert_sound(store: &TestStore) {
    assert_eq!(store.check().violations, Vec::<String>::new());
}
