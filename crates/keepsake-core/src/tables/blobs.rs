//! The table of blobs. Owns their records and counters; the bytes are the heap's, and what refers to a blob belongs to the
//! rules.
//!
//! ```text
//! key: blob u64      value: BlobRecord (its extents are the finished session's: nothing is moved)
//! ```

use crate::heap::Extent;
use crate::ids::{BlobId, ObjectId, SessionId};
use crate::layout::{Counter, Field, Map, Part, part};
use crate::limits::CHUNK_BYTES_MAX;
use crate::record::{Record, principal};
use crate::tables::runs::{InRuns, Place};
use ic_principal::Principal;
use ic_stable_structures::Memory;
use ic_stable_structures::memory_manager::MemoryManager;
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

/// A blob's record.
#[derive(Encode, Decode, Clone, Debug, PartialEq, Eq)]
pub struct BlobRecord {
    /// The capsule it belongs to; 0 where it is a file of the site.
    #[n(0)]
    pub capsule: u64,
    /// Who uploaded it.
    #[cbor(n(1), with = "principal")]
    pub creator: Principal,
    /// Bytes.
    #[n(2)]
    pub len: u64,
    /// SHA-256 of them.
    #[n(3)]
    pub sha256: ByteArray<32>,
    /// MIME type given at begin.
    #[n(4)]
    pub mime_type: Option<String>,
    /// Finish time, ns.
    #[n(5)]
    pub created_ns: u64,
    /// Collected after this time unless a memory refers to it, ns.
    #[n(6)]
    pub expires_ns: Option<u64>,
    /// Assets that refer to it.
    #[n(7)]
    pub references: u32,
    /// Where its last bytes are, in order: all that do not lie in runs.
    #[n(8)]
    pub extents: Vec<Extent>,
    /// The memory that it was published with.
    #[n(9)]
    pub memory: Option<u64>,
    /// The runs that hold its first bytes, if any.
    #[n(10)]
    pub runs: Option<BlobRuns>,
    /// The object in the bucket that has its bytes, or gets them while they are still here.
    #[n(11)]
    pub object: Option<u64>,
}

/// The runs of a blob: those of the session that it came by.
#[derive(Encode, Decode, Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobRuns {
    /// The session.
    #[n(0)]
    pub session: u64,
    /// Bytes of each chunk.
    #[n(1)]
    pub chunk_len: u32,
}

impl BlobRecord {
    /// The object that has its bytes; none while they are here.
    pub fn elsewhere(&self) -> Option<ObjectId> {
        let is_here = self.runs.is_some() || !self.extents.is_empty();
        self.object.filter(|_| !is_here).map(ObjectId)
    }

    /// Where its bytes lie.
    pub(crate) fn place(&self) -> Place {
        let in_extents: u64 = self.extents.iter().map(|extent| extent.len).sum();
        let runs = self.runs.map(|BlobRuns { session, chunk_len }| InRuns {
            session: SessionId(session),
            chunk_len,
            len: self.len - in_extents,
        });
        Place { runs, extents: self.extents.clone() }
    }

    /// Number of chunks that [`Store::blob_chunk`](crate::Store::blob_chunk) cuts it into.
    pub fn chunk_count(&self) -> u32 {
        u32::try_from(self.len.div_ceil(CHUNK_BYTES_MAX.into())).expect("2^32 chunks are beyond every heap")
    }
}

pub(crate) struct Blobs<R: Memory> {
    records: Map<u64, Record<BlobRecord>, R>,
    next: Counter<R>,
    stored: Counter<R>,
    counted_from: Counter<R>,
}

impl<R: Memory> Blobs<R> {
    pub(crate) fn open(manager: &MemoryManager<R>) -> Self {
        Self {
            records: Map::init(part(manager, Part::Blobs)),
            next: Counter::open(manager, Field::NextBlob),
            stored: Counter::open(manager, Field::BlobsStored),
            counted_from: Counter::open(manager, Field::BlobsCountedFrom),
        }
    }

    /// What is broken in the trees below, in words. O(pages).
    pub(crate) fn check_trees(&self, wrong: &mut Vec<String>) {
        self.records.check_tree("blobs", wrong);
    }

    pub(crate) fn get(&self, id: BlobId) -> Option<BlobRecord> {
        self.records.get(&id.0).map(|record| record.0)
    }

    /// Whether a blob is counted in its capsule's record bytes (see [`crate::charge`]).
    pub(crate) fn is_counted(&self, id: BlobId) -> bool {
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
    pub(crate) fn count_next(&mut self) -> Option<BlobRecord> {
        let last = self.records.range(..self.counted_from.read()).next_back();
        self.counted_from.set(last.as_ref().map_or(0, |(id, _)| *id));
        last.map(|(_, record)| record.0)
    }

    /// Bytes of the pages that it takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.records.bytes()
    }

    /// Stores a blob that is there already.
    pub(crate) fn put(&mut self, id: BlobId, blob: &BlobRecord) {
        self.records.put(&id.0, blob);
    }

    /// A new blob, under the next number.
    pub(crate) fn add(&mut self, blob: &BlobRecord) -> BlobId {
        let id = BlobId(self.next.next());
        self.records.put(&id.0, blob);
        self.stored.add(1);
        id
    }

    pub(crate) fn remove(&mut self, id: BlobId) {
        self.records.remove(&id.0);
        self.stored.sub(1);
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = BlobId> + '_ {
        self.records.keys().map(BlobId)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (BlobId, BlobRecord)> + '_ {
        self.records.iter().map(|(id, record)| (BlobId(id), record.0))
    }

    /// From a number on, in order.
    pub(crate) fn from(&self, first: BlobId) -> impl Iterator<Item = (BlobId, BlobRecord)> + '_ {
        self.records.range(first.0..).map(|(id, record)| (BlobId(id), record.0))
    }

    /// The number that no blob has yet.
    pub(crate) fn next_id(&self) -> BlobId {
        BlobId(self.next.read())
    }

    /// What is broken within the table, in words. O(blobs).
    pub(crate) fn check(&self, wrong: &mut Vec<String>) {
        let (counted, found) = (self.stored.read(), self.records.len());
        if counted != found {
            wrong.push(format!("header counts {counted} blobs, there are {found}"));
        }
    }
}
