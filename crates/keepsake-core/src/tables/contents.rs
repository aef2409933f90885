//! The table of contents: which memory of a capsule has which file as its original. Owns its map and the mark of how far it
//! reaches; what an original is, and what is told of it, belongs to the rules.
//!
//! ```text
//! key: capsule u64 | SHA-256 of the original | memory u64      value: nothing
//! ```

use crate::ids::{CapsuleId, MemoryId};
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::u64_be;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

const KEY_BYTES: usize = 8 + 32 + 8;

pub(crate) struct Contents<R: Memory> {
    rows: Map<[u8; KEY_BYTES], (), R>,
    from: Counter<R>,
}

impl<R: Memory> Contents<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            rows: Map::open(part(manager, Part::Contents)),
            from: Counter::open(manager, Field::ContentsFrom),
        }
    }

    /// What is broken in the tree below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.rows.check_tree("contents", wrong);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.rows.bytes()
    }

    pub(crate) fn len(&self) -> u64 {
        self.rows.len()
    }

    /// Whether a memory is in the index, where it has an original.
    pub(crate) fn reaches(&self, memory: MemoryId) -> bool {
        memory.0 >= self.from.read()
    }

    /// Whether all are.
    pub(crate) fn reaches_all(&self) -> bool {
        self.from.read() == 0
    }

    /// From now on it reaches down to `memory`; none: to the first one.
    pub(crate) fn reach(&mut self, memory: Option<MemoryId>) {
        self.from.set(memory.map_or(0, |id| id.0));
    }

    /// The memory from which on it reaches.
    pub(crate) fn reached(&self) -> MemoryId {
        MemoryId(self.from.read())
    }

    pub(crate) fn add(&mut self, capsule: CapsuleId, sha256: &[u8; 32], memory: MemoryId) {
        self.rows.insert(key(capsule, sha256, memory), ());
    }

    pub(crate) fn remove(&mut self, capsule: CapsuleId, sha256: &[u8; 32], memory: MemoryId) {
        self.rows.remove(&key(capsule, sha256, memory));
    }

    pub(crate) fn contains(&self, capsule: CapsuleId, sha256: &[u8; 32], memory: MemoryId) -> bool {
        self.rows.contains_key(&key(capsule, sha256, memory))
    }

    /// The first memory of a capsule with this original.
    pub(crate) fn first(&self, capsule: CapsuleId, sha256: &[u8; 32]) -> Option<MemoryId> {
        let from = key(capsule, sha256, MemoryId(0));
        let found = self.rows.keys_range(from..).next()?;
        (found[..40] == from[..40]).then(|| MemoryId(u64_be(&found[40..])))
    }
}

fn key(capsule: CapsuleId, sha256: &[u8; 32], memory: MemoryId) -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    key[..8].copy_from_slice(&capsule.0.to_be_bytes());
    key[8..40].copy_from_slice(sha256);
    key[40..].copy_from_slice(&memory.0.to_be_bytes());
    key
}
