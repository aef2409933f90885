//! The table of memories: their records, and the bytes of inline assets. Owns these two maps and their counters; what an
//! asset refers to belongs to the rules.
//!
//! ```text
//! memories   key: memory u64                 value: MemoryRecord (metadata and assets, without inline bytes)
//! inline     key: memory u64 | asset u64     value: the bytes
//! ```
//! Inline bytes lie apart, so that a page of a list reads metadata only.

mod record;

pub use record::{
    AssetKind, AssetMeta, AssetRecord, AssetSource, Hosting, MediaType, MemoryMeta, MemoryRecord,
};

use crate::ids::{AssetId, CapsuleId, MemoryId};
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::{Record, first_number, key16};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;

/// The front of a record that has its first field, the capsule: the version, the head of a list, a number.
const CAPSULE_FRONT_BYTES: usize = 1 + 1 + 9;

pub(crate) struct Memories<R: Memory> {
    records: Map<u64, Record<MemoryRecord>, R>,
    inline: Map<[u8; 16], Vec<u8>, R>,
    next: Counter<R>,
    stored: Counter<R>,
    counted_from: Counter<R>,
}

impl<R: Memory> Memories<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            records: Map::init(part(manager, Part::Memories)),
            inline: Map::init(part(manager, Part::Inline)),
            next: Counter::open(manager, Field::NextMemory),
            stored: Counter::open(manager, Field::MemoriesStored),
            counted_from: Counter::open(manager, Field::MemoriesCountedFrom),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.records.check_tree("memories", wrong);
        self.inline.check_tree("inline assets", wrong);
    }

    pub(crate) fn get(&self, id: MemoryId) -> Option<MemoryRecord> {
        self.records.get(&id.0).map(|record| record.0)
    }

    /// The capsule of a memory, without reading the rest of its record. O(log memories).
    pub(crate) fn capsule_of(&self, id: MemoryId) -> Option<CapsuleId> {
        let front = self.records.get_front(&id.0, CAPSULE_FRONT_BYTES)?;
        Some(CapsuleId(first_number(&front)))
    }

    /// Stores a memory that is there already.
    pub(crate) fn put(&mut self, id: MemoryId, record: &MemoryRecord) {
        self.records.put(&id.0, record);
    }

    /// The number that the next [`Self::add`] gives.
    pub(crate) fn next_id(&self) -> MemoryId {
        MemoryId(self.next.read())
    }

    /// A new memory, under the next number.
    pub(crate) fn add(&mut self, record: &MemoryRecord) -> MemoryId {
        let id = MemoryId(self.next.next());
        self.records.put(&id.0, record);
        self.stored.add(1);
        id
    }

    /// Removes a memory; its inline bytes go one by one before.
    pub(crate) fn remove(&mut self, id: MemoryId) {
        self.records.remove(&id.0);
        self.stored.sub(1);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (MemoryId, MemoryRecord)> + '_ {
        self.records.iter().map(|(id, record)| (MemoryId(id), record.0))
    }

    /// The numbers after `id`, in order.
    pub(crate) fn ids_after(&self, id: u64) -> impl Iterator<Item = MemoryId> + '_ {
        self.records.keys_range(id.saturating_add(1)..).map(MemoryId)
    }

    /// Memories stored.
    pub(crate) fn count(&self) -> u64 {
        self.stored.read()
    }

    /// The newest one before `id`.
    pub(crate) fn newest_before(&self, id: MemoryId) -> Option<(MemoryId, MemoryRecord)> {
        self.records.range(..id.0).next_back().map(|(id, record)| (MemoryId(id), record.0))
    }

    /// Whether a memory is counted in its capsule's record bytes (see [`crate::charge`]).
    pub(crate) fn is_counted(&self, id: MemoryId) -> bool {
        id.0 >= self.counted_from.read()
    }

    /// Whether all are.
    pub(crate) fn counts_all(&self) -> bool {
        self.counted_from.read() == 0
    }

    /// From now on none is counted that is there.
    pub(crate) fn count_none(&mut self) {
        self.counted_from.set(self.next.read());
    }

    /// The newest one that is not counted is counted from now on; none where all are.
    pub(crate) fn count_next(&mut self) -> Option<MemoryRecord> {
        let last = self.newest_before(MemoryId(self.counted_from.read()));
        self.counted_from.set(last.as_ref().map_or(0, |(id, _)| id.0));
        last.map(|(_, record)| record)
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.bytes() + self.inline.bytes()
    }

    pub(crate) fn inline(&self, id: MemoryId, asset: AssetId) -> Option<Vec<u8>> {
        self.inline.get(&key16(id.0, asset.0))
    }

    pub(crate) fn put_inline(&mut self, id: MemoryId, asset: AssetId, bytes: Vec<u8>) {
        self.inline.insert(key16(id.0, asset.0), bytes);
    }

    pub(crate) fn remove_inline(&mut self, id: MemoryId, asset: AssetId) {
        self.inline.remove(&key16(id.0, asset.0));
    }

    /// What is broken within the table, in words. O(memories).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        let mut inline = 0;
        for (id, memory) in self.iter() {
            for asset in &memory.assets {
                let AssetSource::Inline { len, .. } = asset.source else { continue };
                inline += 1;
                let bytes = self.inline(id, AssetId(asset.id));
                if bytes.is_none_or(|bytes| bytes.len() as u64 != len) {
                    wrong.push(format!("{id}: inline asset {} has not its bytes", asset.id));
                }
            }
        }
        let stored = self.inline.len();
        if stored != inline {
            wrong.push(format!("{inline} inline assets, {stored} rows of inline bytes"));
        }
        let (counted, found) = (self.count(), self.records.len());
        if counted != found {
            wrong.push(format!("header counts {counted} memories, there are {found}"));
        }
    }
}
