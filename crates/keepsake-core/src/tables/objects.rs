//! The table of objects: everything that lies, may lie, or may yet come to lie in the host's bucket because of this store.
//! Owns the records and the list of those that are to be removed; what is put there and when it goes belongs to `objects`.
//!
//! ```text
//! objects            key: object u64                      value: ObjectRecord
//! objects to remove  key: not before ns u64 | object u64  -
//! ```
//! An object has its record before anybody may write it, and keeps it until the host has seen that it is gone: so the bucket
//! never holds what no record names.

use crate::ids::ObjectId;
use crate::layout::{Counter, Field, Map, Part, part};
use crate::record::{Record, u64_be};
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// Whose bytes an object has.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// They come in by this session.
    #[n(0)]
    Session(#[n(0)] u64),
    /// They are, or become, the bytes of this blob.
    #[n(1)]
    Blob(#[n(0)] u64),
    /// Nobody's any more: to be removed, not before this time, ns.
    #[n(2)]
    Nobody(#[n(0)] u64),
}

/// An object's record.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct ObjectRecord {
    /// The capsule that its bytes belong to, or belonged to.
    #[n(0)]
    pub capsule: u64,
    /// The part of its key that nobody can guess.
    #[n(1)]
    pub name: ByteArray<16>,
    /// Bytes.
    #[n(2)]
    pub len: u64,
    /// SHA-256 of them.
    #[n(3)]
    pub sha256: ByteArray<32>,
    /// The bucket's name for parts that are not put together yet.
    #[n(4)]
    pub upload_id: Option<String>,
    /// The bucket's name for these very bytes, where it keeps versions.
    #[n(5)]
    pub version: Option<String>,
    /// No address that lets somebody write it works beyond this time, ns.
    #[n(6)]
    pub signed_until_ns: u64,
    /// Whose it is.
    #[n(7)]
    pub holder: Holder,
}

impl ObjectRecord {
    /// Its key in the bucket, below the host's prefix: `{capsule}/{object}-{32 hex digits}`.
    pub fn key(&self, id: ObjectId) -> String {
        format!("{}/{}-{:032x}", self.capsule, id.0, u128::from_be_bytes(*self.name))
    }
}

pub(crate) struct Objects<R: Memory> {
    records: Map<u64, Record<ObjectRecord>, R>,
    leaving: Map<[u8; 16], (), R>,
    last: Counter<R>,
}

impl<R: Memory> Objects<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            records: Map::init(part(manager, Part::Objects)),
            leaving: Map::init(part(manager, Part::ObjectsLeaving)),
            last: Counter::open(manager, Field::LastObject),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.records.check_tree("objects", wrong);
        self.leaving.check_tree("objects to remove", wrong);
    }

    /// Bytes of the pages that they take.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.bytes() + self.leaving.bytes()
    }

    pub(crate) fn get(&self, id: ObjectId) -> Option<ObjectRecord> {
        self.records.get(&id.0).map(|record| record.0)
    }

    /// The number that the next one gets.
    pub(crate) fn next_id(&self) -> ObjectId {
        ObjectId(self.last.read() + 1)
    }

    /// A new object, under the next number.
    pub(crate) fn add(&mut self, record: &ObjectRecord) -> ObjectId {
        let id = self.next_id();
        self.last.add(1);
        self.records.put(&id.0, record);
        id
    }

    /// Stores an object that is there already, and lists it where it is nobody's.
    pub(crate) fn put(&mut self, id: ObjectId, record: &ObjectRecord) {
        self.records.put(&id.0, record);
        if let Holder::Nobody(at_ns) = record.holder {
            self.leaving.insert(leaving_key(at_ns, id), ());
        }
    }

    pub(crate) fn remove(&mut self, id: ObjectId) {
        if let Some(Holder::Nobody(at_ns)) = self.get(id).map(|record| record.holder) {
            self.leaving.remove(&leaving_key(at_ns, id));
        }
        self.records.remove(&id.0);
    }

    /// Those that may be removed before `now_ns`, in the order of their times.
    pub(crate) fn to_remove(&self, now_ns: u64) -> impl Iterator<Item = ObjectId> + '_ {
        self.leaving.keys_range(..leaving_key(now_ns, ObjectId(0))).map(|key| ObjectId(u64_be(&key[8..])))
    }

    /// From a number on, in order.
    pub(crate) fn from(&self, first: ObjectId) -> impl Iterator<Item = (ObjectId, ObjectRecord)> + '_ {
        self.records.range(first.0..).map(|(id, record)| (ObjectId(id), record.0))
    }

    /// What is broken within the table, in words. O(objects).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        let mut listed = 0;
        for (id, record) in self.from(ObjectId(0)) {
            if id >= self.next_id() {
                wrong.push(format!("{id} has a number that was never given"));
            }
            if let Holder::Nobody(at_ns) = record.holder {
                listed += 1;
                if !self.leaving.contains_key(&leaving_key(at_ns, id)) {
                    wrong.push(format!("{id} is nobody's, and is not listed to be removed"));
                }
            }
        }
        let found = self.leaving.len();
        if found != listed {
            wrong.push(format!("{found} objects are listed to be removed, {listed} are nobody's"));
        }
    }
}

fn leaving_key(at_ns: u64, id: ObjectId) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&at_ns.to_be_bytes());
    key[8..].copy_from_slice(&id.0.to_be_bytes());
    key
}
