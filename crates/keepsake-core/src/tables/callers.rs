//! The table of callers: what each has open and has made. Owns its map; the quotas belong to the rules.

use crate::layout::{Map, Part, part};
use crate::record::{Record, principal_key, principal_of_key};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::{Decode, Encode};

/// What one caller has open.
#[derive(Encode, Decode, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CallerRecord {
    #[n(0)]
    pub(crate) pending_sessions: u32,
    #[n(1)]
    pub(crate) bytes_in_flight: u64,
    #[n(2)]
    pub(crate) finished_sessions: u64,
    #[n(3)]
    pub(crate) capsules_created: u32,
    /// Aborted sessions that are listed.
    #[cbor(n(4), default)]
    pub(crate) aborted_sessions: u32,
    /// What leaves the bucket of capsules that it made and that are deleted, bytes.
    #[cbor(n(5), default)]
    pub(crate) leaving_bytes: u64,
}

pub(crate) struct Callers<R: Memory>(Map<[u8; 30], Record<CallerRecord>, R>);

impl<R: Memory> Callers<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self(Map::init(part(manager, Part::Callers)))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("callers", wrong);
    }

    /// A caller's record; the empty one where there is none.
    pub(crate) fn get(&self, caller: &Principal) -> CallerRecord {
        self.0.get(&principal_key(caller)).map_or_else(CallerRecord::default, |record| record.0)
    }

    /// Changes a caller's record. An empty one is not kept.
    pub(crate) fn update(&mut self, caller: &Principal, change: impl FnOnce(&mut CallerRecord)) {
        let mut record = self.get(caller);
        change(&mut record);
        if record == CallerRecord::default() {
            self.0.remove(&principal_key(caller));
        } else {
            self.0.put(&principal_key(caller), &record);
        }
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Principal, CallerRecord)> + '_ {
        self.0.iter().map(|(key, record)| (principal_of_key(&key), record.0))
    }
}
