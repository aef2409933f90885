//! The table of capsules: their records, and which memories, blobs and sessions are in each. Owns these two maps and the
//! sequence of ids; quotas and members belong to the rules.
//!
//! ```text
//! capsules             key: capsule u64                                                       value: CapsuleRecord
//! items of a capsule   key: capsule u64 | kind u8 (0 memory, 1 blob, 2 session) | id u64
//! ```

use crate::ids::{CapsuleId, MemoryId};
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::{Record, principal, u64_be};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::{Decode, Encode};

/// Whom a capsule is about.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody with a key.
    #[n(0)]
    Principal(#[cbor(n(0), with = "principal")] Principal),
    /// Somebody known by a name.
    #[n(1)]
    Opaque(#[n(0)] String),
}

/// A capsule's record.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct CapsuleRecord {
    /// Whom it is about.
    #[n(0)]
    pub subject: Subject,
    /// Who made it.
    #[cbor(n(1), with = "principal")]
    pub creator: Principal,
    /// Creation time, ns.
    #[n(2)]
    pub created_ns: u64,
    /// Last change, ns.
    #[n(3)]
    pub updated_ns: u64,
    /// Bytes of blobs and inline assets.
    #[n(4)]
    pub bytes_used: u64,
    /// Bytes reserved by pending sessions.
    #[n(5)]
    pub bytes_in_flight: u64,
    /// Bytes of inline assets, part of `bytes_used`.
    #[n(6)]
    pub inline_bytes: u64,
    /// Memories.
    #[n(7)]
    pub memory_count: u64,
    /// Members that are owners.
    #[n(8)]
    pub owner_count: u32,
    /// Members, owners too.
    #[n(9)]
    pub member_count: u32,
    /// What the records of its memories and blobs cost, bytes.
    #[cbor(n(10), default)]
    pub record_bytes: u64,
    /// What its owners call it.
    #[n(11)]
    pub name: Option<String>,
    /// The operator made somebody its owner: the last time.
    #[n(12)]
    pub given: Option<Given>,
    /// Bytes of its objects in the host's bucket that are nobody's any more and may still be there.
    #[cbor(n(13), default)]
    pub leaving_bytes: u64,
}

/// An operator's gift of a capsule that nobody could reach.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// To whom.
    #[cbor(n(0), with = "principal")]
    pub to: Principal,
    /// By which controller.
    #[cbor(n(1), with = "principal")]
    pub by: Principal,
    /// When, ns.
    #[n(2)]
    pub at_ns: u64,
}

/// What an item of a capsule is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ItemKind {
    Memory = 0,
    Blob = 1,
    Session = 2,
}

pub(crate) struct Capsules<R: Memory> {
    records: Map<u64, Record<CapsuleRecord>, R>,
    items: Map<[u8; 17], (), R>,
    next: Counter<R>,
}

impl<R: Memory> Capsules<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            records: Map::init(part(manager, Part::Capsules)),
            items: Map::init(part(manager, Part::Items)),
            next: Counter::open(manager, Field::NextCapsule),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.records.check_tree("capsules", wrong);
        self.items.check_tree("items of capsules", wrong);
    }

    /// The record of a capsule that something names: it is there.
    pub(crate) fn get(&self, id: CapsuleId) -> CapsuleRecord {
        self.records.get(&id.0).expect("a capsule with members, sessions, blobs or memories has a record").0
    }

    pub(crate) fn contains(&self, id: CapsuleId) -> bool {
        self.records.contains_key(&id.0)
    }

    pub(crate) fn put(&mut self, id: CapsuleId, record: &CapsuleRecord) {
        self.records.put(&id.0, record);
    }

    pub(crate) fn update(&mut self, id: CapsuleId, change: impl FnOnce(&mut CapsuleRecord)) {
        let mut record = self.get(id);
        change(&mut record);
        self.records.put(&id.0, &record);
    }

    /// A new capsule, under the next number.
    pub(crate) fn add(&mut self, record: &CapsuleRecord) -> CapsuleId {
        let id = CapsuleId(self.next.next());
        self.records.put(&id.0, record);
        id
    }

    /// Removes the record of a capsule that has no items left.
    pub(crate) fn remove(&mut self, id: CapsuleId) {
        self.records.remove(&id.0);
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.bytes() + self.items.bytes()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (CapsuleId, CapsuleRecord)> + '_ {
        self.records.iter().map(|(id, record)| (CapsuleId(id), record.0))
    }

    pub(crate) fn add_item(&mut self, capsule: CapsuleId, kind: ItemKind, id: u64) {
        self.items.insert(item_key(capsule, kind, id), ());
    }

    pub(crate) fn remove_item(&mut self, capsule: CapsuleId, kind: ItemKind, id: u64) {
        self.items.remove(&item_key(capsule, kind, id));
    }

    pub(crate) fn has_item(&self, capsule: CapsuleId, kind: ItemKind, id: u64) -> bool {
        self.items.contains_key(&item_key(capsule, kind, id))
    }

    /// Items of all capsules.
    pub(crate) fn item_count(&self) -> u64 {
        self.items.len()
    }

    /// The first item of a capsule: memories first, then blobs, then sessions.
    pub(crate) fn first_item(&self, capsule: CapsuleId) -> Option<(ItemKind, u64)> {
        let from = item_key(capsule, ItemKind::Memory, 0);
        let key = self.items.keys_range(from..).next().filter(|key| key[..8] == from[..8])?;
        let kind = match key[8] {
            0 => ItemKind::Memory,
            1 => ItemKind::Blob,
            _ => ItemKind::Session,
        };
        Some((kind, u64_be(&key[9..])))
    }

    /// The memories of a capsule with numbers from `first` to before `end`, by number.
    pub(crate) fn memories(
        &self,
        capsule: CapsuleId,
        first: u64,
        end: u64,
    ) -> impl DoubleEndedIterator<Item = MemoryId> + '_ {
        let range = item_key(capsule, ItemKind::Memory, first)..item_key(capsule, ItemKind::Memory, end);
        self.items.keys_range(range).map(|key| MemoryId(u64_be(&key[9..])))
    }
}

fn item_key(capsule: CapsuleId, kind: ItemKind, id: u64) -> [u8; 17] {
    let mut key = [0; 17];
    key[..8].copy_from_slice(&capsule.0.to_be_bytes());
    key[8] = kind as u8;
    key[9..].copy_from_slice(&id.to_be_bytes());
    key
}
