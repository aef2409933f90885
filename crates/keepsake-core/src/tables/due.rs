//! The queue of what is due: what to look at, and not before when. Owns its map; what is done then belongs to
//! `housekeeping`.
//!
//! ```text
//! key: time ns u64 | kind u8 (0 session, 1 blob, 2 capsule, 3 runs of a session that is gone, 4 invitation,
//!                          5 what links of a capsule named that ended) | id u64
//! ```

use crate::layout::{Map, Part, part};
use crate::record::u64_be;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

/// What an entry of the queue is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DueKind {
    Session = 0,
    Blob = 1,
    Capsule = 2,
    Runs = 3,
    Invitation = 4,
    Links = 5,
}

impl DueKind {
    fn from_byte(byte: u8) -> Self {
        match byte {
            0 => Self::Session,
            1 => Self::Blob,
            2 => Self::Capsule,
            3 => Self::Runs,
            4 => Self::Invitation,
            5 => Self::Links,
            other => unreachable!("a stored kind is 0..=5, not {other}"),
        }
    }
}

/// One entry: look at this, not before then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueEntry {
    pub(crate) at_ns: u64,
    pub(crate) kind: DueKind,
    pub(crate) id: u64,
}

pub(crate) struct Due<R: Memory>(Map<[u8; 17], (), R>);

impl<R: Memory> Due<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self(Map::init(part(manager, Part::Due)))
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.0.check_tree("what is due", wrong);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    pub(crate) fn add(&mut self, at_ns: u64, kind: DueKind, id: u64) {
        self.0.insert(due_key(at_ns, kind, id), ());
    }

    pub(crate) fn remove(&mut self, at_ns: u64, kind: DueKind, id: u64) {
        self.0.remove(&due_key(at_ns, kind, id));
    }

    pub(crate) fn first(&self) -> Option<DueEntry> {
        self.0.first_key_value().map(|(key, ())| entry(&key))
    }

    /// The first entry whose time is before `now_ns`.
    pub(crate) fn first_before(&self, now_ns: u64) -> Option<DueEntry> {
        self.first().filter(|first| first.at_ns < now_ns)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = DueEntry> + '_ {
        self.0.keys().map(|key| entry(&key))
    }
}

fn entry(key: &[u8; 17]) -> DueEntry {
    DueEntry { at_ns: u64_be(&key[..8]), kind: DueKind::from_byte(key[8]), id: u64_be(&key[9..]) }
}

fn due_key(at_ns: u64, kind: DueKind, id: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&at_ns.to_be_bytes());
    key[8] = kind as u8;
    key[9..].copy_from_slice(&id.to_be_bytes());
    key
}
